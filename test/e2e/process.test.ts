/** The process: ids, capabilities, limits, environment, directory; each as the process sees it and as the kernel tells it. */
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  bind,
  capabilities,
  change,
  command,
  cwd,
  defaultCapabilities,
  directory,
  editText,
  env,
  file,
  link,
  linux,
  namespace,
  processProperties,
  rlimit,
  set,
  tmpfs,
  user,
  userNamespace,
  withCapabilities,
} from './harness/config.ts';
import { Facts, type OpenDescriptor } from './harness/facts.ts';
import { namespaceOf, statusField, until } from './harness/kernel.ts';
import { parseMountinfo } from './harness/mountinfo.ts';
import { call, defaultEnvironment, type Result, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** Capability numbers of linux/capability.h, as far as the tests name them. */
const numbers: Record<string, bigint> = {
  CAP_CHOWN: 0n,
  CAP_DAC_OVERRIDE: 1n,
  CAP_FOWNER: 3n,
  CAP_FSETID: 4n,
  CAP_KILL: 5n,
  CAP_SETGID: 6n,
  CAP_SETUID: 7n,
  CAP_SETPCAP: 8n,
  CAP_NET_BIND_SERVICE: 10n,
  CAP_NET_RAW: 13n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_ADMIN: 21n,
  CAP_MKNOD: 27n,
  CAP_SETFCAP: 31n,
  CAP_BPF: 39n,
  CAP_CHECKPOINT_RESTORE: 40n,
};

const mask = (...names: string[]): string =>
  names
    .reduce((bits, name) => bits | (1n << (numbers[name] ?? 63n)), 0n)
    .toString(16)
    .padStart(16, '0');

const none = mask();
const callersBounding = BigInt(`0x${statusField('self', 'CapBnd')}`);
const mayRaiseLimits = (callersBounding & (1n << 24n)) !== 0n;

describe('names', () => {
  test('hostname and domainname', async ({ lab }) => {
    const facts = await lab.facts(
      set('hostname', 'a-host.example'),
      set('domainname', 'a.domain'),
      args('hostname', 'domainname'),
    );
    expect(facts.text('hostname')).toBe('a-host.example');
    expect(facts.text('domainname')).toBe('a.domain');
  });

  test('64 bytes, the longest', async ({ lab }) => {
    const name = 'n'.repeat(64);
    expect((await lab.facts(set('hostname', name), set('domainname', name), args('hostname'))).text('hostname')).toBe(
      name,
    );
  });

  test('without a hostname it is that of the caller', async ({ lab }) => {
    const own = readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
    expect((await lab.facts(args('hostname'))).text('hostname')).toBe(own);
  });
});

describe('ids', () => {
  test.for([
    [0, 0],
    [1000, 1000],
    [1, 2],
    [65534, 65534],
    [4294967294, 4294967294],
  ] as const)('uid %d, gid %d', async ([uid, gid], { lab }) => {
    const container = await lab.started([user(uid, gid), args('ids', 'pause')]);
    const ids = (await container.told('pause')).of('ids');
    expect(ids).toMatchObject({ uid, euid: uid, suid: uid, gid, egid: gid, sgid: gid });
    expect(statusField(container.pid, 'Uid').split('\t')).toEqual(Array(4).fill(String(uid)));
    expect(statusField(container.pid, 'Gid').split('\t')).toEqual(Array(4).fill(String(gid)));
  });

  test('additional groups are these alone', async ({ lab }) => {
    const facts = await lab.facts(user(1000, 1000, { additionalGids: [5, 4294967294, 7] }), args('ids'));
    expect((facts.of('ids').groups as number[]).toSorted((a, b) => a - b)).toEqual([5, 7, 4294967294]);
  });

  test('without additional groups there are none of the caller', async ({ lab }) => {
    const facts = await lab.facts(user(1000, 1000), args('ids'));
    expect(facts.of('ids').groups).toEqual([]);
  });

  test('run.oci.keep_original_groups keeps those of the caller, for exec, too', async ({ lab }) => {
    const keeps = set('annotations', { 'run.oci.keep_original_groups': '1' });
    const [id, output] = [lab.id(), { stdout: lab.path('out'), stderr: lab.path('err') }];
    const { dir } = lab.bundle(keeps, user(1000, 1000), args('ids', 'pause'));
    const withGroups = ['/usr/bin/setpriv', '--groups=7001,7002', '--'];
    (await call([...withGroups, ...runtime(lab.root, 'run', '--detach', '--bundle', dir, id)], { output })).expectCode(
      0,
    );
    await until('it has told', () => readFileSync(output.stdout, 'utf8').includes('"pause"'));
    expect(new Facts(readFileSync(output.stdout, 'utf8')).of('ids').groups).toEqual([7001, 7002]);
    const exec = await call([...withGroups, ...runtime(lab.root, 'exec', id, '/guest', 'ids')]);
    expect(exec.expectCode(0).facts.of('ids').groups).toEqual([7001, 7002]);
  });

  test('a user named like a number in passwd is not looked up', async ({ lab }) => {
    const facts = await lab.facts(file('/etc/passwd', '1000:x:0:0::/:/bin/sh\n'), user(1000, 1000), args('ids'));
    expect(facts.of('ids')).toMatchObject({ uid: 1000, gid: 1000 });
  });

  test('the umask is 0022, whatever the caller has', async ({ lab }) => {
    const result = await lab.run([args('umask')], { inherit: ['umask=077'] });
    expect(result.facts.of('umask').value).toBe(0o022);
  });

  test.for([0, 0o007, 0o777])('the umask is what the configuration says: %d', async (umask, { lab }) => {
    const facts = await lab.facts(user(0, 0, { umask }), args('umask'));
    expect(facts.of('umask').value).toBe(umask);
  });

  test('a session and process group of its own', async ({ lab }) => {
    const pids = (await lab.facts(args('pids'))).of('pids');
    expect(pids).toMatchObject({ pid: 1, sid: 1, pgid: 1, ppid: 0 });
  });
});

describe('capabilities', () => {
  const [chown, kill, mknod] = ['CAP_CHOWN', 'CAP_KILL', 'CAP_MKNOD'];

  test('root: permitted and effective are the bounding set after execve', async ({ lab }) => {
    const container = await lab.started([
      capabilities({ bounding: [chown, kill], permitted: [chown, kill], effective: [chown, kill] }),
      args('caps', 'pause'),
    ]);
    const caps = (await container.told('pause')).of('caps');
    const two = mask(chown, kill);
    expect(caps).toMatchObject({ bounding: two, permitted: two, effective: two, inheritable: none, ambient: none });
    expect(statusField(container.pid, 'CapBnd')).toBe(two);
    expect(statusField(container.pid, 'CapEff')).toBe(two);
  });

  test('root: the bounding set limits what execve gives', async ({ lab }) => {
    const facts = await lab.facts(capabilities({ bounding: [kill] }), args('caps'));
    expect(facts.of('caps')).toMatchObject({ bounding: mask(kill), permitted: mask(kill), effective: mask(kill) });
  });

  test('inheritable alone reaches the process', async ({ lab }) => {
    const facts = await lab.facts(
      user(1000, 1000),
      capabilities({ bounding: [chown, kill], permitted: [chown, kill], inheritable: [chown] }),
      args('caps'),
    );
    expect(facts.of('caps')).toMatchObject({
      bounding: mask(chown, kill),
      inheritable: mask(chown),
      permitted: none,
      effective: none,
      ambient: none,
    });
  });

  test('another user without ambient capabilities has none (CVE-2016-8867)', async ({ lab }) => {
    const facts = await lab.facts(user(1000, 1000), args('caps'));
    expect(facts.of('caps')).toMatchObject({
      bounding: mask(...defaultCapabilities),
      permitted: none,
      effective: none,
      inheritable: none,
      ambient: none,
    });
  });

  test('ambient capabilities reach another user', async ({ lab }) => {
    const two = [kill, mknod];
    const facts = await lab.facts(
      user(1000, 1000),
      capabilities({ bounding: [chown, ...two], permitted: two, effective: two, inheritable: two, ambient: [kill] }),
      args('caps'),
    );
    expect(facts.of('caps')).toMatchObject({
      bounding: mask(chown, ...two),
      inheritable: mask(...two),
      permitted: mask(kill),
      effective: mask(kill),
      ambient: mask(kill),
    });
  });

  test('ambient capabilities that are not inheritable are not granted, and the container is made without them', async ({
    lab,
  }) => {
    const two = [chown, kill];
    const parts = [
      user(1000, 1000),
      capabilities({ bounding: two, permitted: two, effective: two, inheritable: [kill], ambient: [kill, chown] }),
      args('caps'),
    ];
    const { dir } = lab.bundle(...parts);
    const explained = (await lab.tsrun(['explain', '--bundle', dir])).expectCode(0);
    expect(explained.stdout + explained.stderr).toMatch(/process\.capabilities\.ambient: CAP_CHOWN: not granted/);
    const facts = await lab.facts(...parts);
    expect(facts.of('caps')).toMatchObject({ permitted: mask(kill), ambient: mask(kill) });
  });

  test('the newest capabilities', async ({ lab }) => {
    const newest = ['CAP_BPF', 'CAP_CHECKPOINT_RESTORE'];
    const facts = await lab.facts(
      capabilities({ bounding: newest, permitted: newest, effective: newest }),
      args('caps'),
    );
    expect(facts.of('caps')).toMatchObject({ bounding: mask(...newest), effective: mask(...newest) });
  });

  test('empty sets are empty', async ({ lab }) => {
    const facts = await lab.facts(
      capabilities({ bounding: [], permitted: [], effective: [], inheritable: [], ambient: [] }),
      args('caps'),
    );
    expect(facts.of('caps')).toMatchObject({
      bounding: none,
      permitted: none,
      effective: none,
      inheritable: none,
      ambient: none,
    });
  });

  test('no capabilities at all, where the property is absent', async ({ lab }) => {
    const facts = await lab.facts(set('process.capabilities', undefined), args('caps'));
    expect(facts.of('caps')).toMatchObject({
      bounding: none,
      permitted: none,
      effective: none,
      inheritable: none,
      ambient: none,
    });
  });

  test('a capability without which the system call fails, and with which it succeeds', async ({ lab }) => {
    const without = await lab.facts(args('sethostname=x'));
    expect(without.of('sethostname').errno).toBe('EPERM');
    const given = await lab.facts(withCapabilities('CAP_SYS_ADMIN'), args('sethostname=x'));
    expect(given.of('sethostname').errno).toBe('');
  });

  test('an unknown capability is a warning, not an error', async ({ lab }) => {
    const log = lab.path('log');
    const result = await lab.run([withCapabilities('CAP_NO_SUCH'), args('caps')], {
      global: ['--log', log, '--log-format', 'json', '--log-level', 'warning'],
    });
    expect(result.expectCode(0).facts.of('caps').effective).toBe(mask(...defaultCapabilities));
    expect(readFileSync(log, 'utf8')).toContain('CAP_NO_SUCH');
  });
});

describe('no_new_privs', () => {
  test('set', async ({ lab }) => {
    const container = await lab.started([processProperties({ noNewPrivileges: true }), args('prctl', 'pause')]);
    expect((await container.told('pause')).of('prctl').noNewPrivileges).toBe(1);
    expect(statusField(container.pid, 'NoNewPrivs')).toBe('1');
  });

  test.for([undefined, false])('not set: %s', async (value, { lab }) => {
    const facts = await lab.facts(set('process.noNewPrivileges', value), args('prctl'));
    expect(facts.of('prctl').noNewPrivileges).toBe(0);
  });

  test.for([
    [true, 1000],
    [false, 0],
  ] as const)('set to %s, a set-user-ID program runs with euid %d', async ([value, euid], { lab }) => {
    const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
    const facts = await lab.facts(
      file('/suid', guest, 0o4755),
      user(1000, 1000),
      processProperties({ noNewPrivileges: value }),
      args('spawn=/suid ids'),
    );
    expect(facts.of('ids')).toMatchObject({ uid: 1000, euid });
  });
});

describe('limits', () => {
  const lowered: [string, string, string, string][] = [
    ['RLIMIT_CPU', 'CPU', '100', '200'],
    ['RLIMIT_FSIZE', 'FSIZE', '1048576', '2097152'],
    ['RLIMIT_DATA', 'DATA', '1073741824', '2147483648'],
    ['RLIMIT_STACK', 'STACK', '4194304', '8388608'],
    ['RLIMIT_CORE', 'CORE', '0', '0'],
    ['RLIMIT_RSS', 'RSS', '1000000', '2000000'],
    ['RLIMIT_NPROC', 'NPROC', '500', '1000'],
    ['RLIMIT_NOFILE', 'NOFILE', '100', '200'],
    ['RLIMIT_MEMLOCK', 'MEMLOCK', '4096', '8192'],
    ['RLIMIT_AS', 'AS', '1073741824', '2147483648'],
    ['RLIMIT_LOCKS', 'LOCKS', '10', '20'],
    ['RLIMIT_SIGPENDING', 'SIGPENDING', '10', '20'],
    ['RLIMIT_MSGQUEUE', 'MSGQUEUE', '4096', '8192'],
    ['RLIMIT_NICE', 'NICE', '0', '0'],
    ['RLIMIT_RTPRIO', 'RTPRIO', '0', '0'],
    ['RLIMIT_RTTIME', 'RTTIME', '1000', '2000'],
  ];

  test('all sixteen at once', async ({ lab }) => {
    const facts = await lab.facts(
      ...lowered.map(([type, , soft, hard]) => rlimit(type, Number(soft), Number(hard))),
      args('rlimits'),
    );
    const limits = facts.of('rlimits') as unknown as Record<string, { soft: string; hard: string }>;
    for (const [, name, soft, hard] of lowered) expect([name, limits[name]]).toEqual([name, { soft, hard }]);
  });

  test.for(lowered)('%s alone, and the others stay as they were', async ([type, name, soft, hard], { lab }) => {
    const before = (await lab.facts(args('rlimits'))).of('rlimits');
    const facts = await lab.facts(rlimit(type, Number(soft), Number(hard)), args('rlimits'));
    expect(facts.of('rlimits')).toEqual({ ...before, [name]: { soft, hard } });
  });

  test('64-bit values are exact', async ({ lab }) => {
    const [odd, infinity] = ['9007199254740993', '18446744073709551615'];
    const facts = await lab.facts(
      rlimit('RLIMIT_FSIZE', '@odd', '@infinity'),
      rlimit('RLIMIT_CPU', '@infinity', '@infinity'),
      editText((json) => json.replaceAll('"@odd"', odd).replaceAll('"@infinity"', infinity)),
      args('rlimits'),
    );
    const limits = facts.of('rlimits') as unknown as Record<string, unknown>;
    expect(limits.FSIZE).toEqual({ soft: odd, hard: infinity });
    expect(limits.CPU).toEqual({ soft: infinity, hard: infinity });
  });

  test.for([0, 3])('RLIMIT_NOFILE of %d is the program’s business', async (count, { lab }) => {
    const facts = await lab.facts(rlimit('RLIMIT_NOFILE', count, count), args('rlimits'));
    expect((facts.of('rlimits').NOFILE as { soft: string }).soft).toBe(String(count));
  });

  test('raising a hard limit without CAP_SYS_RESOURCE is explained', async ({ lab, skip }) => {
    skip(mayRaiseLimits, 'needs a machine without CAP_SYS_RESOURCE');
    const result = await lab.run([rlimit('RLIMIT_NOFILE', 1_048_576, 1_048_576)]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/RLIMIT_NOFILE/);
    expect(result.stderr).toMatch(/CAP_SYS_RESOURCE/);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('raising a hard limit with CAP_SYS_RESOURCE', async ({ lab, skip }) => {
    skip(!mayRaiseLimits, 'needs CAP_SYS_RESOURCE, which this machine does not have');
    const facts = await lab.facts(rlimit('RLIMIT_NOFILE', 1_048_576, 1_048_576), args('rlimits'));
    expect((facts.of('rlimits').NOFILE as { hard: string }).hard).toBe('1048576');
  });
});

describe('oom_score_adj', () => {
  test.for([0, 1, 500, 1000])('%d', async (score, { lab }) => {
    const container = await lab.started([processProperties({ oomScoreAdj: score }), args('priority', 'pause')]);
    expect((await container.told('pause')).of('priority').oomScoreAdj).toBe(score);
    expect(readFileSync(`/proc/${container.pid}/oom_score_adj`, 'utf8').trim()).toBe(String(score));
  });

  test('-500', async ({ lab, skip }) => {
    skip(!mayRaiseLimits, 'needs CAP_SYS_RESOURCE, which this machine does not have');
    const facts = await lab.facts(processProperties({ oomScoreAdj: -500 }), args('priority'));
    expect(facts.of('priority').oomScoreAdj).toBe(-500);
  });

  test('absent, it is the caller’s', async ({ lab }) => {
    const result = await lab.run([args('priority')], { inherit: ['oom=321'] });
    expect(result.facts.of('priority').oomScoreAdj).toBe(321);
  });
});

describe('session keyring', () => {
  test('a new one by default', async ({ lab }) => {
    const id = lab.id();
    const { facts } = (await lab.run([args('keyring')], { id })).expectCode(0);
    expect(facts.of('keyring').description).toContain(`_ses.${id}`);
  });

  test('two containers have two', async ({ lab }) => {
    const [first, second] = [await lab.facts(args('keyring')), await lab.facts(args('keyring'))];
    expect(first.of('keyring').id).not.toBe(second.of('keyring').id);
  });

  test('--no-new-keyring', async ({ lab }) => {
    const id = lab.id();
    const { facts } = (await lab.run([args('keyring')], { id, flags: ['--no-new-keyring'] })).expectCode(0);
    expect(facts.of('keyring').description).not.toContain(id);
  });
});

describe('environment', () => {
  test('what the configuration says, in its order, and HOME', async ({ lab }) => {
    const entries = ['PATH=/usr/bin:/', 'B=2', 'A=1', 'EMPTY=', 'WITH=equals=signs', 'UTF8=grüße ✓', 'NEWLINE=a\nb'];
    const facts = await lab.facts(env(...entries), args('env'));
    expect(facts.list('env').filter((entry) => !entry.startsWith('HOME='))).toEqual(entries);
    expect(facts.list('env').filter((entry) => entry.startsWith('HOME='))).toHaveLength(1);
  });

  test('nothing of the caller’s', async ({ lab }) => {
    const result = await lab.run([args('env')], { env: { ...defaultEnvironment, LEAK: 'caller', TSRUN_X: '1' } });
    expect(result.facts.list('env').sort()).toEqual(['HOME=/', 'PATH=/usr/bin:/bin:/']);
  });

  test('an empty one', async ({ lab }) => {
    const facts = await lab.facts(env(), args('env'));
    expect(facts.list('env')).toEqual(['HOME=/']);
  });

  const passwd = 'root:x:0:0:root:/root-home:/bin/sh\nbroken line\nsomeone:x:1000:1000::/home/someone:/bin/sh\n';
  test.for([
    [0, '/root-home'],
    [1000, '/home/someone'],
    [1001, '/'],
  ] as const)("HOME of uid %d from the container's passwd", async ([uid, home], { lab }) => {
    const facts = await lab.facts(file('/etc/passwd', passwd), user(uid, uid), args('env'));
    expect(facts.list('env')).toContain(`HOME=${home}`);
  });

  test('HOME of the configuration wins', async ({ lab }) => {
    const facts = await lab.facts(file('/etc/passwd', passwd), env('HOME=/mine', 'PATH=/'), args('env'));
    expect(facts.list('env')).toEqual(['HOME=/mine', 'PATH=/']);
  });

  test('a passwd that is a link is followed inside the root', async ({ lab }) => {
    const outside = lab.path('outside-passwd');
    writeFileSync(outside, 'root:x:0:0:root:/from-the-host:/bin/sh\n');
    const facts = await lab.facts(link('/etc/passwd', outside), args('env'));
    expect(facts.list('env')).toContain('HOME=/');
  });

  test('a passwd that is a FIFO does not stop the start', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(args('env'));
    (await call(['/usr/bin/mkfifo', join(rootfs, 'etc/passwd')])).expectCode(0);
    const result = await lab.tsrun(['run', '--bundle', dir, lab.id()], { timeout: 10 });
    expect(result.expectCode(0).facts.list('env')).toContain('HOME=/');
  });
});

describe('working directory', () => {
  test.for(['/', '/tmp', '/usr/bin'])('%s', async (path, { lab }) => {
    expect((await lab.facts(cwd(path), args('cwd'))).text('cwd')).toBe(path);
  });

  test('is made where it is missing', async ({ lab }) => {
    const facts = await lab.facts(cwd('/made/on/the/way'), args('cwd', 'stat=/made', 'stat=/made/on/the/way'));
    expect(facts.text('cwd')).toBe('/made/on/the/way');
    expect(facts.of('stat', '/made')).toMatchObject({ type: 'dir', mode: 0o755, uid: 0, gid: 0 });
    expect(facts.of('stat', '/made/on/the/way')).toMatchObject({ type: 'dir', mode: 0o755 });
  });

  test('below a mount', async ({ lab }) => {
    const facts = await lab.facts(tmpfs('/data'), cwd('/data/sub'), args('cwd'));
    expect(facts.text('cwd')).toBe('/data/sub');
  });

  test('a link is followed inside the root', async ({ lab }) => {
    const facts = await lab.facts(directory('/real'), link('/there', '/real'), cwd('/there'), args('cwd'));
    expect(facts.text('cwd')).toBe('/real');
  });

  test('a link to the outside leads inside the root', async ({ lab }) => {
    const outside = lab.directory('outside');
    const result = await lab.run([link('/there', outside), cwd('/there/x'), args('cwd')]);
    if (result.code === 0) expect(result.facts.text('cwd')).toBe(`${outside}/x`);
    expect(readdirSync(outside)).toEqual([]);
  });

  test('a file is refused', async ({ lab }) => {
    const result = await lab.run([file('/etc/file'), cwd('/etc/file')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cwd.*\/etc\/file|\/etc\/file.*(cwd|directory)/i);
  });

  test('in a user namespace', async ({ lab }) => {
    const facts = await lab.facts(userNamespace(), cwd('/tmp/new'), args('cwd', 'stat=/tmp/new'));
    expect(facts.text('cwd')).toBe('/tmp/new');
    expect(facts.of('stat', '/tmp/new')).toMatchObject({ uid: 0, gid: 0 });
  });
});

describe('arguments and the program', () => {
  test('arrive as they are', async ({ lab }) => {
    const odd = ['pass=', 'pass=ünïcødé ✓', 'pass=a\nb\tc', 'pass=\'quotes\' "and" \\', `pass=${'x'.repeat(30_000)}`];
    const facts = await lab.facts(args(...odd, 'args'));
    expect(facts.list('args')).toEqual(['/guest', ...odd, 'args']);
  });

  test('2 000 of them', async ({ lab }) => {
    const many = Array.from({ length: 2000 }, (_, index) => `pass=${index}`);
    expect((await lab.facts(args(...many, 'args'))).list('args')).toHaveLength(2002);
  });

  test('the program is looked up in the PATH of the configuration, inside the root', async ({ lab }) => {
    const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
    const facts = await lab.facts(
      file('/opt/tools/a-tool', guest, 0o755),
      env('PATH=/nonexistent:/usr/bin:/opt/tools'),
      command('a-tool', 'args'),
    );
    expect(facts.list('args')).toEqual(['a-tool', 'args']);
    expect(facts.of('args').exe).toBe('/opt/tools/a-tool');
  });

  test('what is not executable in PATH is passed over', async ({ lab }) => {
    const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
    const facts = await lab.facts(
      file('/first/tool', 'not executable', 0o644),
      directory('/second/tool'),
      file('/third/tool', guest, 0o755),
      env('PATH=/first:/second:/third'),
      command('tool', 'args'),
    );
    expect(facts.of('args').exe).toBe('/third/tool');
  });

  test('a program of the machine is not found', async ({ lab }) => {
    const result = await lab.run([command('sh', '-c', 'exit 0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/executable file not found in/);
  });

  test('relative to the working directory', async ({ lab }) => {
    const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
    const facts = await lab.facts(file('/opt/bin/tool', guest, 0o755), cwd('/opt'), command('bin/tool', 'args'));
    expect(facts.of('args').exe).toBe('/opt/bin/tool');
    const dotted = await lab.facts(cwd('/'), command('./guest', 'args'));
    expect(dotted.list('args')).toEqual(['./guest', 'args']);
  });

  test('a link to the program', async ({ lab }) => {
    const facts = await lab.facts(link('/usr/bin/tool', '/guest'), command('tool', 'args'));
    expect(facts.of('args').exe).toBe('/guest');
  });

  test('a script with an interpreter', async ({ lab }) => {
    (await lab.run([file('/script', '#!/guest exit=5\n', 0o755), command('/script')])).expectCode(5);
  });
});

describe('inherited state is the caller’s, not the engine’s', () => {
  const clean = Array.from({ length: 31 }, (_, index) => index + 1)
    .filter((number) => number !== 9 && number !== 19)
    .map((number) => `default=${number}`);

  test('the soft limit of open files', async ({ lab }) => {
    const result = await lab.run([args('rlimits')], { inherit: ['nofile=256'] });
    expect((result.facts.of('rlimits').NOFILE as { soft: string }).soft).toBe('256');
  });

  test('no signal is ignored or blocked', async ({ lab }) => {
    const result = await lab.run([args('status=SigIgn,SigBlk,SigCgt')], { inherit: clean });
    expect(result.facts.of('status')).toMatchObject({ SigIgn: none, SigBlk: none, SigCgt: none });
  });

  test('what the caller ignores stays ignored', async ({ lab }) => {
    const result = await lab.run([args('status=SigIgn,SigBlk')], { inherit: [...clean, 'ignore=1', 'ignore=12'] });
    expect(result.facts.of('status').SigIgn).toBe('0000000000000801');
  });

  test('but for SIGPIPE, which callers ignore for themselves', async ({ lab }) => {
    const inherit = [...clean.filter((setting) => setting !== 'default=13'), 'ignore=13'];
    const result = await lab.run([args('status=SigIgn')], { inherit });
    expect(result.facts.of('status').SigIgn).toBe(none);
    const container = await lab.started([args('pause')]);
    const exec = await lab.tsrun(['exec', container.id, '/guest', 'status=SigIgn'], { inherit });
    expect(exec.expectCode(0).facts.of('status').SigIgn).toBe(none);
  });

  test('also of a created container, and of its first moment', async ({ lab }) => {
    const container = await lab.create([args('status=SigIgn,SigBlk', 'rlimits')], {
      inherit: [...clean, 'nofile=300'],
    });
    await container.start();
    const facts = await container.ended();
    expect(facts.of('status')).toMatchObject({ SigIgn: none, SigBlk: none });
    expect((facts.of('rlimits').NOFILE as { soft: string }).soft).toBe('300');
  });

  test('the nice value', async ({ lab }) => {
    const result = await lab.run([args('priority')], { inherit: ['nice=7'] });
    expect(result.facts.of('priority')).toMatchObject({ nice: 7, policy: 0 });
  });

  test('the affinity is what the cpuset allows, not what the caller was bound to', async ({ lab }) => {
    const free = (await lab.facts(args('affinity'))).list<number>('affinity');
    const bound = await lab.run([args('affinity')], { inherit: [`cpu=${free[0] ?? 0}`] });
    expect(bound.expectCode(0).facts.list('affinity')).toEqual(free);
  });

  test('no descriptor but the standard streams', async ({ lab }) => {
    const facts = await lab.facts(args('fds'));
    expect(facts.list<OpenDescriptor>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2]);
  });

  test('no descriptor that the caller had open', async ({ lab }) => {
    const result = await lab.run([args('fds')], {
      inherit: ['open=9:/', 'open=10:/etc/passwd', `openrw=11:/dev/null`, 'open=200:/'],
    });
    expect(
      result
        .expectCode(0)
        .facts.list<OpenDescriptor>('fds')
        .map(({ fd }) => fd),
    ).toEqual([0, 1, 2]);
  });

  test('the standard streams stay blocking', async ({ lab }) => {
    const facts = await lab.facts(args('stdio'));
    expect(facts.list<{ nonblock: boolean }>('stdio').map(({ nonblock }) => nonblock)).toEqual([false, false, false]);
  });

  test('/dev/null is the container’s own: through the caller’s, root could change the host’s', async ({ lab }) => {
    const told = ['read=/proc/self/fdinfo/0', 'read=/proc/self/mountinfo'];
    const expectOwn = (result: Result): void => {
      const { facts } = result.expectCode(0);
      const info = facts.text('read', '/proc/self/fdinfo/0');
      const mounts = parseMountinfo(facts.text('read', '/proc/self/mountinfo'));
      expect(mounts.map(({ id }) => id)).toContain(Number(/^mnt_id:\t(\d+)$/m.exec(info)?.[1]));
      expect(info).toMatch(/^flags:\t0\d*2$/m);
    };
    expectOwn(await lab.run([args(...told)]));
    const container = await lab.started([args('pause')]);
    expectOwn(await lab.tsrun(['exec', container.id, '/guest', ...told]));
  });

  test('another user may open its standard streams by name, where they are pipes', async ({ lab }) => {
    const { dir } = lab.bundle(
      user(1000, 1000),
      args('open=/dev/stdout=w', 'open=/dev/stderr=w', 'open=/proc/self/fd/0=r', 'stdio'),
    );
    // Node's own pipes are sockets.
    const script = '{ echo x | "$@" 2>&3 | cat; } 3>&1 | cat';
    const result = await call(['/bin/sh', '-c', script, '_', ...runtime(lab.root, 'run', '--bundle', dir, lab.id())]);
    expect(result.facts.each('open').map(({ errno }) => errno)).toEqual(['', '', '']);
  });
});

describe('preserved descriptors', () => {
  test('--preserve-fds', async ({ lab }) => {
    const [one, two] = ['one', 'two'].map((name) => {
      writeFileSync(lab.path(name), name);
      return lab.path(name);
    });
    const result = await lab.run([args('fds', 'read=/proc/self/fd/3', 'read=/proc/self/fd/4')], {
      flags: ['--preserve-fds', '2'],
      inherit: [`open=3:${one}`, `open=4:${two}`, 'open=5:/etc/passwd'],
    });
    result.expectCode(0);
    expect(result.facts.list<OpenDescriptor>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2, 3, 4]);
    expect(result.facts.each('read').map(({ value }) => value)).toEqual(['one', 'two']);
  });

  test('they survive create and start', async ({ lab }) => {
    writeFileSync(lab.path('one'), 'one');
    const container = await lab.create([args('fds')], {
      flags: ['--preserve-fds=1'],
      inherit: [`open=3:${lab.path('one')}`],
    });
    await container.start();
    const facts = await container.ended();
    expect(facts.list<OpenDescriptor>('fds').map(({ fd, link: to }) => (fd < 3 ? fd : to))).toEqual([
      0,
      1,
      2,
      lab.path('one'),
    ]);
  });

  test('more of them than the process may open', async ({ lab }) => {
    writeFileSync(lab.path('one'), 'one');
    const inherit = [3, 4, 5, 6].map((fd) => `open=${fd}:${lab.path('one')}`);
    const result = await lab.run([rlimit('RLIMIT_NOFILE', 4, 4), args('rlimits', 'exit=0')], {
      flags: ['--preserve-fds', '4'],
      inherit,
    });
    expect((result.expectCode(0).facts.of('rlimits').NOFILE as { soft: string }).soft).toBe('4');
  });

  test('a descriptor that is not open is an error', async ({ lab }) => {
    const result = await lab.run([args('fds')], { flags: ['--preserve-fds', '1'], inherit: ['close=3'] });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('preserve');
    expect(result.stderr).toContain('3');
  });

  test('LISTEN_FDS of socket activation', async ({ lab }) => {
    writeFileSync(lab.path('one'), 'one');
    const result = await lab.run([args('fds', 'env')], {
      inherit: [`open=3:${lab.path('one')}`, 'listenpid'],
      env: { ...defaultEnvironment, LISTEN_FDS: '1' },
    });
    result.expectCode(0);
    expect(result.facts.list<OpenDescriptor>('fds').map(({ fd }) => fd)).toEqual([0, 1, 2, 3]);
    expect(result.facts.list('env')).toEqual(expect.arrayContaining(['LISTEN_FDS=1', 'LISTEN_PID=1']));
  });
});

test('LISTEN_FDS of more than is open is an error that names it', async ({ lab }) => {
  const result = await lab.run([args('fds')], {
    inherit: ['close=3', 'close=4', 'listenpid'],
    env: { ...defaultEnvironment, LISTEN_FDS: '2' },
  });
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/LISTEN_FDS=2 in the environment: descriptor [34] is not open/);
  expect(result.stderr).not.toContain('--preserve-fds');
});

test('LISTEN_FDS that is not a number of descriptors is nothing', async ({ lab }) => {
  writeFileSync(lab.path('one'), 'one');
  for (const value of ['', '-1', '0', '1x', '0x1', '1e0', ' 1', '1.0', '99999999999999999999', 'Infinity']) {
    const result = await lab.run([args('fds', 'env')], {
      inherit: [`open=3:${lab.path('one')}`, 'listenpid'],
      env: { ...defaultEnvironment, LISTEN_FDS: value },
    });
    expect([value, result.code, result.stderr]).toEqual([value, 0, '']);
    expect([value, result.facts.list<OpenDescriptor>('fds').map(({ fd }) => fd)]).toEqual([value, [0, 1, 2]]);
    expect([value, result.facts.list('env').filter((entry) => String(entry).startsWith('LISTEN_'))]).toEqual([
      value,
      [],
    ]);
  }
});

describe('kernel parameters', () => {
  test('of the namespaces that are the container’s', async ({ lab }) => {
    const facts = await lab.facts(
      linux({
        sysctl: {
          'net.ipv4.ip_forward': '1',
          'net.ipv4.ping_group_range': '0 1000',
          'kernel.msgmax': '12345',
          'kernel.shm_rmid_forced': '1',
          'kernel.sem': '250 32000 100 129',
          'fs.mqueue.msg_max': '11',
        },
      }),
      args(
        'read=/proc/sys/net/ipv4/ip_forward',
        'read=/proc/sys/net/ipv4/ping_group_range',
        'read=/proc/sys/kernel/msgmax',
        'read=/proc/sys/kernel/shm_rmid_forced',
        'read=/proc/sys/kernel/sem',
        'read=/proc/sys/fs/mqueue/msg_max',
      ),
    );
    expect(facts.each('read').map(({ value }) => String(value).trim().split(/\s+/).join(' '))).toEqual([
      '1',
      '0 1000',
      '12345',
      '1',
      '250 32000 100 129',
      '11',
    ]);
  });

  test('with slashes as separators, and an interface name with a dot', async ({ lab }) => {
    const facts = await lab.facts(
      linux({ sysctl: { 'net/ipv4/conf/lo/forwarding': '1' } }),
      args('read=/proc/sys/net/ipv4/conf/lo/forwarding'),
    );
    expect(facts.text('read').trim()).toBe('1');
  });

  test('without /proc in the container', async ({ lab }) => {
    const container = await lab.started([
      change((config) => {
        config.mounts = config.mounts.filter(({ destination }) => destination !== '/proc');
      }),
      linux({ sysctl: { 'kernel.msgmax': '4321' } }),
      args('pause'),
    ]);
    await container.told('pause');
    const seen = await call([
      '/usr/bin/nsenter',
      `--ipc=/proc/${container.pid}/ns/ipc`,
      '/bin/cat',
      '/proc/sys/kernel/msgmax',
    ]);
    expect(seen.stdout.trim()).toBe('4321');
  });

  test('one that does not exist names itself', async ({ lab }) => {
    const result = await lab.run([linux({ sysctl: { 'net.ipv4.no_such_thing': '1' } })]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('net.ipv4.no_such_thing');
  });

  test('a value the kernel refuses names itself', async ({ lab }) => {
    const result = await lab.run([linux({ sysctl: { 'kernel.msgmax': 'many' } })]);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('kernel.msgmax');
  });
});

describe('masked and read-only paths', () => {
  test('a masked file is empty, a masked directory too', async ({ lab }) => {
    const facts = await lab.facts(
      file('/etc/secret', 'secret'),
      file('/private/key', 'key'),
      linux({ maskedPaths: ['/etc/secret', '/private', '/proc/timer_list', '/no/such/path'] }),
      args(
        'read=/etc/secret',
        'stat=/etc/secret',
        'ls=/private',
        'write=/private/new=x',
        'stat=/proc/timer_list',
        'read=/proc/timer_list',
        'write=/etc/secret=x',
      ),
    );
    expect(facts.text('read', '/etc/secret')).toBe('');
    expect(facts.of('stat', '/etc/secret')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(facts.list('ls', '/private')).toEqual([]);
    expect(facts.of('write', '/private/new').errno).toBe('EROFS');
    expect(facts.of('stat', '/proc/timer_list')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(facts.text('read', '/proc/timer_list')).toBe('');
  });

  test('a masked file is not the host’s null device to change', async ({ lab }) => {
    const told = () => {
      const { mode, uid, gid, rdev } = statSync('/dev/null');
      return { mode, uid, gid, rdev };
    };
    const before = told();
    const paths = ['/proc/keys', '/etc/secret'];
    for (const parts of [[], [withCapabilities('CAP_SYS_ADMIN')]]) {
      const facts = await lab.facts(
        ...parts,
        file('/etc/secret', 'secret'),
        linux({ maskedPaths: paths }),
        args(
          ...paths.flatMap((path) => [`chmod=${path}=600`, `chown=${path}=1000`, `write=${path}=x`, `read=${path}`]),
        ),
      );
      for (const path of paths) {
        for (const verb of ['chmod', 'chown']) expect([path, facts.of(verb, path).errno]).toEqual([path, 'EROFS']);
        // A device is no file: what is written to it is lost, and reading finds nothing.
        expect([path, facts.of('write', path).errno, facts.text('read', path)]).toEqual([path, '', '']);
      }
      expect(told()).toEqual(before);
    }
  });

  test('a masked file stays whole on the host', async ({ lab }) => {
    const { rootfs, dir } = lab.bundle(
      file('/etc/secret', 'secret'),
      linux({ maskedPaths: ['/etc/secret'] }),
      args('write=/etc/secret=x'),
    );
    (await lab.tsrun(['run', '--bundle', dir, lab.id()])).expectCode(0);
    expect(readFileSync(join(rootfs, 'etc/secret'), 'utf8')).toBe('secret');
  });

  test('read-only paths: files, directories with mounts below, and what does not exist', async ({ lab }) => {
    const facts = await lab.facts(
      file('/data/file', 'text'),
      tmpfs('/data/below'),
      linux({ readonlyPaths: ['/data', '/proc/sys', '/no/such/path'] }),
      args(
        'write=/data/file=x',
        'write=/data/new=x',
        'read=/data/file',
        'write=/proc/sys/kernel/msgmax=1',
        'write=/etc/new=x',
      ),
    );
    expect(facts.of('write', '/data/file').errno).toBe('EROFS');
    expect(facts.of('write', '/data/new').errno).toBe('EROFS');
    expect(facts.text('read', '/data/file')).toBe('text');
    expect(facts.of('write', '/proc/sys/kernel/msgmax').errno).toBe('EROFS');
    expect(facts.of('write', '/etc/new').errno).toBe('');
  });

  test('in a user namespace', async ({ lab }) => {
    const facts = await lab.facts(
      userNamespace(),
      linux({ maskedPaths: ['/proc/timer_list', '/etc'], readonlyPaths: ['/proc/sys'] }),
      args('stat=/proc/timer_list', 'ls=/etc', 'write=/proc/sys/kernel/msgmax=1'),
    );
    expect(facts.of('stat', '/proc/timer_list')).toMatchObject({ type: 'char', major: 1, minor: 3 });
    expect(facts.list('ls', '/etc')).toEqual([]);
    expect(facts.of('write', '/proc/sys/kernel/msgmax').errno).toBe('EROFS');
  });
});

test('the executable of the runtime is out of reach', async ({ lab }) => {
  const container = await lab.started([args('args', 'pause'), namespace('cgroup')]);
  await container.told('pause');
  expect(readlinkSync(`/proc/${container.pid}/exe`)).toMatch(/\/guest$/);
  expect(namespaceOf(container.pid, 'mnt')).not.toBe(namespaceOf('self', 'mnt'));
});

test('bind of the caller’s directory for a program outside the root', async ({ lab }) => {
  const guest = readFileSync(join(lab.bundle().rootfs, 'guest'));
  const tools = lab.directory('tools');
  writeFileSync(join(tools, 'tool'), guest, { mode: 0o755 });
  const facts = await lab.facts(bind(tools, '/tools'), command('/tools/tool', 'args'));
  expect(facts.of('args').exe).toBe('/tools/tool');
});
