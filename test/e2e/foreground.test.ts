/** Programs in the foreground: what waits for them, what it forwards, and what it leaves. */
import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { args, hook, type Part, processProperties, withoutNamespace } from './harness/config.ts';
import { isAlive, statusField, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { guestPath } from './harness/places.ts';
import { runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** A `run` or an `exec` that goes on. */
async function foreground(lab: Lab, command: 'run' | 'exec', verbs: string[], ...parts: Part[]) {
  const id = lab.id();
  let argv: string[];
  if (command === 'run') argv = ['run', '--bundle', lab.bundle(args(...verbs), ...parts).dir, id];
  else {
    const container = await lab.started([args('pause'), ...parts], { id });
    await container.told('pause');
    argv = ['exec', id, '/guest', ...verbs];
  }
  const process = start(runtime(lab.root, ...argv));
  let output = '';
  process.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return {
    id,
    pid: process.pid ?? Number.NaN,
    process,
    said: (part: string) => until(`${part} in ${output}`, () => output.includes(part)),
    get output() {
      return output;
    },
  };
}

const waits = (pid: number): Promise<void> =>
  until('the engine has gone', () => readlinkSync(`/proc/${pid}/exe`).endsWith('/libexec/tsrun/supervise'));

describe.for(['run', 'exec'] as const)('%s', (command) => {
  test('takes no more than 2 MiB while it waits', async ({ lab }) => {
    const { pid, process, id } = await foreground(lab, command, ['pause']);
    await waits(pid);
    for (const field of ['VmRSS', 'VmHWM'])
      expect(Number.parseInt(statusField(pid, field), 10), field).toBeLessThanOrEqual(2048);
    expect(statusField(pid, 'Threads')).toBe('1');
    (await lab.tsrun(['kill', '--all', id, 'KILL'])).expectCode(0);
    expect((await process).exitCode).toBe(137);
  });

  test('forwards every signal that can be', async ({ lab }) => {
    const numbers = Array.from({ length: 64 }, (_, index) => index + 1).filter(
      (number) => ![9, 17, 19].includes(number),
    );
    const { pid, process, said } = await foreground(lab, command, [`signals=${numbers.length}`, 'exit=6']);
    await said('signals-ready');
    await waits(pid);
    // One by one: a signal that stops takes a SIGCONT away that nobody has read yet; signal(7).
    for (const number of numbers) {
      global.process.kill(pid, number);
      await said(`"number":${number}}`);
    }
    expect((await process).exitCode).toBe(6);
  });

  test('forwards a storm, and each of the signals that are queued', async ({ lab }) => {
    const running = await foreground(lab, command, ['signals=600', 'exit=6']);
    await running.said('signals-ready');
    await waits(running.pid);
    for (let round = 0; round < 20; round++)
      for (let number = 35; number < 65; number++) global.process.kill(running.pid, number);
    expect((await running.process).exitCode).toBe(6);
    for (let number = 35; number < 65; number++)
      expect(running.output.split(`"number":${number}}`).length - 1, String(number)).toBe(20);
  });

  test('a signal that comes at any moment is not lost', { timeout: 60_000 }, async ({ lab }) => {
    for (let moment = 0; moment < 30; moment++) {
      const running = await foreground(lab, command, ['pause'], withoutNamespace('pid'));
      await new Promise((wake) => setTimeout(wake, moment * 3));
      global.process.kill(running.pid, 'SIGTERM');
      const { exitCode, signal } = await running.process;
      // Only before tsrun has blocked it does it end tsrun itself.
      expect([moment, exitCode ?? signal]).toEqual([moment, exitCode === undefined ? 'SIGTERM' : 143]);
    }
  });

  test('that is killed leaves the program to others', async ({ lab }) => {
    const { pid, process, id, said } = await foreground(lab, command, ['pause']);
    await said('"pause"');
    await waits(pid);
    const ended = once(process, 'exit'); // its output stays open, for the program has it
    global.process.kill(pid, 'SIGKILL');
    await ended;
    const state = (await lab.tsrun(['state', id])).expectCode(0).json<{ status: string; pid: number }>();
    expect(state.status).toBe('running');
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    await until('it is gone', () => !isAlive(state.pid));
    expect(lab.leftovers()).toEqual([]);
  });
});

test('run reaps what the program leaves to it', async ({ lab }) => {
  const { pid, process, id, said } = await foreground(lab, 'run', ['orphans=20', 'pause'], withoutNamespace('pid'));
  await said('"orphans"');
  await waits(pid);
  const children = (): string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  const { pid: program } = (await lab.tsrun(['state', id])).expectCode(0).json<{ pid: number }>();
  await until('only the program is left', () => children().join() === String(program));
  (await lab.tsrun(['kill', '--all', id, 'KILL'])).expectCode(0);
  expect((await process).exitCode).toBe(137);
});

describe('after run', () => {
  const slow = ['sleep=0.2', 'exit=5'];

  test('nothing is left, and the status is the program’s', async ({ lab }) => {
    const result = await lab.run([args(...slow)]);
    expect([result.code, result.stderr]).toEqual([5, '']);
    expect(lab.leftovers()).toEqual([]);
  });

  test('poststop hooks run with what the caller had', async ({ lab }) => {
    const mark = lab.path('mark');
    const parts = [args(...slow), hook('poststop', { path: guestPath, args: ['guest', `write=${mark}=x`, 'status'] })];
    const result = await lab.run(parts, { inherit: ['ignore=10'] });
    expect([result.code, existsSync(mark)]).toEqual([5, true]);
  });

  test('what a poststop hook does wrong is a warning in the log', async ({ lab }) => {
    const log = lab.path('log');
    const parts = [args(...slow), hook('poststop', { path: guestPath, args: ['guest', 'exit=1'] })];
    const global = ['--log', log, '--log-format', 'json', '--log-level', 'warning'];
    expect((await lab.run(parts, { global })).code).toBe(5);
    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({
      level: 'warning',
      msg: expect.stringContaining('poststop'),
    });
  });

  test('--keep leaves it', async ({ lab }) => {
    const id = lab.id();
    expect((await lab.run([args(...slow)], { id, flags: ['--keep'] })).code).toBe(5);
    expect((await lab.tsrun(['state', id])).json<{ status: string }>().status).toBe('stopped');
  });

  test('another container of its id stays', async ({ lab }) => {
    const first = await foreground(lab, 'run', ['pause']);
    await waits(first.pid);
    await first.said('"pause"');
    global.process.kill(first.pid, 'SIGSTOP');
    (await lab.tsrun(['delete', '--force', first.id])).expectCode(0);
    const second = await lab.create([args('pause')], { id: first.id });
    global.process.kill(first.pid, 'SIGCONT');
    expect((await first.process).exitCode).toBe(137);
    expect((await second.state()).status).toBe('created');
  });
});

describe('what cleans up does nothing else', () => {
  test('not for a program that runs', async ({ lab }) => {
    const container = await lab.started([args('pause'), processProperties({ oomScoreAdj: 1 })]);
    const process = JSON.parse(readFileSync(`${lab.root}/${container.id}/state.json`, 'utf8')).process;
    const words = JSON.stringify({ root: lab.root, id: container.id, process, helpers: [container.pid], log: {} });
    const result = await lab.tsrun(['clean-up', words, '0']);
    expect([result.code, (await container.state()).status]).toEqual([1, 'running']);
    const direct = await lab.tsrun([]);
    expect(direct.code).toBe(1);
  });

  test.for(['{}', 'x', '{"root":"rel","id":"a"}', '[]', 'null'])('not with %j', async (words, { lab }) => {
    const result = await lab.tsrun(['clean-up', words, '0']);
    expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('unknown command')]);
  });

  test('and is in no help', async ({ lab }) => {
    expect((await lab.tsrun(['--help'])).stdout).not.toContain('clean-up');
  });
});
