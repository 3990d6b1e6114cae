/** `enter`: the namespaces of a container, or of any process. */
import { readlinkSync } from 'node:fs';
import { isAlive, type NamespaceKind, namespaceKinds, namespaceOf, statusField, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** A sandbox that sleeps: its name and the pid of its first process. */
async function sleeper(lab: Lab, ...flags: string[]): Promise<{ name: string; pid: number }> {
  const name = lab.id();
  void lab.tsrun(['sandbox', '--name', name, ...flags, '--', 'sleep', '60'], { timeout: 70 });
  let pid = 0;
  await until(`${name} runs`, async () => {
    const state = await lab.tsrun(['state', name]);
    const told = state.code === 0 ? state.json<{ status: string; pid: number }>() : undefined;
    pid = told?.status === 'running' ? told.pid : 0;
    return pid > 0;
  });
  return { name, pid };
}

const links = namespaceKinds.map((kind) => `readlink /proc/self/ns/${kind}`).join('; ');

describe('enter', () => {
  test('all namespaces of a container, but not its cgroup or its limits', async ({ lab }) => {
    const { name, pid } = await sleeper(lab, '--map-root', '--hostname', 'inner');
    const { stdout } = (await lab.tsrun(['enter', name, 'sh', '-c', `${links}; hostname; pwd; id -u`])).expectCode(0);
    const told = stdout.trim().split('\n');
    expect(told.slice(0, namespaceKinds.length)).toEqual(namespaceKinds.map((kind) => namespaceOf(pid, kind)));
    expect(told.slice(namespaceKinds.length)).toEqual(['inner', '/', '0']);
    const line = (await lab.tsrun(['enter', name, 'grep', 'CapBnd', '/proc/self/status'])).stdout;
    const sysAdmin = 1n << 21n; // what the container does not have
    expect(BigInt(`0x${line.split('\t')[1]}`) & sysAdmin).toBe(sysAdmin);
    expect(BigInt(`0x${statusField(pid, 'CapBnd')}`) & sysAdmin).toBe(0n);
  });

  test('the same by pid, and only those that are named', async ({ lab }) => {
    const { pid } = await sleeper(lab, '--hostname', 'inner');
    const entered = (
      await lab.tsrun(['enter', '--ns', 'uts,net', String(pid), 'sh', '-c', `${links}; pwd`], {
        cwd: lab.dir,
      })
    ).expectCode(0);
    const joined: NamespaceKind[] = ['uts', 'net'];
    expect(entered.stdout.trim().split('\n')).toEqual([
      ...namespaceKinds.map((kind) => namespaceOf(joined.includes(kind) ? pid : 'self', kind)),
      lab.dir,
    ]);
  });

  test('who the command is', async ({ lab }) => {
    const { name } = await sleeper(lab, '--user', 'private', '--map-root');
    const ids = async (...flags: string[]): Promise<string> =>
      (await lab.tsrun(['enter', ...flags, name, 'sh', '-c', 'echo $(id -u):$(id -g)'])).expectCode(0).stdout.trim();
    expect(await ids()).toBe('0:0');
    expect(await ids('--preserve-credentials', '--ns', 'net,user')).toBe('0:0');
    expect(await ids('--ns', 'net', '--user', '7:8')).toBe('7:8');
    const unmapped = await lab.tsrun(['enter', '--user', '7', name, 'true']);
    expect([unmapped.code, unmapped.stderr]).toEqual([1, expect.stringContaining('change to user 7')]);
  });

  test('where it begins, and with which environment', async ({ lab }) => {
    const { name } = await sleeper(lab);
    const told = await lab.tsrun(['enter', '--cwd', '/usr', '-e', 'A=1', name, 'sh', '-c', 'pwd; echo $A $B'], {
      env: { PATH: '/usr/bin:/bin', A: '0', B: '2' },
    });
    expect(told.expectCode(0).stdout).toBe('/usr\n1 2\n');
  });

  test('its status is that of the command, and it ends with tsrun', async ({ lab }) => {
    const { name } = await sleeper(lab);
    expect((await lab.tsrun(['enter', name, 'sh', '-c', 'exit 9'])).code).toBe(9);
    const call = start(runtime(lab.root, 'enter', '--ns', 'uts', name, 'sleep', '55'));
    let child = 0;
    await until('the command runs', async () => {
      const found = await lab.tsrun(['enter', '--ns', 'uts', name, 'pgrep', '-f', '^sleep 55$']);
      child = Number(found.stdout.trim());
      return child > 0;
    });
    call.kill('SIGKILL');
    await call;
    await until('the command is gone', () => !isAlive(child));
  });

  test.for<[string[], string]>([
    [['none-of-that-name', 'true'], 'does not exist, and it is no process id either'],
    [['4194304', 'true'], 'there is no process 4194304'],
    [['--ns', 'net,foo', '1', 'true'], 'no namespace: got "foo"'],
    [['--ns', '', '1', 'true'], 'must not be empty'],
    [['--user', 'root', '1', 'true'], 'not UID[:GID] in numbers: got "root"'],
    [['--user', '1', '--preserve-credentials', '1', 'true'], 'contradict each other'],
    [['--cwd', 'usr', '1', 'true'], 'not an absolute path: got "usr"'],
    [['--env', 'A', '1', 'true'], 'not NAME=VALUE: got "A"'],
    [['1', 'no-such-program'], 'executable file not found in'],
    [['--cwd', '/no/such', '1', 'true'], 'enter the working directory /no/such'],
    [[], 'missing argument: ID|PID'],
  ])('%s is refused', async ([words, text], { lab }) => {
    const result = await lab.tsrun(['enter', ...words]);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining(text)]);
  });

  test('nothing of tsrun reaches the command', async ({ lab }) => {
    const { pid } = await sleeper(lab);
    const { stdout } = await lab.tsrun(['enter', '--ns', 'uts', String(pid), 'ls', '/proc/self/fd']);
    expect(stdout.trim().split('\n')).toEqual(['0', '1', '2', '3']); // 3 is the directory that ls reads
    expect(readlinkSync('/proc/self/ns/uts')).toBe(namespaceOf('self', 'uts'));
  });
});
