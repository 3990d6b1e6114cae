/** `exec`: what the process is, and where. */
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  bind,
  capabilities,
  change,
  cwd,
  directory,
  env,
  file,
  linux,
  namespace,
  type Part,
  processProperties,
  rlimit,
  user,
  userNamespace,
  withoutMount,
  withoutNamespace,
} from './harness/config.ts';
import { cgroupMount, cgroupOf, isAlive, namespaceKinds, namespaceOf, statusField, until } from './harness/kernel.ts';
import type { Container, Lab } from './harness/lab.ts';
import { caller, guestPath } from './harness/places.ts';
import { describe, expect, test } from './harness/test.ts';

/** A container that waits. */
const waiting = (lab: Lab, ...parts: Part[]): Promise<Container> => lab.started([args('pause'), ...parts]);

const all = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup', 'time'];
const every: Part = change((config) => {
  config.linux.namespaces = all.map((type) => ({ type }));
});

describe('the namespaces are those of the container', () => {
  async function sameNamespaces(lab: Lab, ...parts: Part[]): Promise<void> {
    const container = await waiting(lab, ...parts);
    const { facts } = (await lab.exec(container, ['ns', 'pids'])).expectCode(0);
    const own = Object.fromEntries(namespaceKinds.map((kind) => [kind, namespaceOf(container.pid, kind)]));
    expect(facts.of('ns')).toMatchObject(own);
  }

  test('all that there are', async ({ lab }) => {
    await sameNamespaces(lab, every);
  });

  test('with a user namespace', async ({ lab }) => {
    await sameNamespaces(lab, every, userNamespace());
  });

  test('with a user namespace that joined a network namespace of the host', async ({ lab }) => {
    await sameNamespaces(lab, every, userNamespace(), namespace('network', '/proc/self/ns/net'));
  });

  test('without id 0', async ({ lab }) => {
    const mapping = [{ containerID: 5, hostID: 100_005, size: 1 }];
    await sameNamespaces(
      lab,
      userNamespace(),
      linux({ uidMappings: mapping, gidMappings: mapping }),
      user(5, 5),
      change((config) => {
        config.mounts = config.mounts.filter(({ destination }) => destination === '/proc');
      }),
      ...['null', 'zero', 'full', 'random', 'urandom', 'tty'].map((name) => file(`/dev/${name}`)),
    );
  });

  test('without a pid namespace', async ({ lab }) => {
    await sameNamespaces(lab, withoutNamespace('pid'));
  });

  test('with those of another container', async ({ lab }) => {
    const first = await waiting(lab, userNamespace());
    const at = (kind: string): string => `/proc/${first.pid}/ns/${kind}`;
    await sameNamespaces(
      lab,
      namespace('user', at('user')),
      namespace('network', at('net')),
      namespace('pid', at('pid')),
    );
  });

  test('the clock of a time namespace', async ({ lab }) => {
    const container = await waiting(lab, every, linux({ timeOffsets: { boottime: { secs: 86_400_000 } } }));
    const { facts } = (await lab.exec(container, ['clock'])).expectCode(0);
    expect(Number(facts.of('clock').boottime)).toBeGreaterThan(86_400_000);
  });

  test('a root without a mount namespace', async ({ lab }) => {
    const container = await waiting(
      lab,
      withoutNamespace('mount'),
      file('/marker'),
      change((config) => {
        config.mounts = [];
      }),
    );
    const { facts } = (await lab.exec(container, ['stat=/marker', 'stat=/../../guest', 'cwd', 'fds'])).expectCode(0);
    expect(facts.of('stat', '/marker')).toMatchObject({ errno: '' });
    expect(facts.of('stat', '/../../guest')).toMatchObject({ errno: '' });
    expect(facts.text('cwd')).toBe('/');
  });
});

describe('it has what the container’s own process has', () => {
  test('user, variables, directory, limits, capabilities, umask, no_new_privs, oom score', async ({ lab }) => {
    const container = await waiting(
      lab,
      user(7, 8, { additionalGids: [9], umask: 0o27 }),
      env('PATH=/usr/bin', 'A=1'),
      directory('/srv', 0o777),
      cwd('/srv'),
      rlimit('RLIMIT_NOFILE', 100, 200),
      capabilities({ bounding: ['CAP_CHOWN', 'CAP_KILL'] }),
      processProperties({ noNewPrivileges: true, oomScoreAdj: 321 }),
    );
    const verbs = ['ids', 'env', 'cwd', 'rlimits', 'caps', 'umask', 'prctl', 'read=/proc/self/oom_score_adj'];
    const { facts } = (await lab.exec(container, verbs)).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 7, gid: 8, groups: [9] });
    expect(facts.list('env')).toEqual(expect.arrayContaining(['PATH=/usr/bin', 'A=1', 'HOME=/']));
    expect(facts.text('cwd')).toBe('/srv');
    expect(JSON.stringify(facts.of('rlimits'))).toContain('200');
    expect(facts.of('caps')).toMatchObject({ bounding: expect.anything() });
    expect(facts.of('umask').value).toBe(0o27);
    expect(facts.text('read').trim()).toBe('321');
    expect(statusField(container.pid, 'NoNewPrivs')).toBe('1');
  });

  test('the session keyring', async ({ lab }) => {
    const container = await waiting(lab);
    const first = (await lab.exec(container, ['keyring'])).expectCode(0).facts.of('keyring');
    const second = (await lab.exec(container, ['keyring'])).expectCode(0).facts.of('keyring');
    expect(first.description).toContain(`_ses.${container.id}`);
    expect(second.id).toBe(first.id);
  });

  test('the keyring of the caller where the container has that', async ({ lab }) => {
    const bundle = lab.bundle(args('pause'));
    const id = lab.id();
    const { result } = await lab.tryCreate(bundle, { id, flags: ['--no-new-keyring'] });
    result.expectCode(0);
    const { facts } = (await lab.exec({ id }, ['keyring'])).expectCode(0);
    expect(facts.of('keyring').description).not.toContain(id);
  });

  test('the seccomp filter', async ({ lab }) => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO', errnoRet: 100 }],
    };
    const container = await waiting(lab, linux({ seccomp }));
    const { facts } = (await lab.exec(container, ['sethostname=x', 'status'])).expectCode(0);
    expect(facts.of('sethostname').errno).toBe('E100');
  });

  test('the cgroup', async ({ lab }) => {
    const container = await waiting(lab);
    const pidFile = lab.path('exec.pid');
    (await lab.exec(container, ['pause'], { flags: ['-d', '--pid-file', pidFile], output: outputs(lab) })).expectCode(
      0,
    );
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toBe(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'));
    (await container.delete('--force')).expectCode(0);
    expect(isAlive(pid)).toBe(false);
  });
});

const outputs = (lab: Lab) => ({ stdout: lab.path('exec.out'), stderr: lab.path('exec.err') });

describe('flags', () => {
  test('--user without a group means group 0, and keeps the other groups', async ({ lab }) => {
    const container = await waiting(lab, user(7, 8, { additionalGids: [9] }));
    const ids = async (...flags: string[]) =>
      (await lab.exec(container, ['ids'], { flags })).expectCode(0).facts.of('ids');
    expect(await ids('-u', '1')).toMatchObject({ uid: 1, gid: 0, groups: [9] });
    expect(await ids('--user=1:5')).toMatchObject({ uid: 1, gid: 5 });
    expect(await ids('-g', '10', '-g', '11')).toMatchObject({ uid: 7, gid: 8, groups: [9, 10, 11] });
    expect(await ids('-u', '4294967294:4294967294')).toMatchObject({ uid: 4294967294, gid: 4294967294 });
  });

  test('--user is never looked up in the image', async ({ lab }) => {
    const container = await waiting(lab, file('/etc/passwd', '1000:x:0:0::/:/bin/sh\n'));
    const { facts } = (await lab.exec(container, ['ids'], { flags: ['-u', '1000'] })).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 1000, gid: 0 });
  });

  test('HOME is that of the user', async ({ lab }) => {
    const container = await waiting(lab, file('/etc/passwd', 'x:x:1000:0::/home/x:/bin/sh\n'));
    const { facts } = (await lab.exec(container, ['env'], { flags: ['-u', '1000'] })).expectCode(0);
    expect(facts.list('env')).toContain('HOME=/home/x');
  });

  test('--env replaces and adds', async ({ lab }) => {
    const container = await waiting(lab, env('PATH=/bin', 'A=1', 'HOME=/h'));
    const { facts } = (
      await lab.exec(container, ['env'], { flags: ['-e', 'A=2', '--env', 'B=x=y', '-e', 'A=3', '-e', 'C='] })
    ).expectCode(0);
    expect(facts.list('env')).toEqual(['PATH=/bin', 'A=3', 'HOME=/h', 'B=x=y', 'C=']);
  });

  test('--cwd', async ({ lab }) => {
    const container = await waiting(lab, directory('/a/b'));
    const { facts } = (await lab.exec(container, ['cwd'], { flags: ['--cwd', '/a/b'] })).expectCode(0);
    expect(facts.text('cwd')).toBe('/a/b');
  });

  test('--cap is added to three sets, and never to the inheritable or ambient one', async ({ lab }) => {
    const container = await waiting(
      lab,
      capabilities({
        bounding: ['CAP_KILL'],
        effective: ['CAP_KILL'],
        permitted: ['CAP_KILL'],
        inheritable: ['CAP_KILL'],
        ambient: ['CAP_KILL'],
      }),
    );
    const { facts } = (await lab.exec(container, ['caps'], { flags: ['-c', 'CAP_NET_RAW'] })).expectCode(0);
    const { bounding, effective, permitted, inheritable, ambient } = facts.of('caps') as Record<string, unknown>;
    const before = (await lab.exec(container, ['caps'])).expectCode(0).facts.of('caps');
    expect([inheritable, ambient]).toEqual([before.inheritable, before.ambient]);
    const [kill, both] = ['0000000000000020', '0000000000002020'];
    expect([before.bounding, before.effective, before.permitted, before.inheritable]).toEqual([kill, kill, kill, kill]);
    expect([bounding, effective, permitted]).toEqual([both, both, both]);
  });

  test('--no-new-privs', async ({ lab }) => {
    const container = await waiting(lab);
    const asked = (await lab.exec(container, ['read=/proc/self/status'], { flags: ['--no-new-privs'] })).facts;
    expect(asked.text('read')).toMatch(/NoNewPrivs:\t1/);
    expect((await lab.exec(container, ['read=/proc/self/status'])).facts.text('read')).toMatch(/NoNewPrivs:\t0/);
  });

  test('--preserve-fds, and nothing else is open', async ({ lab }) => {
    const container = await waiting(lab);
    writeFileSync(lab.path('four'), 'x');
    const inherit = ['open=3:/etc/hostname', `open=4:${lab.path('four')}`, 'open=9:/', 'openrw=11:/dev/null'];
    const { facts } = (await lab.exec(container, ['fds'], { flags: ['--preserve-fds', '2'], inherit })).expectCode(0);
    expect(facts.list<{ fd: number }>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2, 3, 4]);
    const without = (await lab.exec(container, ['fds'], { inherit })).expectCode(0).facts;
    expect(without.list<{ fd: number }>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2]);
  });

  test('LISTEN_FDS passes sockets on, with the pid that the process has itself', async ({ lab }) => {
    const container = await waiting(lab);
    const { facts } = (
      await lab.exec(container, ['env', 'fds', 'pids'], {
        env: { PATH: '/bin', LISTEN_FDS: '2' },
        inherit: ['open=3:/etc/hostname', 'open=4:/etc/hostname', 'open=5:/etc/hostname', 'listenpid'],
        flags: ['--preserve-fds=1'],
      })
    ).expectCode(0);
    expect(facts.list('env')).toEqual(expect.arrayContaining(['LISTEN_FDS=2', `LISTEN_PID=${facts.of('pids').pid}`]));
    expect(facts.list<{ fd: number }>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('--cgroup is below the container’s', async ({ lab }) => {
    const container = await waiting(lab);
    const below = join(cgroupMount, cgroupOf(container.pid), 'sub');
    mkdirSync(below);
    const pidFile = lab.path('exec.pid');
    const flags = ['-d', '--pid-file', pidFile, '--cgroup', '/sub'];
    (await lab.exec(container, ['pause'], { flags, output: outputs(lab) })).expectCode(0);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(cgroupOf(pid)).toBe(`${cgroupOf(container.pid)}/sub`);
    process.kill(pid, 'SIGKILL');
    await until('it is gone', () => !isAlive(pid));
    await until('its cgroup is empty', () => readFileSync(join(below, 'cgroup.procs'), 'utf8') === '');
    rmdirSync(below);
    for (const wrong of ['sub', 'cpu:sub', 'none/at/all']) {
      const result = await lab.exec(container, ['pass'], { flags: ['--cgroup', wrong] });
      expect([result.code, result.stderr]).toEqual([255, expect.stringMatching(/^tsrun: --cgroup: [^\n]*no cgroup/)]);
    }
  });

  test('a first process in a cgroup below: it is followed there', async ({ lab }) => {
    const container = await waiting(lab);
    const own = join(cgroupMount, cgroupOf(container.pid));
    mkdirSync(join(own, 'init'));
    // As a container that makes it would have it.
    for (const made of ['init', 'init/cgroup.procs'])
      if (caller !== undefined) chownSync(join(own, made), caller, caller);
    writeFileSync(join(own, 'init/cgroup.procs'), String(container.pid));
    const [controller] = readFileSync(join(own, 'cgroup.controllers'), 'utf8').trim().split(' ');
    if (controller) writeFileSync(join(own, 'cgroup.subtree_control'), `+${controller}`);
    (await lab.exec(container, ['pass'])).expectCode(0);
  });
});

describe('--process', () => {
  const withFile = (lab: Lab, process: object): string => {
    const path = lab.path('process.json');
    writeFileSync(path, JSON.stringify(process));
    return path;
  };

  test('is the process; what it leaves open is as in the container', async ({ lab }) => {
    const container = await waiting(
      lab,
      env('PATH=/bin', 'OWN=1'),
      rlimit('RLIMIT_NOFILE', 100, 200),
      capabilities({ bounding: ['CAP_KILL'] }),
      user(1, 2, { umask: 0o77 }),
    );
    const path = withFile(lab, {
      args: ['/guest', 'ids', 'env', 'cwd', 'rlimits', 'umask'],
      cwd: '/tmp',
      env: ['X=1'],
      user: { uid: 3, gid: 4, additionalGids: [5] },
    });
    const { facts } = (await lab.tsrun(['exec', '--process', path, container.id])).expectCode(0);
    expect(facts.of('ids')).toMatchObject({ uid: 3, gid: 4, groups: [5] });
    expect(facts.list('env')).toEqual(['X=1', 'HOME=/']);
    expect(facts.text('cwd')).toBe('/tmp');
    expect(facts.of('umask').value).toBe(0o77);
    expect(JSON.stringify(facts.of('rlimits'))).toContain('200');
  });

  test.for([
    ['{', /process\.json:1:/],
    ['[]', /process\.json/],
    ['{"args":[],"cwd":"/","user":{"uid":0,"gid":0}}', /args/],
    ['{"args":["/guest"],"user":{"uid":0,"gid":0}}', /cwd/],
    ['{"args":["/guest"],"cwd":"rel","user":{"uid":0,"gid":0}}', /cwd/],
    ['{"args":["/guest"],"cwd":"/","user":{"uid":4294967296,"gid":0}}', /user\.uid/],
    ['{"args":["/guest"],"cwd":"/","user":{"uid":-1,"gid":0}}', /user\.uid/],
    ['{"args":["/guest"],"cwd":"/","user":{"uid":"0","gid":0}}', /user\.uid/],
    ['{"args":["/guest"],"cwd":"/"}', /user/],
    ['{"args":["/guest"],"cwd":"/","user":{"uid":0,"gid":0},"terminal":"yes"}', /terminal/],
    ['{"args":["/guest"],"cwd":"/","user":{"uid":0,"gid":0},"rlimits":[{"type":"X","soft":1,"hard":1}]}', /rlimits/],
    ['{"args":["/guest"],"args":["/x"],"cwd":"/","user":{"uid":0,"gid":0}}', /args/],
  ] as const)('%j is refused by name', async ([content, names], { lab }) => {
    const container = await waiting(lab);
    const path = lab.path('process.json');
    writeFileSync(path, content);
    const result = await lab.tsrun(['exec', '--process', path, container.id]);
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toMatch(names);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('a variable that is none is passed on with a warning, as config.json’s is', async ({ lab }) => {
    const container = await waiting(lab);
    const user = { uid: 0, gid: 0 };
    const path = withFile(lab, { args: ['/guest', 'env'], cwd: '/', env: ['A=1', 'B', '=C'], user, more: 1 });
    const line = ['exec', '--process', path, container.id];
    expect((await lab.tsrun(line)).expectCode(0).stderr).toBe('');
    const result = (await lab.tsrun(['--log-level', 'warning', ...line])).expectCode(0);
    expect(result.facts.list('env')).toEqual(['A=1', 'B', '=C', 'HOME=/']);
    expect(result.stderr.split('\n')).toEqual([
      expect.stringMatching(/process\.json:1:\d+: env\[1\]: not of the form NAME=value, passed on as it is: got "B"$/),
      expect.stringMatching(/process\.json:1:\d+: env\[2\]: not of the form NAME=value.*got "=C"$/),
      expect.stringMatching(/more: unknown property, ignored/),
      '',
    ]);
  });

  test.for(['/no/such/file', '/', '/dev/null'])('%s is no such file', async (path, { lab }) => {
    const container = await waiting(lab);
    const result = await lab.tsrun(['exec', '--process', path, container.id]);
    expect([result.code, result.stderr]).toEqual([255, expect.stringContaining(path)]);
  });
});

describe('bad input', () => {
  test.for([
    ['--cwd', 'rel'],
    ['--cwd', '/guest'],
    ['--cwd', '/no/such/directory'],
    ['--cwd', '/proc/self/fd/7'],
    ['--preserve-fds', '5'],
    ['--pid-file', '/no/such/directory/pid'],
    ['--console-socket', '/no/such/socket', '-t', '-d'],
    ['--pidfd-socket', '/no/such/socket'],
    ['--apparmor', 'no-such-profile'],
    ['--process-label', 'a:b:c'],
    ['-t', '-d'],
    ['-d', '--console-socket', '/dev/null'],
  ])('%j', async (flags, { lab }) => {
    const container = await waiting(lab);
    const pidFile = lab.path('exec.pid');
    const given = flags.includes('--pid-file') ? flags : [...flags, '--pid-file', pidFile];
    const result = await lab.exec(container, ['pass'], { flags: given });
    expect([result.code, result.stdout]).toEqual([255, '']);
    expect(result.stderr).toMatch(/^tsrun: [^\n]+\n$/);
    expect(existsSync(pidFile)).toBe(false);
    expect(readFileSync(join(cgroupMount, cgroupOf(container.pid), 'cgroup.procs'), 'utf8')).toBe(`${container.pid}\n`);
  });
});

test('in a rootfs that was emptied: what is elsewhere still runs', async ({ lab }) => {
  const tools = lab.directory('tools');
  const container = await waiting(lab, bind(tools, '/tools'), withoutMount('/dev/pts'));
  const { execFileSync } = await import('node:child_process');
  execFileSync('cp', [guestPath, join(tools, 'guest')]);
  execFileSync('sh', [
    '-c',
    `rm -rf ${container.bundle.rootfs}/guest ${container.bundle.rootfs}/etc ${container.bundle.rootfs}/usr`,
  ]);
  const run = await lab.tsrun(['exec', container.id, '/tools/guest', 'ns', 'exit=3']);
  expect([run.code, run.stderr]).toEqual([3, '']);
  const gone = await lab.exec(container, ['pass']);
  expect([gone.code, gone.stderr]).toEqual([255, expect.stringContaining('no such file or directory')]);
});
