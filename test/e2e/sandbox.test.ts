/** `sandbox`: containers made from flags alone, as root. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { files, installGuest, TestLayout, tar } from './harness/images.ts';
import { type NamespaceKind, namespaceOf, processes, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { call, defaultEnvironment, runtime, start } from './harness/runtime.ts';
import { Terminal } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

/** Runs a shell command in a sandbox, which has to succeed; what it printed. */
async function said(lab: Lab, flags: readonly string[], script: string): Promise<string> {
  const name = lab.id();
  const result = await lab.tsrun(['sandbox', '--name', name, ...flags, '--', 'sh', '-c', script]);
  expect(result.stderr).toBe('');
  result.expectCode(0);
  expect(existsSync(join(lab.root, name))).toBe(false);
  return result.stdout.trim();
}

describe("the host's root", () => {
  test('is there, and read-only everywhere', async ({ lab }) => {
    const host = lab.directory('host');
    writeFileSync(join(host, 'file'), 'seen');
    expect(await said(lab, [], `cat ${host}/file`)).toBe('seen');
    const written = await said(lab, [], `for d in / /etc /usr ${host}; do (> $d/x) 2>/dev/null && echo $d; done; true`);
    expect(written).toBe('');
    expect(existsSync(join(host, 'x'))).toBe(false);
  });

  test('with /proc, /sys, /dev, /run and /tmp of its own', async ({ lab }) => {
    const told = await said(
      lab,
      [],
      'ls /run /tmp; echo x > /tmp/x && cat /tmp/x; ls /proc | grep -c "^[0-9]"; ls /dev',
    );
    const [run, tmp, x, count, ...devices] = told.split('\n').filter((line) => line !== '');
    expect([run, tmp, x]).toEqual(['/run:', '/tmp:', 'x']);
    expect(Number(count)).toBeLessThan(5);
    expect(devices.sort()).toEqual(
      [
        'fd',
        'full',
        'mqueue',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ].sort(),
    );
  });

  test('begins where the caller is', async ({ lab }) => {
    const cwd = lab.directory('here');
    const result = await lab.tsrun(['sandbox', '--', 'pwd'], { cwd });
    expect(result.expectCode(0).stdout.trim()).toBe(cwd);
  });
});

describe('files', () => {
  test('--tmpfs, --bind, --ro-bind, --copy-up', async ({ lab }) => {
    const home = lab.directory('home');
    writeFileSync(join(home, 'secret'), 'x');
    const data = lab.directory('data');
    writeFileSync(join(data, 'mine'), 'x');
    expect(await said(lab, ['--tmpfs', home], `ls -A ${home}; echo y > ${home}/new; ls ${home}`)).toBe('new');
    expect(await said(lab, ['--bind', `${data}:/mnt`], 'ls /mnt; echo written > /mnt/out')).toBe('mine');
    expect(readFileSync(join(data, 'out'), 'utf8')).toBe('written\n');
    expect(await said(lab, ['--ro-bind', `${data}:/mnt`], '(> /mnt/no) 2>/dev/null || echo refused')).toBe('refused');
    expect(
      await said(lab, ['--copy-up', data], `rm ${data}/mine; echo other > ${data}/out; cat ${data}/out; ls ${data}`),
    ).toBe('other\nout');
    expect([readdirSync(home), readdirSync(data).sort()]).toEqual([['secret'], ['mine', 'out']]);
    expect(readFileSync(join(data, 'out'), 'utf8')).toBe('written\n');
  });

  test('what lies below a --tmpfs is still there', async ({ lab }) => {
    const home = lab.directory('home');
    mkdirSync(join(home, 'work'));
    writeFileSync(join(home, 'work/file'), 'kept');
    expect(await said(lab, ['--ro-bind', join(home, 'work'), '--tmpfs', home], `cat ${home}/work/file`)).toBe('kept');
  });

  test('a colon in the path of a bind is written with a backslash', async ({ lab }) => {
    const source = lab.directory('a:b');
    writeFileSync(join(source, 'file'), 'seen');
    expect(await said(lab, ['--ro-bind', `${source.replace(':', '\\:')}:/mnt`], 'cat /mnt/file')).toBe('seen');
  });

  test('what is made of a directory that is missing: the caller’s own, and not the one of --cwd', async ({ lab }) => {
    const home = lab.directory('home/work');
    const own = await lab.tsrun(['sandbox', '--tmpfs', lab.path('home'), '--', 'pwd'], { cwd: home });
    expect(own.expectCode(0).stdout.trim()).toBe(home);
    const { rootfs } = lab.bundle();
    const missing = await lab.tsrun(['sandbox', '--rootfs', rootfs, '--cwd', '/missing', '--', '/guest', 'cwd']);
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining('it is missing in the sandbox: make it first, or bind a directory there'),
    ]);
    expect(existsSync(join(rootfs, 'missing'))).toBe(false);
    const there = await lab.tsrun(['sandbox', '--rootfs', rootfs, '--cwd', '/etc', '--', '/guest', 'cwd']);
    expect(there.expectCode(0).facts.text('cwd')).toBe('/etc');
  });

  test('--copy-up looks into the root file system that there is', async ({ lab }) => {
    const { rootfs } = lab.bundle();
    files(rootfs, { 'etc/file': 'x' });
    symlinkSync('/etc', join(rootfs, 'link'));
    const line = (target: string) => [
      'sandbox',
      '--rootfs',
      rootfs,
      '--copy-up',
      target,
      '--',
      '/guest',
      'stat=/etc/file',
    ];
    (await lab.tsrun(line('/link'))).expectCode(0);
    expect((await lab.tsrun(line('/etc/file'))).stderr).toContain('--copy-up /etc/file: not a directory');
    expect((await lab.tsrun(line('/usr/share'))).stderr).toContain('--copy-up /usr/share: there is no such directory');
  });

  test('--rootfs of a directory, writable', async ({ lab }) => {
    const { rootfs } = lab.bundle();
    const result = await lab.tsrun(['sandbox', '--rootfs', rootfs, '--', '/guest', 'ids', 'write=/made']);
    expect(result.expectCode(0).facts.each('ids')).toHaveLength(1);
    expect(existsSync(join(rootfs, 'made'))).toBe(true);
  });
});

describe('ID-mapped binds', () => {
  const owners = (path: string) => `stat -c '%u:%g' ${path}`;

  test('what is one user’s on the disk is another’s there, both ways', async ({ lab }) => {
    const data = lab.directory('data');
    writeFileSync(join(data, 'file'), 'x');
    chownSync(join(data, 'file'), 1001, 1001);
    chownSync(data, 1001, 1001);
    const script = `touch /mnt/new; ${owners('/mnt/file')}`;
    const bind = ['--bind', `${data}:/mnt:idmap=b:1001:1002:1`, '--user', '1002:1002'];
    expect(await said(lab, bind, script)).toBe('1002:1002');
    const { uid, gid } = statSync(join(data, 'new'));
    expect([uid, gid]).toEqual([1001, 1001]);
    expect(await said(lab, ['--ro-bind', `${data}:/mnt:idmap=u:1001:7:1`], owners('/mnt/file'))).toBe('7:1001');
    expect(await said(lab, ['--bind', `${data}:/mnt:idmap=u:1001:7:1,g:1001:8:1`], owners('/mnt/file'))).toBe('7:8');
    expect(await said(lab, ['--ro-bind', `${data}:/mnt:idmap=b:1001:0:1`], '(> /mnt/no) 2>&1 || true')).toContain(
      'Read-only',
    );
  });
});

describe('--keep-ns', () => {
  test('keeps a namespace at a file, for others to join, when the sandbox has ended', async ({ lab }) => {
    const file = join(lab.dir, 'kept-uts');
    const flags = ['--keep-ns', `uts=${file}`, '--hostname', 'kept'];
    const inode = await said(lab, flags, 'readlink /proc/self/ns/uts');
    try {
      expect(inode).toBe(`uts:[${statSync(file).ino}]`);
      expect(await said(lab, ['--uts', file], 'hostname')).toBe('kept');
      const renamed = ['--uts', file, '--cap-add', 'SYS_ADMIN'];
      expect(await said(lab, renamed, 'hostname other; hostname')).toBe('other');
      expect(await said(lab, ['--uts', file], 'hostname')).toBe('other');
    } finally {
      (await call(['umount', file])).expectCode(0);
    }
  });

  test('takes a new file or an empty one, and hides nothing else', async ({ lab }) => {
    const refusal = async (...kept: string[]) => {
      const flags = kept.flatMap((text) => ['--keep-ns', text]);
      const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'true']);
      expect([result.code, lab.leftovers()]).toEqual([1, []]);
      return result.stderr;
    };
    const full = lab.path('full');
    writeFileSync(full, 'x');
    const hidden =
      'is there, and no empty file, which the namespace would hide: name a file that is empty, or a new one';
    expect(await refusal(`uts=${full}`)).toContain(`--keep-ns uts: "${full}" ${hidden}`);
    expect(await refusal(`uts=${lab.dir}`)).toContain(`--keep-ns uts: "${lab.dir}" ${hidden}`);
    const empty = lab.path('empty');
    writeFileSync(empty, '');
    expect(await refusal(`uts=${empty}`, `ipc=${empty}`)).toContain(`--keep-ns ipc: "${empty}" is the file of uts`);
    symlinkSync(empty, lab.path('link'));
    expect(await refusal(`uts=${lab.path('link')}`)).toContain(hidden);
    expect(await said(lab, ['--keep-ns', `uts=${empty}`, '--hostname', 'kept'], 'hostname')).toBe('kept');
    try {
      expect(await refusal(`uts=${empty}`)).toContain(
        `--keep-ns uts: "${empty}" keeps a namespace already: unmount that`,
      );
    } finally {
      (await call(['umount', empty])).expectCode(0);
    }
  });

  test('leaves no file where the sandbox does not come to be', async ({ lab }) => {
    const flags = ['--keep-ns', `ipc=${lab.dir}/one`, '--keep-ns', `net=${lab.dir}/missing/two`];
    const result = await lab.tsrun(['sandbox', '--name', lab.id(), ...flags, '--', 'true']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`--keep-ns net: make "${lab.dir}/missing/two": open: No such file or directory`);
    expect(readdirSync(lab.dir).filter((name) => name !== 'state')).toEqual([]);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('--rootfs of what has to be unpacked', () => {
  function tree(lab: Lab): string {
    const root = files(lab.directory('tree'), { 'etc/passwd': 'root:x:0:0::/:/bin/sh\nwww:x:33:44::/:/bin/sh\n' });
    installGuest(root);
    mkdirSync(join(root, 'data'));
    return root;
  }

  test('an archive, gone at the end', async ({ lab }) => {
    const archive = lab.path('root.tar.gz');
    writeFileSync(archive, gzipSync(tar(tree(lab))));
    const name = lab.id();
    const line = ['sandbox', '--name', name, '--rootfs', archive, '--', '/bin/guest', 'write=/made=1', 'hostname'];
    const result = (await lab.tsrun(line)).expectCode(0);
    expect([result.facts.of('write').errno, result.facts.text('hostname')]).toEqual(['', name]);
    expect(result.stderr).toBe('');
    expect(lab.leftovers()).toEqual([]);
  });

  test('an image, with what it says about its process', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    layout.add([tar(tree(lab))], {
      config: {
        Entrypoint: ['/bin/guest'],
        Cmd: ['ids', 'cwd', 'env'],
        Env: ['A=b'],
        WorkingDir: '/data',
        User: 'www',
      },
    });
    const { facts } = (await lab.tsrun(['sandbox', '--name', lab.id(), '--rootfs', layout.dir])).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 33, gid: 44 });
    expect(facts.text('cwd')).toBe('/data');
    expect(facts.list('env')).toContain('A=b');
    const other = ['--user', '0', '--cwd', '/etc', '--env', 'A=c', '--', '/bin/guest', 'ids', 'cwd', 'env'];
    const changed = (await lab.tsrun(['sandbox', '--name', lab.id(), '--rootfs', layout.dir, ...other])).expectCode(
      0,
    ).facts;
    expect(changed.of('ids')).toMatchObject({ uid: 0 });
    expect([changed.text('cwd'), changed.list('env').includes('A=c')]).toEqual(['/etc', true]);
    expect(lab.leftovers()).toEqual([]);
  });

  test('one of several images by its tag, as bundle takes it', async ({ lab }) => {
    const layout = new TestLayout(lab.path('layout'));
    const layer = tar(tree(lab));
    for (const [index, tag] of ['one', 'two'].entries())
      layout.add([layer], { tag, config: { Entrypoint: ['/bin/guest', `exit=${index + 5}`] } });
    const ended = async (rootfs: string) =>
      (await lab.tsrun(['sandbox', '--name', lab.id(), '--rootfs', rootfs], { cwd: lab.dir })).code;
    expect([await ended('oci:layout:one'), await ended('oci-archive:layout:two')]).toEqual([5, 6]);
    const other = await lab.tsrun(['sandbox', '--rootfs', `oci:${layout.dir}:three`]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('it holds no image "three", but "one"')]);
    expect(other.stderr).toContain(`--rootfs: ${layout.dir}: `);
  });

  test('what is damaged leaves nothing, and what is not unpacked yet is not shown', async ({ lab }) => {
    const archive = lab.path('root.tar');
    writeFileSync(archive, tar(tree(lab)).subarray(0, 3000));
    const broken = await lab.tsrun(['sandbox', '--name', lab.id(), '--rootfs', archive, '--', '/bin/guest']);
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('root.tar')]);
    expect(lab.leftovers()).toEqual([]);
    const shown = await lab.tsrun(['sandbox', '--print-config', '--rootfs', archive]);
    expect([shown.code, shown.stderr]).toEqual([1, expect.stringContaining('known when it is unpacked')]);
  });
});

describe('where --rootfs is unpacked', () => {
  /** An archive whose program is the guest, and an environment with a directory for temporary files of the test's own. */
  function prepared(lab: Lab) {
    const archive = lab.path('root.tar');
    const root = lab.directory('tree');
    installGuest(root);
    mkdirSync(join(root, 'etc'));
    writeFileSync(archive, tar(root));
    const tmp = lab.directory('tmp');
    return { archive, tmp, env: { ...defaultEnvironment, TMPDIR: tmp } };
  }

  /** A sandbox of that archive which waits, and where it was unpacked. */
  async function waiting(lab: Lab) {
    const { archive, tmp, env } = prepared(lab);
    const name = lab.id();
    const line = runtime(lab.root, 'sandbox', '--name', name, '--rootfs', archive, '--', '/bin/guest', 'pause');
    const running = start(line, { env });
    await until('it runs', async () => (await lab.tsrun(['state', name])).stdout.includes('running'));
    const [made = ''] = readdirSync(tmp);
    expect(made).toMatch(/^tsrun-sandbox-[0-9a-f]{16}$/);
    return { name, running, tmp, scratch: join(tmp, made) };
  }

  test('is a directory of one’s own below TMPDIR, which goes with the sandbox', async ({ lab }) => {
    const { name, running, tmp, scratch } = await waiting(lab);
    const { mode, uid } = statSync(scratch);
    expect([mode & 0o777, uid]).toEqual([0o700, 0]);
    expect(existsSync(join(scratch, 'unpacked/rootfs/bin/guest'))).toBe(true);
    (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    await running;
    expect([readdirSync(tmp), lab.leftovers()]).toEqual([[], []]);
  });

  test('goes after a kill -9 of tsrun, and by delete --force where nobody is left', async ({ lab }) => {
    const { running, tmp } = await waiting(lab);
    running.kill('SIGKILL');
    await running;
    await until('it has gone', () => readdirSync(tmp).length === 0);

    const name = lab.id();
    const left = join(tmp, 'tsrun-sandbox-0123456789abcdef');
    mkdirSync(join(left, 'unpacked/rootfs/etc'), { recursive: true });
    mkdirSync(join(lab.root, name));
    writeFileSync(join(lab.root, name, 'scratch'), JSON.stringify({ path: left }));
    (await lab.tsrun(['delete', '--force', name])).expectCode(0);
    expect([readdirSync(tmp), lab.leftovers()]).toEqual([[], []]);
  });

  test('is no directory of anybody else’s, nor one of another name, whatever was noted', async ({ lab }) => {
    const { tmp } = prepared(lab);
    const foreign = join(tmp, 'tsrun-sandbox-0123456789abcdef');
    const link = join(tmp, 'tsrun-sandbox-fedcba9876543210');
    const other = join(tmp, 'other');
    for (const path of [foreign, other]) mkdirSync(path);
    chownSync(foreign, 1000, 1000);
    symlinkSync(other, link);
    for (const path of [foreign, link, other, `${other}/../other`]) {
      const name = lab.id();
      mkdirSync(join(lab.root, name), { recursive: true });
      writeFileSync(join(lab.root, name, 'scratch'), JSON.stringify({ path }));
      (await lab.tsrun(['delete', '--force', name])).expectCode(0);
      expect(lab.leftovers()).toEqual([]);
    }
    expect(readdirSync(tmp).sort()).toEqual([
      'other',
      'tsrun-sandbox-0123456789abcdef',
      'tsrun-sandbox-fedcba9876543210',
    ]);
  });

  test('goes with what the sandbox mounted there among the host’s mounts, which stay', async ({ lab }) => {
    const { archive, tmp, env } = prepared(lab);
    const host = files(lab.directory('host'), { 'kept/file': 'x' });
    const flags = ['--rootfs', archive, '--mount', 'host', '--privileged'];
    const hold = start(runtime(lab.root, 'sandbox', '--name', lab.id(), ...flags, '--', '/bin/guest', 'pause'), {
      env,
    });
    await until(
      'it runs',
      () => readdirSync(tmp).length > 0 && existsSync(join(tmp, readdirSync(tmp)[0] ?? '', 'unpacked')),
    );
    const root = join(tmp, readdirSync(tmp)[0] ?? '', 'unpacked/rootfs/etc');
    // As the sandbox itself could, with a program that can mount.
    (await call(['mount', '--bind', host, root])).expectCode(0);
    (await call(['mount', '-t', 'tmpfs', 'tmpfs', join(root, 'kept')])).expectCode(0);
    hold.kill('SIGTERM');
    await hold;
    await until('it has gone', () => readdirSync(tmp).length === 0);
    expect(readFileSync(join(host, 'kept/file'), 'utf8')).toBe('x');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(tmp);
    expect(lab.leftovers()).toEqual([]);
  });

  test('has to be a place where programs can be run', async ({ lab }) => {
    const { archive, tmp, env } = prepared(lab);
    const refusal = async (TMPDIR: string) => {
      const line = ['sandbox', '--name', lab.id(), '--rootfs', archive, '--', '/bin/guest', 'ids'];
      const result = await lab.tsrun(line, { env: { ...env, TMPDIR } });
      expect([result.code, lab.leftovers()]).toEqual([1, []]);
      return result.stderr;
    };
    (await call(['mount', '-t', 'tmpfs', '-o', 'noexec', 'tmpfs', tmp])).expectCode(0);
    try {
      expect(await refusal(tmp)).toContain(`--rootfs: unpack in "${tmp}" (TMPDIR): that file system is mounted noexec`);
    } finally {
      (await call(['umount', tmp])).expectCode(0);
    }
    expect(await refusal('tmp')).toContain('--rootfs: unpack in "tmp" (TMPDIR): not an absolute path: set TMPDIR');
    expect(await refusal(`${tmp}/none`)).toContain('(TMPDIR): set TMPDIR to a directory on a disk with room');
  });
});

describe('namespaces', () => {
  const kinds: [flag: string, kind: NamespaceKind][] = [
    ['net', 'net'],
    ['pid', 'pid'],
    ['uts', 'uts'],
    ['ipc', 'ipc'],
    ['mount', 'mnt'],
    ['cgroup', 'cgroup'],
    ['user', 'user'],
    ['time', 'time'],
  ];

  test.for(kinds)('%s: private, the host’s, and one joined', async ([flag, kind], { lab }) => {
    const ask = `readlink /proc/self/ns/${kind}`;
    const own = namespaceOf('self', kind);
    expect(await said(lab, [`--${flag}`, 'private'], ask)).not.toBe(own);
    // A host mount namespace leaves the host's /proc, which is of another pid namespace than a private one.
    const shared = flag === 'mount' ? ['--pid', 'host'] : [];
    expect(await said(lab, [`--${flag}`, 'host', ...shared], ask)).toBe(own);
  });

  test('a joined one, by path and by container', async ({ lab }) => {
    const name = lab.id();
    const holder = lab.tsrun(['sandbox', '--name', name, '--hostname', 'holder', '--', 'sleep', '30']);
    const pid = async (): Promise<number> => (await lab.tsrun(['state', name])).json<{ pid: number }>().pid;
    await expect.poll(async () => (await lab.tsrun(['state', name])).stdout, { timeout: 10_000 }).toContain('running');
    const path = `/proc/${await pid()}/ns/uts`;
    expect(await said(lab, ['--uts', path], 'hostname')).toBe('holder');
    expect(await said(lab, ['--uts', `container:${name}`], 'hostname')).toBe('holder');
    expect(await said(lab, ['--net', `container:${name}`], 'readlink /proc/self/ns/net')).toBe(
      readlinkSync(`/proc/${await pid()}/ns/net`),
    );
    (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    expect((await holder).code).toBe(137);
  });
});

describe('ids and limits', () => {
  test('--map-root, and --user', async ({ lab }) => {
    expect(await said(lab, ['--map-root'], 'id -u; cat /proc/self/uid_map')).toMatch(/^0\n\s+0\s+0\s+1$/);
    expect(await said(lab, ['--user', '1000:100'], 'echo $(id -u) $(id -g); grep CapEff /proc/self/status')).toMatch(
      /^1000 100\nCapEff:\s+0+$/,
    );
  });

  test('capabilities', async ({ lab }) => {
    const effective = async (...flags: string[]): Promise<bigint> => {
      const line = await said(lab, flags, 'grep CapEff /proc/self/status');
      return BigInt(`0x${line.split('\t')[1]}`);
    };
    const netAdmin = 1n << 12n;
    expect((await effective()) & netAdmin).toBe(0n);
    expect((await effective('--cap-add', 'NET_ADMIN')) & netAdmin).toBe(netAdmin);
    expect(await effective('--cap-drop', 'ALL')).toBe(0n);
    expect((await effective('--privileged')) & netAdmin).toBe(netAdmin);
    expect((await effective('--user', '7', '--cap-add', 'NET_ADMIN')) & netAdmin).toBe(netAdmin);
  });

  test('the process limit holds', async ({ lab }) => {
    const script = 'i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i + 1)); done';
    const result = await lab.tsrun(['sandbox', '--pids', '6', '--', 'sh', '-c', script]);
    expect(result.stderr).toMatch(/fork/i);
  });
});

describe('system calls', () => {
  const filters = (lab: Lab, ...flags: string[]) =>
    said(lab, flags, 'grep -c "^Seccomp:.*2" /proc/self/status || true');

  test('are filtered, unless it is privileged or says that it wants none', async ({ lab }) => {
    expect(await filters(lab)).toBe('1');
    expect(await filters(lab, '--seccomp', 'none')).toBe('0');
    expect(await filters(lab, '--privileged')).toBe('0');
    expect(await filters(lab, '--privileged', '--seccomp', 'default')).toBe('1');
  });

  test('what the built-in filter keeps from a sandbox, a capability gives', async ({ lab }) => {
    const script = 'unshare --uts true 2>&1; mount -t tmpfs none /mnt 2>&1; true';
    expect(await said(lab, [], script)).toMatch(
      /^unshare: .*Operation not permitted\nmount: .*permi(tted|ssion denied)/,
    );
    expect(await said(lab, ['--cap-add', 'SYS_ADMIN'], script)).toBe('');
    expect(await said(lab, ['--seccomp', 'none', '--map-root'], 'unshare --user --map-root-user id -u')).toBe('0');
    expect(await said(lab, ['--map-root'], 'unshare --user true 2>&1 || true')).toContain('Operation not permitted');
  });

  test('--seccomp takes the profile of a file, relative to the caller', async ({ lab }) => {
    const syscalls = [
      { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 5, excludes: { caps: ['CAP_SYS_ADMIN'] } },
    ];
    writeFileSync(join(lab.dir, 'profile.json'), JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
    const make = async (...flags: string[]) =>
      lab.tsrun(['sandbox', '--seccomp', 'profile.json', ...flags, '--', 'mkdir', '/tmp/x'], { cwd: lab.dir });
    expect((await make()).stderr).toContain('Input/output error');
    (await make('--cap-add', 'SYS_ADMIN')).expectCode(0);
  });
});

describe('the command line', () => {
  test('--print-config prints a configuration that run takes, and makes nothing', async ({ lab }) => {
    const { dir } = lab.bundle();
    const line = ['sandbox', '--rootfs', join(dir, 'rootfs'), '--hostname', 'shown'];
    const printed = await lab.tsrun([...line, '--print-config', '--', '/guest', 'hostname']);
    writeFileSync(join(dir, 'config.json'), printed.expectCode(0).stdout);
    expect(existsSync(lab.root)).toBe(false);
    const ran = (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    const direct = (await lab.tsrun([...line, '--', '/guest', 'hostname'])).expectCode(0);
    expect(ran.stdout).toBe(direct.stdout);
    expect(ran.stdout).toContain('shown');
  });

  test('--explain shows the plan, and makes nothing', async ({ lab }) => {
    const { stdout } = (await lab.tsrun(['sandbox', '--explain', '--hostname', 'shown', '--', 'true'])).expectCode(0);
    expect(stdout).toContain('set the host name shown');
    expect(existsSync(lab.root)).toBe(false);
  });

  test('ends with the status of the command', async ({ lab }) => {
    expect((await lab.tsrun(['sandbox', '--', 'sh', '-c', 'exit 7'])).code).toBe(7);
    expect((await lab.tsrun(['sandbox', '--', 'sh', '-c', 'kill -9 $$; exit 3'])).code).toBe(3); // no signal of its own ends a first process
    const missing = await lab.tsrun(['sandbox', '--', 'no-such-program']);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('executable file not found in')]);
    expect(lab.leftovers()).toEqual([]);
  });

  const refused: [flags: string[], words: string][] = [
    [['--net', 'bridge'], '--net: neither private, host, slirp4netns'],
    [['--bind', '/no/such/thing:/mnt'], '--bind /no/such/thing:/mnt: bind /no/such/thing on /mnt: '],
    [['--bind', '/etc:/proc/x'], '--bind /etc:/proc/x: nothing can be mounted there: it is inside of /proc'],
    [['--tmpfs', '/usr/no/such/thing'], 'Read-only file system'],
    [['--tmpfs', '/etc/passwd'], '--tmpfs /etc/passwd: mount tmpfs on /etc/passwd'],
    [['--copy-up', '/etc/passwd'], '--copy-up /etc/passwd: not a directory: copy the one that it is in'],
    [['--copy-up', '/no/such'], '--copy-up /no/such: there is no such directory to copy'],
    [['--copy-up', '/run/x'], '--copy-up /run/x: a sandbox has a /run of its own'],
    [['--cwd', '/no/such'], '--cwd /no/such: enter the working directory /no/such: '],
    [['--cwd', '/etc/passwd'], '--cwd /etc/passwd: enter the working directory /etc/passwd: '],
    [['--explain', '--bind', '/etc:/proc/x'], '--bind /etc:/proc/x: nothing can be mounted there'],
    [['--rootfs', '/no/such/thing'], '--rootfs: /no/such/thing does not exist'],
    [['--rootfs', 'oci:/no/such/thing:x'], '--rootfs: open /no/such/thing: open: No such file or directory'],
    [['--rootfs', 'docker://alpine'], '--rootfs: "docker://alpine": docker: is a transport that tsrun does not have'],
    [['--rootfs', 'image:latest'], '--rootfs: "image:latest" does not exist, and image: is no transport'],
    [['--net', '/no/such/thing'], '--net /no/such/thing: '],
    [['--uts', '/dev/null'], '--uts /dev/null: "/dev/null" is no namespace'],
    [['--net', 'container:none-of-that-name'], 'does not exist'],
    [['--seccomp', '/no/such/thing'], '/no/such/thing'],
    [['--seccomp', '/etc/hostname'], '--seccomp: /etc/hostname:1:1: '],
  ];
  test.for(refused)('%s is refused, and nothing is left', async ([flags, words], { lab }) => {
    const result = await lab.tsrun(['sandbox', ...flags, '--', 'true']);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(words)]);
    expect(lab.leftovers()).toEqual([]);
  });

  test('two of one name: the second is refused, the first lives on', async ({ lab }) => {
    const name = lab.id();
    const first = lab.tsrun(['sandbox', '--name', name, '--', 'sleep', '30']);
    await expect.poll(async () => (await lab.tsrun(['state', name])).stdout, { timeout: 10_000 }).toContain('running');
    const second = await lab.tsrun(['sandbox', '--name', name, '--', 'true']);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('exists already')]);
    (await lab.tsrun(['kill', name, 'KILL'])).expectCode(0);
    expect((await first).code).toBe(137);
  });
});

describe('the end of tsrun', () => {
  /** A sandbox in the background with a process beside its first, once both run. */
  async function background(lab: Lab) {
    const name = lab.id();
    const flags = ['--name', name, '--pid', 'host', '--', 'sh', '-c', 'sleep 61 & exec sleep 61'];
    const call = start(runtime(lab.root, 'sandbox', ...flags));
    const pids = (): number[] =>
      processes().filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(name);
        } catch {
          return false;
        }
      });
    await until('two processes', () => pids().length === 2);
    return { name, call, pids };
  }

  test.for(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'] as const)('by %s leaves nothing', async (signal, { lab }) => {
    const { name, call, pids } = await background(lab);
    call.kill(signal);
    await call;
    await until('all processes are gone', () => pids().length === 0);
    await until('its state is gone', () => !existsSync(join(lab.root, name)));
    expect(lab.leftovers()).toEqual([]);
  });

  test('a first process that handles no signal ends by Ctrl-C all the same', async ({ lab }) => {
    const name = lab.id();
    const call = start(runtime(lab.root, 'sandbox', '--name', name, '--', 'sleep', '62'));
    await until('it runs', async () => (await lab.tsrun(['state', name])).stdout.includes('running'));
    call.kill('SIGINT');
    expect((await call).exitCode).toBe(137);
    expect(lab.leftovers()).toEqual([]);
  });

  test('and by what is typed', async ({ lab }) => {
    const name = lab.id();
    const terminal = new Terminal(24, 80, runtime(lab.root, 'sandbox', '--name', name, '--', 'sleep', '63'));
    await until('it runs', async () => (await lab.tsrun(['state', name])).stdout.includes('running'));
    terminal.type('\x03');
    await terminal.ended();
    expect(lab.leftovers()).toEqual([]);
  });
});
