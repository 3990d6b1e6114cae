/** Seccomp: which system calls a filter lets through, seen by the program under it. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import {
  args,
  type Config,
  capabilities,
  change,
  command,
  linux,
  type Part,
  processProperties,
  rlimit,
  user,
  userNamespace,
  withCapabilities,
} from './harness/config.ts';
import { statusField } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { caller, hostToolPath } from './harness/places.ts';
import { asUser, start } from './harness/runtime.ts';
import { allowOnly, deny, least, onX86, syscall } from './harness/seccomp.ts';
import { describe, expect, test } from './harness/test.ts';

const noNewPrivileges: Part = processProperties({ noNewPrivileges: true });
const kill = 'SCMP_ACT_KILL_PROCESS';
/** 128 and SIGSYS. */
const KILLED = 159;

const startHook = (...verbs: string[]): Part =>
  change((config: Config) => {
    config.hooks = { startContainer: [{ path: '/guest', args: ['guest', ...verbs] }] };
  });

describe('a filter', () => {
  test('denies what it names', async ({ lab }) => {
    const facts = await lab.facts(deny('getcwd'), args(syscall('getcwd', 0, 0), syscall('getppid')));
    expect(facts.each('syscall')).toMatchObject([{ errno: 'EPERM' }, { errno: '' }]);
  });

  test.for<[string, Part[], string[]]>([
    ['with no_new_privs', [noNewPrivileges], []],
    ['with no_new_privs, as another user', [noNewPrivileges, user(1000, 1000)], []],
    ['without it', [], ['capset']],
    ['without it, as another user without capabilities', [user(1000, 1000), capabilities({})], ['capset']],
    ['without it, with CAP_SYS_ADMIN to keep', [withCapabilities('CAP_SYS_ADMIN')], []],
    ['in a user namespace', [userNamespace()], ['capset']],
    ['with limits', [noNewPrivileges, rlimit('RLIMIT_NOFILE', 5, 9), rlimit('RLIMIT_CORE', 0, 0)], []],
  ])('%s: the profile need not allow more', async ([, parts, more], { lab }) => {
    (await lab.run([...parts, allowOnly(kill, ...least, ...more), args('exit=7')])).expectCode(7);
  });

  test('leaves the process the capabilities that it is to have, and no more', async ({ lab }) => {
    const facts = await lab.facts(deny('getcwd'), user(1000, 1000), args('caps', 'status'));
    const plain = await lab.facts(user(1000, 1000), args('caps', 'status'));
    expect(facts.of('caps')).toEqual(plain.of('caps'));
  });

  test('is in force while the container waits', async ({ lab }) => {
    const container = await lab.create([deny('getcwd'), args('pause')]);
    expect(statusField(container.pid, 'Seccomp')).toBe('2');
    expect(statusField(container.pid, 'Seccomp_filters')).toBe('1');
    await container.start();
  });

  test('lies over hooks that run in the container at start, and not over those before', async ({ lab }) => {
    const hooks = (config: Config): void => {
      config.hooks = {
        createRuntime: [{ path: '/bin/pwd' }],
        startContainer: [{ path: '/guest', args: ['guest', syscall('getcwd', 0, 0), 'exit=3'] }],
      };
    };
    const result = await lab.run([deny('getcwd'), change(hooks), args('exit=0')]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/startContainer\[0\].*EPERM/);
  });

  test('comes before limits that hooks could not do with', async ({ lab }) => {
    const parts = [
      deny('getcwd'),
      startHook('exit=0'),
      rlimit('RLIMIT_NPROC', 0, 0),
      rlimit('RLIMIT_NOFILE', 3, 3),
      args('rlimits'),
    ];
    (await lab.run(parts)).expectCode(0);
  });

  test('keeps preserved descriptors in their places', async ({ lab }) => {
    const result = await lab.run([noNewPrivileges, deny('getcwd'), args('fds')], {
      inherit: ['open=3:/dev/null', 'open=4:/dev/zero'],
      flags: ['--preserve-fds', '2'],
    });
    const links = result.expectCode(0).facts.list<{ fd: number; link: string }>('fds');
    expect(links.filter(({ fd }) => fd > 2 && fd < 5)).toMatchObject([
      { fd: 3, link: '/dev/null' },
      { fd: 4, link: '/dev/zero' },
    ]);
  });

  test('kills who does what is not allowed', async ({ lab }) => {
    const parts = [noNewPrivileges, allowOnly(kill, ...least), args(syscall('getcwd', 0, 0))];
    (await lab.run(parts)).expectCode(KILLED);
  });

  test('answers by the errno of its entry, and by that of the default', async ({ lab }) => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [
        { names: ['getcwd'], action: 'SCMP_ACT_ERRNO', errnoRet: 13 },
        { names: ['getppid'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
        { names: ['getpid'], action: 'SCMP_ACT_TRACE', errnoRet: 7 },
        { names: ['getuid'], action: 'SCMP_ACT_LOG' },
      ],
    };
    const calls = ['getcwd', 'getppid', 'getpid', 'getuid'].map((name) => syscall(name));
    const facts = await lab.facts(linux({ seccomp }), args(...calls));
    expect(facts.each('syscall')).toMatchObject([
      { errno: 'EACCES' },
      { errno: '', value: 0 },
      { errno: 'ENOSYS' }, // nobody traces it
      { errno: '', value: 0 },
    ]);
  });
});

describe('conditions', () => {
  const when = (...conditions: object[]): Part =>
    linux({
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 99, args: conditions }],
      },
    });
  const equal = (index: number, value: number): object => ({ index, value, op: 'SCMP_CMP_EQ' });

  test('of one entry must all hold (CVE-2017-18367)', async ({ lab }) => {
    const calls = [syscall('socket', 2, 2), syscall('socket', 2, 1), syscall('socket', 1, 2)];
    const facts = await lab.facts(when(equal(0, 2), equal(1, 2)), args(...calls));
    expect(facts.each('syscall').map(({ errno }) => errno)).toEqual(['E99', '', '']);
  });

  test('hold 64 bits, exactly', async ({ lab }) => {
    const seccomp =
      '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getpgid"],"action":"SCMP_ACT_ERRNO","errnoRet":99,"args":[{"index":1,"value":18446744069414584321,"op":"SCMP_CMP_EQ"}]}]}';
    const exact: Part = (draft) => {
      linux({ seccomp: 'HERE' as unknown as object })(draft);
      draft.edits.push((json) => json.replace('"HERE"', seccomp));
    };
    const values = [0xffff_ffff_0000_0001n, 0xffff_ffff_0000_0000n, 1n, 0xffff_ffff_0000_0800n];
    const facts = await lab.facts(exact, args(...values.map((value) => syscall('getpgid', 0, value))));
    expect(facts.each('syscall').map(({ errno }) => errno)).toEqual(['E99', '', '', '']);
  });
});

describe('a profile that no container can start under', () => {
  test.for([
    ['write', /linux\.seccomp: the profile refuses write, .*killed by its own seccomp profile/],
    ['read', /linux\.seccomp: the profile refuses read/],
    ['close', /linux\.seccomp: the profile refuses close/],
    ['execve', /linux\.seccomp: the profile refuses execve/],
  ] as const)('for it refuses %s is refused', async ([name, words], { lab }) => {
    const bundle = lab.bundle(noNewPrivileges, allowOnly(kill, ...least.filter((other) => other !== name)));
    const { result } = await lab.tryCreate(bundle);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(words);
    expect(lab.leftovers()).toEqual([]);
  });

  test('for it refuses capset is refused, and told how to do without', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(allowOnly(kill, ...least)));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/the profile refuses capset, .*noNewPrivileges/);
    expect(lab.leftovers()).toEqual([]);
  });

  test.for([
    ['kills', kill, /killed by its own seccomp profile/],
    ['answers', 'SCMP_ACT_ERRNO', /init ended without saying why.*linux\.seccomp/],
  ] as const)('for what it %s depends on arguments fails with a word', async ([, action, words], { lab }) => {
    const seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['write'], action, args: [{ index: 2, value: 1, op: 'SCMP_CMP_GT' }] }],
    };
    const { result } = await lab.tryCreate(lab.bundle(noNewPrivileges, linux({ seccomp })));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(words);
    expect(lab.leftovers()).toEqual([]);
  });

  test('without the capability for it is refused by name', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(deny('getcwd')), { inherit: ['dropcap=21'] });
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/a container of a caller without CAP_SYS_ADMIN .*needs a user namespace/);
  });
});

describe('a program that cannot be executed', () => {
  test('is told as ever, where the profile lets init look', async ({ lab }) => {
    const result = await lab.run([deny('getcwd'), command('/guest-without')]);
    expect(result.stderr).toMatch(/guest-without/);
    const script: Part = ({ rootfs }) => {
      writeFileSync(`${rootfs}/script`, '#!/nowhere\n', { mode: 0o755 });
    };
    const missing = await lab.run([deny('getcwd'), script, command('/script')]);
    expect(missing.stderr).toMatch(/nowhere/);
  });
});

/** Starts a seccomp agent of the caller's at `lab.path('agent')`, which answers opens with a file of `text`. */
async function agentOf(lab: Lab, text: string): Promise<{ ended: ReturnType<typeof start> }> {
  const line = [hostToolPath, 'agent', lab.path('agent'), text];
  const agent = start(caller === undefined ? line : asUser(caller, ...line), { timeout: 20 });
  await new Promise((resolve) => agent.stdout?.once('data', resolve));
  return { ended: agent };
}

describe('notifications', () => {
  const notify = (lab: { path(name: string): string }, ...names: string[]): Part =>
    linux({
      seccomp: {
        defaultAction: 'SCMP_ACT_ALLOW',
        listenerPath: lab.path('agent'),
        listenerMetadata: 'some="metadata"',
        syscalls: [{ names, action: 'SCMP_ACT_NOTIFY' }],
      },
    });

  test('go to the listener, which answers with a result and a descriptor', async ({ lab }) => {
    const agent = await agentOf(lab, 'from the agent');
    const id = lab.id();
    const names = onX86 ? ['getpgid', 'open', 'openat'] : ['getpgid', 'openat'];
    const { dir } = lab.bundle(notify(lab, ...names), args(syscall('getpgid', 0), 'read=/etc/nothing'));
    const result = (await lab.tsrun(['run', '--bundle', dir, id])).expectCode(0);
    expect(result.facts.of('syscall').value).toBe(4242);
    expect(result.facts.text('read')).toBe('from the agent');
    const told = String((await agent.ended).stdout)
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
    const received = told.find(({ verb }) => verb === 'received');
    expect(received.fds).toBe(1);
    const state = JSON.parse(received.payload);
    expect(state).toMatchObject({
      fds: ['seccompFd'],
      metadata: 'some="metadata"',
      state: { id, status: 'creating', bundle: dir },
    });
    expect(state.pid).toBe(state.state.pid);
    expect(state.ociVersion).toMatch(/^1\./);
    expect(told.filter(({ verb }) => verb === 'asked')).toHaveLength(2);
  });

  test.for([[[noNewPrivileges]], [[]]] as [Part[]][])('may be about read and close', async ([parts], { lab }) => {
    const agent = await agentOf(lab, 'x');
    (await lab.run([...parts, notify(lab, 'read', 'close', 'execve'), args('exit=4')])).expectCode(4);
    await agent.ended;
  });

  test('may be about sendmsg', async ({ lab }) => {
    const agent = await agentOf(lab, 'x');
    (await lab.run([notify(lab, 'sendmsg', 'getpgid'), args(syscall('getpgid', 0), 'exit=4')])).expectCode(4);
    expect(String((await agent.ended).stdout).match(/"asked"/g)).toHaveLength(1);
  });

  test('of a process of exec go there, too', async ({ lab }) => {
    const first = await agentOf(lab, 'x');
    const container = await lab.started([notify(lab, 'getpgid'), args('pause')]);
    await container.told('pause');
    rmSync(lab.path('agent'));
    const second = await agentOf(lab, 'x');
    const result = (await lab.exec(container, [syscall('getpgid', 0)])).expectCode(0);
    expect(result.facts.of('syscall').value).toBe(4242);
    const told = String((await second.ended).stdout).split('\n');
    const received = told.map((line) => (line === '' ? {} : JSON.parse(line))).find(({ verb }) => verb === 'received');
    const state = JSON.parse(received.payload);
    expect(state).toMatchObject({ state: { id: container.id, status: 'running', pid: container.pid } });
    expect(state.pid).not.toBe(container.pid);
    (await container.delete('--force')).expectCode(0);
    await first.ended;
  });

  test('without a listener: an error, and nothing is left', async ({ lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(notify(lab, 'getpgid')));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /linux\.seccomp\.listenerPath: the socket ".*agent" does not exist: start the seccomp agent/,
    );
    expect(lab.leftovers()).toEqual([]);
  });

  test('are nobody’s where no rule asks', async ({ lab }) => {
    const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/nowhere', syscalls: [] };
    (await lab.run([linux({ seccomp }), args('exit=5')])).expectCode(5);
  });
});

test('explain tells where the filter is loaded, and makes nothing', async ({ lab }) => {
  const { dir } = lab.bundle(deny('getcwd', 'mount'));
  const result = (await lab.tsrun(['explain', '--bundle', dir])).expectCode(0);
  expect(result.stdout.replaceAll(/\s+/g, ' ')).toMatch(
    /load the seccomp filter \(1 rules for 2 system calls, seccomp linux\.seccomp all else SCMP_ACT_ALLOW/,
  );
  expect(existsSync(lab.root)).toBe(false);
});
