/** Root file systems and configurations that mean harm: each published attack as a case from outside. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import {
  args,
  bind,
  change,
  command,
  cwd,
  directory,
  file,
  linux,
  mount,
  namespace,
  type Part,
  set,
  terminal,
  tmpfs,
  withCapabilities,
  withoutMount,
  withoutNamespace,
} from './harness/config.ts';
import { isAlive, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { parseMountinfo } from './harness/mountinfo.ts';
import { hostToolPath, isTsrun, runtimePath } from './harness/places.ts';
import { call, runtime, start } from './harness/runtime.ts';
import { ConsoleSocket } from './harness/terminal.ts';
import { describe, expect, test } from './harness/test.ts';

const corePattern = (): string => readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

let before: { pattern: string; mounts: string[]; digest: string };
beforeEach<{ lab: Lab }>(({ lab }) => {
  before = { pattern: corePattern(), mounts: lab.mounts(), digest: digest(runtimePath) };
});
afterEach<{ lab: Lab }>(({ lab }) => {
  expect(corePattern()).toBe(before.pattern);
  expect(lab.mounts()).toEqual(before.mounts);
  expect(digest(runtimePath)).toBe(before.digest);
});

/** A directory of the host that must stay as it is: one file, `marker`. */
function outside(lab: Lab, name = 'outside'): { dir: string; untouched: () => void } {
  const dir = lab.directory(name);
  writeFileSync(join(dir, 'marker'), 'marker');
  return {
    dir,
    untouched: () => {
      expect(readdirSync(dir)).toEqual(['marker']);
      expect(readFileSync(join(dir, 'marker'), 'utf8')).toBe('marker');
      expect(statSync(join(dir, 'marker')).isFile()).toBe(true);
    },
  };
}

/** Puts a link in the place of whatever the rootfs has there. */
const replaced =
  (path: string, target: string): Part =>
  ({ rootfs }) => {
    rmSync(join(rootfs, path), { recursive: true, force: true });
    symlinkSync(target, join(rootfs, path));
  };

const climbing = (path: string): string => `../../../../../../../../../..${path}`;

describe('CVE-2019-18837: a link as the place of a bind', () => {
  for (const form of ['absolute', 'climbing'] as const) {
    test(form, async ({ lab }) => {
      const out = outside(lab);
      const target = form === 'absolute' ? out.dir : climbing(out.dir);
      const source = lab.directory('source');
      const sourceFile = lab.path('source-file');
      writeFileSync(sourceFile, 'x');
      await lab.run([
        replaced('x', target),
        bind(source, '/x'),
        bind(sourceFile, '/x/newfile'),
        bind(source, '/x/newdir'),
        args('exit=0'),
      ]);
      out.untouched();
    });
  }
});

describe('CVE-2019-19921: /proc or /sys of the root file system is a link', () => {
  test.for(['/bad', 'OUT', 'CLIMB'])('proc -> %s', async (to, { lab }) => {
    const out = outside(lab);
    const target = to === 'OUT' ? out.dir : to === 'CLIMB' ? climbing(out.dir) : to;
    const result = await lab.run([
      directory('/bad'),
      replaced('proc', target),
      linux({ maskedPaths: ['/proc/timer_list'] }),
      args('exit=0'),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/\/proc/);
    out.untouched();
  });

  test.for(['/bad', 'OUT'])('sys -> %s', async (to, { lab }) => {
    const out = outside(lab);
    const result = await lab.run([
      directory('/bad'),
      replaced('sys', to === 'OUT' ? out.dir : to),
      mount({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] }),
      args('exit=0'),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/\/sys/);
    out.untouched();
  });
});

describe('CVE-2019-16884: something else than proc is mounted on /proc', () => {
  test.for(['tmpfs', 'bind'])('%s, with a kernel parameter to be written', async (kind, { lab }) => {
    const fake = lab.directory('fake');
    mkdirSync(join(fake, 'sys/kernel'), { recursive: true });
    mkdirSync(join(fake, 'self'));
    writeFileSync(join(fake, 'sys/kernel/msgmax'), 'unwritten');
    const result = await lab.run([
      withoutMount('/proc'),
      kind === 'tmpfs' ? tmpfs('/proc') : bind(fake, '/proc'),
      linux({ sysctl: { 'kernel.msgmax': '2222' } }),
      args('exit=0'),
    ]);
    // Refused, or written where it belongs and never to the false file.
    if (result.code !== 0) expect(result.stderr).toMatch(/\/proc/);
    expect(readFileSync(join(fake, 'sys/kernel/msgmax'), 'utf8')).toBe('unwritten');
    expect(readFileSync('/proc/sys/kernel/msgmax', 'utf8').trim()).not.toBe('2222');
  });
});

describe('CVE-2025-52881: a false /proc/self/attr', () => {
  const cases: [string, (lab: Lab) => Part[]][] = [
    ['tmpfs on /proc/self/attr', () => [tmpfs('/proc/self/attr')]],
    ['a bind on /proc/self/attr/exec', () => [bind('/proc/self/sched', '/proc/self/attr/exec')]],
    ['tmpfs through a link', () => [replaced('evil', '/proc/self/attr'), tmpfs('/evil')]],
    ['tmpfs on /proc/sys', () => [tmpfs('/proc/sys')]],
    ['a bind on a parameter', (lab) => [file('/x'), bind(lab.path('state-of-affairs'), '/proc/sys/kernel/msgmax')]],
  ];
  test.for(cases)('%s', async ([, parts], { lab }) => {
    const victim = lab.path('state-of-affairs');
    writeFileSync(victim, 'untouched');
    const result = await lab.run([
      ...parts(lab),
      linux({ sysctl: { 'kernel.msgmax': '3333' } }),
      args('read=/proc/sys/kernel/msgmax'),
    ]);
    if (result.code !== 0) expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
  });
});

describe('mounts in procfs', () => {
  const sysctl = linux({ sysctl: { 'kernel.msgmax': '3333' } });
  test.for(['/proc/self/attr', '/proc/sys/kernel', '/proc', climbing('/proc/sys/kernel')])(
    'through a link of the root file system to %s are refused',
    async (to, { lab }) => {
      const fake = lab.directory('fake');
      writeFileSync(join(fake, 'msgmax'), 'untouched');
      for (const parts of [
        [tmpfs('/evil')],
        [bind(fake, '/evil')],
        [tmpfs('/evil'), sysctl],
        [bind(fake, '/evil'), sysctl],
      ]) {
        const result = await lab.run([replaced('evil', to), ...parts, args('exit=0')]);
        expect(result.code).toBe(1);
        expect(result.stderr).toMatch(/^tsrun: mounts\[3\].*leads it into procfs.*\n$/);
        expect(readFileSync(join(fake, 'msgmax'), 'utf8')).toBe('untouched');
        expect(lab.leftovers()).toEqual([]);
      }
    },
  );

  test('of a file through a link are refused too', async ({ lab }) => {
    const victim = lab.path('source');
    writeFileSync(victim, 'untouched');
    const result = await lab.run([replaced('evil', '/proc/sys/kernel/msgmax'), bind(victim, '/evil'), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/mounts\[3\].*leads it into procfs/);
  });

  test('through /proc/1/root are refused', async ({ lab }) => {
    const result = await lab.run([replaced('evil', '/proc/1/root/tmp'), tmpfs('/evil'), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/mounts\[3\].*\/proc\/1\/root/);
  });

  test('of something that is no procfs on /proc are refused', async ({ lab }) => {
    for (const source of [lab.directory('fake'), '/proc/sys', '/proc/self', '/sys']) {
      const result = await lab.run([withoutMount('/proc'), bind(source, '/proc'), args('exit=0')]);
      expect([source, result.code]).toEqual([source, 1]);
      expect(result.stderr).toMatch(/mounts\[2\].*only a procfs may be mounted on \/proc/);
    }
  });

  test('of the host’s procfs on /proc work', async ({ lab }) => {
    const facts = await lab.facts(
      withoutMount('/proc'),
      withoutNamespace('pid'),
      bind('/proc', '/proc'),
      args('read=/proc/self/comm', 'statfs=/proc'),
    );
    expect(facts.text('read')).toBe('guest\n');
  });

  test('of files that containers are given views of work, and are those files', async ({ lab }) => {
    const view = lab.path('view');
    writeFileSync(view, 'a view');
    const paths = ['/proc/cpuinfo', '/proc/meminfo', '/proc/uptime', '/proc/loadavg'];
    const facts = await lab.facts(
      ...paths.map((path) => bind(view, path)),
      args(...paths.map((path) => `read=${path}`), 'read=/proc/self/comm'),
    );
    for (const path of paths) expect([path, facts.text('read', path)]).toEqual([path, 'a view']);
    expect(facts.text('read', '/proc/self/comm')).toBe('guest\n');
  });
});

describe('CVE-2024-21626: a directory of the machine by a leaked descriptor', () => {
  const inherit = ['open=9:/', 'open=10:/etc', 'open=20:/'];

  test('as the working directory', async ({ lab }) => {
    for (let fd = 3; fd <= 30; fd++) {
      const result = await lab.run([cwd(`/proc/self/fd/${fd}`), args('cwd', 'ls=.', 'ls=../../../..')], { inherit });
      if (result.code !== 0) continue;
      expect([fd, result.facts.text('cwd')]).toEqual([fd, expect.stringMatching(/^\//)]);
      expect([fd, result.facts.text('cwd').includes('unreachable')]).toEqual([fd, false]);
      for (const told of result.facts.each('ls')) {
        for (const name of ['lost+found', 'vmlinuz', 'shadow'])
          expect((told.value as string[] | undefined) ?? []).not.toContain(name);
      }
    }
  });

  test('as the program', async ({ lab }) => {
    for (let fd = 3; fd <= 24; fd += 3) {
      const result = await lab.run([command(`/proc/self/fd/${fd}/bin/sh`, '-c', 'exit 0')], { inherit });
      expect([fd, result.code]).toEqual([fd, 1]);
    }
  });

  test('as the source of a bind: the host’s view, never a descriptor of the runtime', async ({ lab }) => {
    const result = await lab.run([bind('/proc/self/fd/9', '/leak'), args('ls=/leak')], { inherit });
    if (result.code === 0) expect(result.facts.list('ls')).not.toContain('vmlinuz');
  });
});

describe('CVE-2025-31133: /dev/null is not the null device', () => {
  const variants: [string, (dev: string, lab: Lab) => void][] = [
    ['a link to a file', (dev, lab) => symlinkSync(lab.path('victim'), join(dev, 'null'))],
    ['a link to core_pattern', (dev) => symlinkSync('/proc/sys/kernel/core_pattern', join(dev, 'null'))],
    ['a file', (dev) => writeFileSync(join(dev, 'null'), '')],
    ['absent', () => {}],
  ];
  test.for(variants)('%s', async ([, prepare], { lab }) => {
    const dev = lab.directory('dev');
    writeFileSync(lab.path('victim'), 'victim');
    prepare(dev, lab);
    const result = await lab.run([
      withoutMount('/dev'),
      withoutMount('/dev/pts'),
      bind(dev, '/dev'),
      withCapabilities('CAP_SYS_ADMIN'),
      linux({ maskedPaths: ['/proc/timer_list'] }),
      args('stat=/proc/timer_list', 'write=/proc/timer_list=overwritten'),
    ]);
    if (result.code === 0) expect(result.facts.of('stat')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(readFileSync(lab.path('victim'), 'utf8')).toBe('victim');
  });
});

describe('CVE-2025-52565: /dev/console and /dev/pts are links', () => {
  const variants: [string, (lab: Lab) => Part[]][] = [
    [
      'dev/console in the root file system',
      () => [file('/etc/target', 'target'), withoutMount('/dev'), replaced('dev/console', '/etc/target')],
    ],
    [
      'dev/console in a bound /dev',
      (lab) => {
        const dev = lab.directory('dev');
        mkdirSync(join(dev, 'pts'));
        symlinkSync('/etc/target', join(dev, 'console'));
        return [
          file('/etc/target', 'target'),
          withoutMount('/dev'),
          change((config) =>
            config.mounts.splice(1, 0, { destination: '/dev', type: 'bind', source: dev, options: ['bind'] }),
          ),
        ];
      },
    ],
    [
      'a false /dev/pts',
      (lab) => {
        const pts = lab.directory('pts');
        for (let number = 0; number < 16; number++)
          symlinkSync('/proc/sys/kernel/core_pattern', join(pts, String(number)));
        return [file('/etc/target', 'target'), withoutMount('/dev/pts'), bind(pts, '/dev/pts')];
      },
    ],
  ];
  test.for(variants)('%s', async ([, parts], { lab }) => {
    const socket = await ConsoleSocket.listen(lab.path('console.sock'));
    try {
      const bundle = lab.bundle(
        ...parts(lab),
        terminal(),
        args('mounts', 'read=/etc/target', 'open=/dev/console=w', 'pause'),
      );
      const { result, id } = await lab.tryCreate(bundle, { flags: ['--console-socket', socket.path] });
      if (result.code !== 0) return;
      if ((await lab.tsrun(['start', id])).code !== 0) return;
      await socket.said('"pause"');
      expect(parseMountinfo(socket.facts.text('mounts')).map(({ target }) => target)).not.toContain('/etc/target');
      expect(socket.facts.text('read')).toBe('target');
    } finally {
      await socket.close();
    }
  });
});

describe('CVE-2026-41579: /dev of the root file system is a link', () => {
  for (const form of ['absolute', 'climbing'] as const) {
    for (const mounted of [false, true]) {
      test(`${form}, ${mounted ? 'with' : 'without'} a mount on /dev`, async ({ lab }) => {
        const out = outside(lab);
        writeFileSync(join(out.dir, 'ptmx'), 'marker');
        const result = await lab.run([
          replaced('dev', form === 'absolute' ? out.dir : climbing(out.dir)),
          ...(mounted ? [] : [withoutMount('/dev'), withoutMount('/dev/pts')]),
          linux({ devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229 }] }),
          args('exit=0'),
        ]);
        expect([0, 1]).toContain(result.code);
        expect(readdirSync(out.dir).sort()).toEqual(['marker', 'ptmx']);
        expect(readFileSync(join(out.dir, 'ptmx'), 'utf8')).toBe('marker');
      });
    }
  }
});

describe('CVE-2025-24965: nothing of the runtime is written through a link in the root file system', () => {
  test('every name that a runtime may make', async ({ lab }) => {
    const out = outside(lab);
    const names = [
      'etc/resolv.conf',
      'etc/mtab',
      'etc/hosts',
      '.dockerenv',
      'run',
      'var',
      'sys',
      'tmp',
      'dev/pts',
      'dev/shm',
      'dev/mqueue',
      'proc2',
    ];
    await lab.run([
      (draft) => {
        for (const name of names) {
          rmSync(join(draft.rootfs, name), { recursive: true, force: true });
          symlinkSync(out.dir, join(draft.rootfs, name));
        }
      },
      cwd('/run/made/by/cwd'),
      linux({ readonlyPaths: ['/var/x'], maskedPaths: ['/run/y'], devices: [{ type: 'p', path: '/tmp/fifo' }] }),
      args('exit=0'),
    ]);
    out.untouched();
  });
});

describe('kernel parameters that are not what they seem (CVE-2022-0811)', () => {
  const cases: [string, string][] = [
    ['kernel.shm_rmid_forced', '1+kernel.core_pattern=|/evil'],
    ['kernel.shm_rmid_forced', '1\nkernel.core_pattern=|/evil'],
    ['net.ipv4/../../kernel/core_pattern', '|/evil'],
    ['fs.mqueue./../../kernel/core_pattern', '|/evil'],
    ['net/../kernel/core_pattern', '|/evil'],
    ['kernel.core_pattern', '|/evil'],
    ['vm.overcommit_memory', '1'],
    ['net', '1'],
    ['', '1'],
    ['net.a\nb', '1'],
  ];
  test.for(cases)('%j = %j', async ([key, value], { lab }) => {
    const result = await lab.run([linux({ sysctl: { [key]: value } }), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(lab.leftovers()).toEqual([]);
  });

  test('those of the network need a network namespace', async ({ lab }) => {
    const result = await lab.run([
      change((config) => {
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'network');
      }),
      linux({ sysctl: { 'net.ipv4.ip_forward': '1' } }),
      args('exit=0'),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('net.ipv4.ip_forward');
    expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim()).toBe('0');
  });
});

describe('CVE-2021-43784: sizes that wrap', () => {
  test('a namespace path of 70 000 characters', async ({ lab }) => {
    const result = await lab.run([
      set('linux.namespaces[0].path', `/proc/self/ns/${'x'.repeat(70_000)}`),
      args('exit=0'),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr.length).toBeLessThan(8191);
  });

  test('5 000 mappings', async ({ lab }) => {
    const mappings = Array.from({ length: 5000 }, (_, index) => ({
      containerID: index,
      hostID: 100_000 + index,
      size: 1,
    }));
    const result = await lab.run([
      change((config) => {
        config.linux.namespaces.push({ type: 'user' });
      }),
      linux({ uidMappings: mappings, gidMappings: mappings }),
      args('exit=0'),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('Mappings');
  });
});

describe('CVE-2021-30465, CVE-2024-45310: directories that change places during create', () => {
  const rounds = 40;
  const variants: [string, (volume: string) => Part[]][] = [
    [
      'tmpfs below the volume',
      (volume) => [bind(volume, '/vol'), tmpfs('/vol/a/sub/new'), bind('/etc/hostname', '/vol/a/file')],
    ],
    [
      'a mount whose source is the volume',
      (volume) => [
        bind(volume, '/vol'),
        tmpfs('/vol/a/new'),
        mount({ destination: '/seen', type: 'bind', source: join(volume, 'real'), options: ['bind'] }),
      ],
    ],
    [
      'masked and read-only paths',
      (volume) => [bind(volume, '/vol'), linux({ maskedPaths: ['/vol/a/file'], readonlyPaths: ['/vol/a/dir'] })],
    ],
  ];
  test.for(variants)('%s', async ([, parts], { lab }) => {
    const out = outside(lab);
    const volume = lab.directory('volume');
    mkdirSync(join(volume, 'a'));
    mkdirSync(join(volume, 'real'));
    symlinkSync(climbing(out.dir), join(volume, 'b'));
    const swapping = start([hostToolPath, 'swap', join(volume, 'a'), join(volume, 'b')]);
    try {
      for (let round = 0; round < rounds; round++) {
        const result = await lab.run([...parts(volume), args('ls=/seen', 'exit=0')]);
        expect([0, 1]).toContain(result.code);
        expect(result.stdout).not.toContain('marker');
        out.untouched();
      }
    } finally {
      swapping.kill('SIGKILL');
      await swapping;
    }
  });
});

describe('device nodes that are there already, in a directory that somebody else changes', () => {
  /** All that the runtime makes, as it makes them: what is there is taken, where it is what it should be. */
  const nodes: [string, number, number][] = [
    ['null', 1, 3],
    ['zero', 1, 5],
    ['full', 1, 7],
    ['random', 1, 8],
    ['urandom', 1, 9],
    ['tty', 5, 0],
  ];

  test('the mode of a link’s target does not change', async ({ lab, onTestFinished }) => {
    // In memory, where names change places fast enough for the race to be won.
    const rootfs = mkdtempSync('/run/race-');
    onTestFinished(() => rmSync(rootfs, { recursive: true }));
    const victim = lab.path('victim');
    writeFileSync(victim, 'victim');
    chmodSync(victim, 0o600);
    const dev = join(rootfs, 'dev');
    for (const name of ['dev', 'proc']) mkdirSync(join(rootfs, name));
    for (const [name, major, minor] of nodes)
      (await call(['/bin/mknod', '-m', '600', join(dev, name), 'c', String(major), String(minor)])).expectCode(0);
    symlinkSync(victim, join(dev, 'link'));
    const bundle = lab.bundle(withoutMount('/dev'), withoutMount('/dev/pts'), set('root.path', rootfs), args('exit=0'));
    copyFileSync(join(bundle.rootfs, 'guest'), join(rootfs, 'guest'));
    const swapping = start([hostToolPath, 'swap', join(dev, 'null'), join(dev, 'link')]);
    try {
      let succeeded = 0;
      for (let round = 0; round < 80; round++) {
        const result = await lab.tsrun(['run', '--bundle', bundle.dir, lab.id()]);
        expect([0, 1]).toContain(result.code);
        if (result.code === 0) succeeded++;
        const { mode, uid, gid } = statSync(victim);
        expect([round, mode & 0o7777, uid, gid]).toEqual([round, 0o600, 0, 0]);
      }
      expect(succeeded).toBeGreaterThan(0);
    } finally {
      swapping.kill('SIGKILL');
      await swapping;
    }
    expect(readFileSync(victim, 'utf8')).toBe('victim');
  }, 60_000);

  test('what is there gets the mode and the owner of the configuration', async ({ lab }) => {
    const facts = await lab.facts(
      withoutMount('/dev'),
      withoutMount('/dev/pts'),
      ({ rootfs }) => {
        for (const [name, major, minor] of nodes)
          execFileSync('/bin/mknod', ['-m', '600', join(rootfs, 'dev', name), 'c', String(major), String(minor)]);
        execFileSync('/bin/mknod', ['-m', '600', join(rootfs, 'dev/fuse'), 'c', '10', '229']);
      },
      linux({ devices: [{ type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o640, uid: 7, gid: 8 }] }),
      args('stat=/dev/null', 'stat=/dev/fuse'),
    );
    expect(facts.of('stat', '/dev/null')).toMatchObject({ type: 'char', major: 1, minor: 3, mode: 0o666 });
    expect(facts.of('stat', '/dev/fuse')).toMatchObject({ mode: 0o640, uid: 7, gid: 8 });
  });
});

describe('CVE-2019-5736: the runtime as the program', () => {
  test('nothing of it can be written by way of /proc', async ({ lab, skip }) => {
    const init = join(dirname(runtimePath), 'libexec/tsrun/init');
    skip(!isTsrun || !existsSync(init), 'no build beside the executable');
    const untouched = digest(init);
    const inside = ['/usr/bin/unshare', '--pid', '--fork', '--mount-proc', '/bin/sh', '-c'];
    for (const setting of ['0', '1', '2']) {
      // The parameter belongs to the pid namespace; the container is made and looked at in it.
      const { dir } = lab.bundle(args('print=ran', 'pause'));
      const id = lab.id();
      const creating = runtime(lab.root, 'create', '--bundle', dir, '--pid-file', lab.path('pid'), id);
      const quoted = (argv: string[]) => argv.map((word) => `'${word}'`).join(' ');
      const script = [
        `[ ! -e /proc/sys/vm/memfd_noexec ] || echo ${setting} > /proc/sys/vm/memfd_noexec`,
        `${quoted(creating)} < /dev/null > '${lab.path('out')}' 2>&1 || exit 1`,
        `pid=$(cat '${lab.path('pid')}')`,
        // Held while it is executed, and opened for writing when it is no more.
        'exec 9< /proc/$pid/exe',
        `readlink /proc/$pid/exe`,
        // Nothing is ever written: `:` opens alone.
        `(: >> /proc/$pid/exe) 2> /dev/null && echo opened-while-executed`,
        `${quoted(runtime(lab.root, 'start', id))} || exit 1`,
        `(: >> /proc/self/fd/9) 2> /dev/null && echo opened-afterwards`,
        `${quoted(runtime(lab.root, 'delete', '--force', id))} || exit 1`,
        'exit 0',
      ].join('\n');
      const result = await call([...inside, script]);
      expect([setting, result.code, result.stderr]).toEqual([setting, 0, '']);
      const [exe = '', ...opened] = result.stdout.trimEnd().split('\n');
      // A sealed file in memory may be opened, and refuses every write; anything else must not even be opened.
      expect([setting, opened.filter((line) => line !== 'opened-afterwards' || !exe.startsWith('/memfd:'))]).toEqual([
        setting,
        [],
      ]);
      expect([setting, digest(init)]).toEqual([setting, untouched]);
    }
  });

  test('a process in the same pid namespace cannot open what init executes', async ({ lab }) => {
    const first = await lab.started([
      args('until=/go', 'pids', ...[2, 3, 4, 5, 6].map((pid) => `open=/proc/${pid}/exe=r`), 'pause'),
    ]);
    await until('it runs', () => isAlive(first.pid));
    const second = await lab.create([
      namespace('pid', `/proc/${first.pid}/ns/pid`),
      withoutMount('/proc'),
      args('pause'),
    ]);
    writeFileSync(join(first.bundle.rootfs, 'go'), '');
    const facts = await first.told('pause');
    const opened = facts.each('open').filter(({ errno }) => errno === '');
    expect(opened).toEqual([]);
    // It did see init, and was not merely alone.
    expect(facts.each('open').map(({ errno }) => errno)).toContain('EACCES');
    expect((await second.state()).status).toBe('created');
  });

  test('the program of the container, while it runs', async ({ lab }) => {
    const facts = await lab.facts(args('open=/proc/1/exe=w', 'open=/proc/self/exe=rw'));
    for (const { errno } of facts.each('open')) expect(errno).toBe('ETXTBSY');
  });

  test('/proc/self/exe', async ({ lab }) => {
    const result = await lab.run([command('/proc/self/exe', '--version')]);
    // Whatever it is inside: not the runtime.
    expect(result.stdout).not.toContain('tsrun version');
    expect(result.code).not.toBe(0);
  });

  test('#!/proc/self/exe', async ({ lab }) => {
    const result = await lab.run([file('/script', '#!/proc/self/exe\n', 0o755), command('/script')]);
    expect(result.code).not.toBe(0);
  });
});

describe('a root that is not one', () => {
  test.for([
    ['/', /root/],
    ['', /root\.path/],
    ['no-such-directory', /no-such-directory/],
    ['config.json', /root|directory/],
  ] as const)('root.path %j', async ([path, pattern], { lab }) => {
    // Only with a runtime that is sure to refuse it.
    if (path === '/' && !isTsrun) return;
    const result = await lab.run([set('root.path', path), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(pattern);
    expect(lab.leftovers()).toEqual([]);
  });

  test('a destination of / is refused', async ({ lab }) => {
    const result = await lab.run([tmpfs('/'), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('mounts[3]');
  });
});

test('an id that would leave the state root', async ({ lab }) => {
  for (const id of ['..', '../x', 'a/b', '/etc']) {
    const { dir } = lab.bundle(args('exit=0'));
    expect((await lab.tsrun(['create', '--bundle', dir, id])).code).toBe(1);
    expect((await lab.tsrun(['delete', '--force', id])).code).toBe(1);
  }
  expect(existsSync(lab.path('x'))).toBe(false);
});
