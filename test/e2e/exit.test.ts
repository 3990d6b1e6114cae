/** Exit statuses, signals through `run`, and programs that cannot be executed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  capabilities,
  command,
  cwd,
  directory,
  file,
  hook,
  link,
  mount,
  set,
  tmpfs,
  user,
  withoutNamespace,
} from './harness/config.ts';
import { processes, statusField, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { guestPath } from './harness/places.ts';
import { runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

describe('the exit status of run', () => {
  test.for([0, 1, 2, 42, 125, 126, 127, 128, 137, 254, 255])('%d', async (code, { lab }) => {
    (await lab.run([args(`exit=${code}`)])).expectCode(code);
  });

  // Without a pid namespace a process can end itself by any signal.
  test.for([1, 2, 3, 6, 9, 10, 11, 13, 14, 15, 34, 64])('128 and signal %d', async (signal, { lab }) => {
    (
      await lab.run([
        withoutNamespace('pid'),
        set('process.rlimits', [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }]),
        args(`raise=${signal}`),
      ])
    ).expectCode(128 + signal);
  });

  test('a container killed from outside', async ({ lab }) => {
    const { dir } = lab.bundle(args('pause'));
    const id = lab.id();
    const running = start(runtime(lab.root, 'run', '--bundle', dir, id));
    await until('it runs', async () => {
      const state = await lab.tsrun(['state', id]);
      return state.code === 0 && state.json<{ status: string }>().status === 'running';
    });
    (await lab.tsrun(['kill', id, 'KILL'])).expectCode(0);
    expect((await running).exitCode).toBe(137);
    expect(lab.leftovers()).toEqual([]);
  });

  test('children that outlive the process do not hold run', async ({ lab }) => {
    (await lab.run([args('children=3', 'exit=7')])).expectCode(7);
    expect(lab.leftovers()).toEqual([]);
  });

  test('without a pid namespace what is left behind ends too', async ({ lab }) => {
    const { dir, rootfs } = lab.bundle(withoutNamespace('pid'), args('daemon=/pid', 'exit=3'));
    const done = await lab.tsrun(['run', '--bundle', dir, lab.id()], {
      output: { stdout: lab.path('o'), stderr: lab.path('e') },
    });
    done.expectCode(3);
    const daemon = Number(readFileSync(join(rootfs, 'pid'), 'utf8'));
    await until('the daemon ends', () => !processes().includes(daemon));
  });

  test('--no-subreaper: orphans are left to the caller', async ({ lab }) => {
    (await lab.run([withoutNamespace('pid'), args('orphans=5', 'exit=6')], { flags: ['--no-subreaper'] })).expectCode(
      6,
    );
  });

  test('orphans are reaped', async ({ lab }) => {
    (await lab.run([withoutNamespace('pid'), args('orphans=50', 'sleep=0.1', 'exit=0')])).expectCode(0);
  });
});

/** Starts `run` and waits for the guest to be ready for signals. */
async function running(lab: Lab, ...parts: Parameters<Lab['bundle']>) {
  const { dir } = lab.bundle(...parts);
  const id = lab.id();
  const child = start(runtime(lab.root, 'run', '--bundle', dir, id));
  let told = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await until('the guest is ready', () => told.includes('-ready'));
  return { child, id, told: () => told };
}

describe('signals to run reach the process', () => {
  test('each of them, in order', async ({ lab }) => {
    const signals = [
      'SIGHUP',
      'SIGINT',
      'SIGQUIT',
      'SIGUSR1',
      'SIGUSR2',
      'SIGTERM',
      'SIGALRM',
      'SIGCONT',
      'SIGWINCH',
      'SIGPIPE',
      'SIGURG',
    ] as const;
    const numbers = [1, 2, 3, 10, 12, 15, 14, 18, 28, 13, 23];
    const { child, told } = await running(lab, args(`signals=${signals.length}`, 'exit=5'));
    for (const [index, signal] of signals.entries()) {
      child.kill(signal);
      await until(`${signal} arrives`, () => told().split('"verb":"signal"').length - 1 > index);
    }
    expect((await child).exitCode).toBe(5);
    expect([...told().matchAll(/"verb":"signal","number":(\d+)/g)].map((match) => Number(match[1]))).toEqual(numbers);
  });

  test('200 of one kind lose none that is delivered, and the exit status is kept', async ({ lab }) => {
    const { child, told } = await running(lab, args('signals=4', 'exit=9'));
    for (let count = 0; count < 200; count++) child.kill(count % 2 === 0 ? 'SIGUSR1' : 'SIGUSR2');
    await until('both arrive', () => told().includes('"number":10') && told().includes('"number":12'));
    child.kill('SIGTERM');
    child.kill('SIGHUP');
    child.kill('SIGINT');
    expect((await child).exitCode).toBe(9);
  });

  test('a signal that the process does not handle ends it, and run tells so', async ({ lab }) => {
    const { dir } = lab.bundle(withoutNamespace('pid'), args('print=x-ready', 'pause'));
    const child = start(runtime(lab.root, 'run', '--bundle', dir, lab.id()));
    await until('ready', () => new Promise((resolve) => child.stdout?.once('data', () => resolve(true))));
    child.kill('SIGTERM');
    expect((await child).exitCode).toBe(143);
    expect(lab.leftovers()).toEqual([]);
  });

  test('kill -9 of run leaves the container to delete --force', async ({ lab }) => {
    const { dir } = lab.bundle(args('pause'));
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    const child = start(runtime(lab.root, 'run', '--bundle', dir, id), { output });
    await until('it runs', () => existsSync(output.stdout) && readFileSync(output.stdout, 'utf8').includes('"pause"'));
    child.kill('SIGKILL');
    await child;
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe('a program that cannot be executed is explained', () => {
  const elf = readFileSync(guestPath);
  const otherMachine = Buffer.from(elf);
  // e_machine, at byte 18: whichever of x86-64 and aarch64 we are not.
  otherMachine.writeUInt16LE(otherMachine.readUInt16LE(18) === 62 ? 183 : 62, 18);

  const table: [string, Parameters<Lab['bundle']>, RegExp[]][] = [
    ['not in PATH', [command('no-such-program')], [/executable file not found in/, /no-such-program/]],
    [
      'an absolute path that does not exist',
      [command('/no/such/program')],
      [/no such file or directory/i, /\/no\/such\/program/],
    ],
    [
      'a missing interpreter',
      [file('/script', '#!/no/such/interpreter -x\n', 0o755), command('/script')],
      [/no such file or directory/i, /\/no\/such\/interpreter/, /\/script/],
    ],
    [
      'an interpreter line that ends in CR LF',
      [file('/script', '#!/guest\r\nexit 0\r\n', 0o755), command('/script')],
      [/no such file or directory/i, /CR LF|CRLF|carriage/i],
    ],
    [
      'a missing loader',
      [file('/dynamic', readFileSync('/bin/true'), 0o755), command('/dynamic')],
      [/no such file or directory/i, /ld-linux|loader/],
    ],
    [
      'another architecture',
      [file('/foreign', otherMachine, 0o755), command('/foreign')],
      [/exec format error/i, /aarch64|arm64|x86.64/i],
    ],
    ['an empty file', [file('/empty', '', 0o755), command('/empty')], [/exec format error/i, /empty/i]],
    [
      'a text without an interpreter line',
      [file('/text', 'echo hello\n', 0o755), command('/text')],
      [/exec format error/i, /#!/],
    ],
    [
      'a directory',
      [directory('/a-directory'), command('/a-directory')],
      [/permission denied|is a directory/i, /directory/, /\/a-directory/],
    ],
    ['no execute permission', [file('/plain', elf, 0o644), command('/plain')], [/permission denied/i, /\/plain/]],
    [
      'not for this user',
      [file('/private', elf, 0o700), user(1000, 1000), capabilities({}), command('/private')],
      [/permission denied/i, /\/private/],
    ],
    [
      'a link to nothing',
      [link('/dangling', '/nowhere'), command('/dangling')],
      [/no such file or directory/i, /\/dangling/],
    ],
    ['a link that leads to itself', [link('/circle', '/circle'), command('/circle')], [/\/circle/]],
    [
      'a file system mounted noexec',
      [file('/data/tool', elf, 0o755), tmpfs('/data', 'tmpcopyup', 'noexec'), command('/data/tool')],
      [/permission denied/i, /\/data\/tool/],
    ],
    ['relative, and not there', [cwd('/tmp'), command('./guest')], [/no such file or directory/i, /\.\/guest/]],
    ['an empty name', [set('process.args', [''])], [/process\.args/]],
  ];
  test.for(table)('%s', async ([, parts, patterns], { lab }) => {
    const result = await lab.run(parts);
    expect(result.code).toBe(1);
    for (const pattern of patterns) expect(result.stderr).toMatch(pattern);
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(result.stdout).toBe('');
    expect(lab.leftovers()).toEqual([]);
  });

  test('what is not found is an error of create', async ({ lab }) => {
    for (const name of ['no-such-program', '/no/such/program']) {
      const { result } = await lab.tryCreate(lab.bundle(command(name)));
      expect(result.code).toBe(1);
      expect(result.stderr).toContain(name);
    }
    expect(lab.leftovers()).toEqual([]);
  });

  test('what fails only at execve is an error of start, and the container is stopped then', async ({ lab }) => {
    const container = await lab.create([file('/text', 'echo hello\n', 0o755), command('/text')]);
    const result = await lab.tsrun(['start', container.id]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/exec format error/i);
    await until('stopped', async () => (await container.state()).status === 'stopped');
    (await container.delete()).expectCode(0);
  });

  test('an argument list that is too long', async ({ lab }) => {
    const result = await lab.run([
      args('print=never', ...Array.from({ length: 200 }, () => `pass=${'x'.repeat(120_000)}`)),
    ]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/too (long|large|big)/i);
    expect(lab.leftovers()).toEqual([]);
  });

  test('the program of the machine is never used instead', async ({ lab }) => {
    const result = await lab.run([command('/bin/sh', '-c', 'exit 0')]);
    expect(result.code).toBe(1);
  });

  test('poststop hooks run after such a failure', async ({ lab }) => {
    const record = lab.path('record');
    const result = await lab.run([
      hook('poststop', { path: guestPath, args: ['guest', `hook=${record}=poststop`] }),
      command('/no/such/program'),
    ]);
    expect(result.code).toBe(1);
    expect(readFileSync(record, 'utf8')).toContain('"tag":"poststop"');
  });
});

test('a process may leave zombies', async ({ lab }) => {
  (await lab.run([args('zombies=20', 'exit=0')])).expectCode(0);
});

test('the parent of a created container is not the runtime', async ({ lab }) => {
  const container = await lab.create([mount({ destination: '/x', type: 'tmpfs', source: 'x' }), args('pause')]);
  const parent = Number(statusField(container.pid, 'PPid'));
  expect(readFileSync(`/proc/${parent}/cmdline`, 'utf8')).not.toContain('tsrun create');
});
