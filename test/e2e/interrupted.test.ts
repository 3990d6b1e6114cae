/** A command that waits for what does not end: it is told to end, or `delete --force` does not wait for it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  args,
  type Hook,
  type HookKind,
  hook,
  mount,
  namespace,
  type Part,
  withCapabilities,
  withoutNamespace,
} from './harness/config.ts';
import { cgroupMount, cgroupOf, processes, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { guestPath } from './harness/places.ts';
import { runtime, start } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

/** A hook that outlives every test unless somebody ends it, known by a word among its arguments. */
const endless = (mark: string, path = guestPath): Hook => ({ path, args: ['guest', `pass=${mark}`, 'sleep=1000'] });

function processesWith(word: string): number[] {
  return processes().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(`pass=${word}`);
    } catch {
      return false;
    }
  });
}

const output = (lab: Lab) => ({ stdout: lab.path('o'), stderr: lab.path('e') });

/** A command that is under way. */
interface Begun {
  readonly ended: Promise<number | undefined>;
  readonly pid: number;
}

/** A command that waits for a hook: in an object, for a promise of a promise waits for both. */
async function beginning(lab: Lab, mark: string, ...argv: string[]): Promise<Begun> {
  const command = start(runtime(lab.root, ...argv), { output: output(lab) });
  await until(`the hook ${mark} runs`, () => processesWith(mark).length > 0);
  return { ended: command.then(({ exitCode }) => exitCode), pid: command.pid ?? Number.NaN };
}

/** What the command that was begun last wrote on standard error. */
const complaint = (lab: Lab): string => readFileSync(lab.path('e'), 'utf8');

async function deletedByForce(lab: Lab, id: string): Promise<void> {
  const result = await lab.tsrun(['delete', '--force', id]);
  expect([result.code, result.stderr]).toEqual([0, '']);
}

async function nothingLeft(lab: Lab, ...marks: string[]): Promise<void> {
  for (const mark of marks) await until(`no ${mark} is left`, () => processesWith(mark).length === 0);
  expect(lab.leftovers()).toEqual([]);
}

describe('while create waits', () => {
  const shapes: [string, Part[]][] = [
    ['with a pid namespace', []],
    ['without a pid namespace', [withoutNamespace('pid')]],
  ];
  for (const kind of ['prestart', 'createRuntime', 'createContainer'] satisfies HookKind[]) {
    test.for(shapes)(`for a ${kind} hook, %s`, async ([, parts], { lab }) => {
      const id = lab.id();
      const { dir } = lab.bundle(...parts, hook(kind, endless(`hook-${id}`)), args(`pass=program-${id}`, 'pause'));
      const { ended } = await beginning(lab, `hook-${id}`, 'create', '--bundle', dir, id);
      await deletedByForce(lab, id);
      expect(await ended).toBe(1);
      expect(readFileSync(lab.path('e'), 'utf8')).toMatch(/^tsrun: [^\n]+\n$/);
      await nothingLeft(lab, `hook-${id}`, `program-${id}`);
    });
  }

  test('and run, which makes the container anew afterwards', async ({ lab }) => {
    const id = lab.id();
    const { dir } = lab.bundle(hook('createRuntime', endless(`hook-${id}`)), args('pause'));
    const { ended } = await beginning(lab, `hook-${id}`, 'run', '--bundle', dir, id);
    await deletedByForce(lab, id);
    expect(await ended).toBe(1);
    await nothingLeft(lab, `hook-${id}`);
    expect((await lab.run([args('print=again')], { id })).expectCode(0).stdout).toBe('again\n');
  });
});

test('while start waits for a startContainer hook', async ({ lab }) => {
  for (const parts of [[], [withoutNamespace('pid')]] satisfies Part[][]) {
    const { id } = await lab.create([
      ...parts,
      hook('startContainer', endless('start-hook', '/guest')),
      args('pass=start-program', 'pause'),
    ]);
    const { ended } = await beginning(lab, 'start-hook', 'start', id);
    await deletedByForce(lab, id);
    expect(await ended).toBe(1);
    await nothingLeft(lab, 'start-hook', 'start-program');
  }
});

describe('a signal that is to end a command', () => {
  const signals: [NodeJS.Signals, number][] = [
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGTERM', 143],
  ];

  for (const kind of ['prestart', 'createRuntime', 'createContainer'] satisfies HookKind[])
    test.for(signals)(`create, at a ${kind} hook: %s`, async ([signal, status], { lab }) => {
      const id = lab.id();
      const { dir } = lab.bundle(hook(kind, endless(`hook-${id}`)), args(`pass=program-${id}`, 'pause'));
      const { ended, pid } = await beginning(lab, `hook-${id}`, 'create', '--bundle', dir, id);
      process.kill(pid, signal);
      expect(await ended).toBe(status);
      expect(complaint(lab)).toMatch(new RegExp(`^tsrun: [^\n]+: ended by ${signal}\n$`));
      await nothingLeft(lab, `hook-${id}`, `program-${id}`);
    });

  test('create, and the poststop hook, which another one ends', async ({ lab }) => {
    const id = lab.id();
    const { dir } = lab.bundle(
      hook('createRuntime', endless('made')),
      hook('poststop', endless('gone')),
      args('pause'),
    );
    const { ended, pid } = await beginning(lab, 'made', 'create', '--bundle', dir, id);
    process.kill(pid, 'SIGINT');
    await until('poststop runs', () => processesWith('gone').length > 0);
    process.kill(pid, 'SIGTERM');
    expect(await ended).toBe(130);
    await nothingLeft(lab, 'made', 'gone');
  });

  test('run, at a startContainer hook', async ({ lab }) => {
    const id = lab.id();
    const { dir } = lab.bundle(
      hook('startContainer', endless('run-hook', '/guest')),
      args('pass=run-program', 'pause'),
    );
    const { ended, pid } = await beginning(lab, 'run-hook', 'run', '--bundle', dir, id);
    process.kill(pid, 'SIGINT');
    expect(await ended).toBe(130);
    expect(complaint(lab)).toBe('tsrun: start: ended by SIGINT\n');
    await nothingLeft(lab, 'run-hook', 'run-program');
  });

  test('start, at a startContainer hook: as where that fails', async ({ lab }) => {
    const { id } = await lab.create([
      hook('startContainer', endless('on-hook', '/guest')),
      args('pass=on-program', 'pause'),
    ]);
    const { ended, pid } = await beginning(lab, 'on-hook', 'start', id);
    process.kill(pid, 'SIGINT');
    expect(await ended).toBe(130);
    expect(complaint(lab)).toBe('tsrun: start: ended by SIGINT\n');
    await nothingLeft(lab, 'on-hook', 'on-program');
  });

  test('start, at a poststart hook: as where that fails', async ({ lab }) => {
    const { id } = await lab.create([hook('poststart', endless('post-hook')), args('pass=post-program', 'pause')]);
    const { ended, pid } = await beginning(lab, 'post-hook', 'start', id);
    process.kill(pid, 'SIGTERM');
    expect(await ended).toBe(143);
    await nothingLeft(lab, 'post-hook', 'post-program');
  });

  test('delete, at a poststop hook: the container is gone all the same', async ({ lab }) => {
    const { id } = await lab.create([hook('poststop', endless('stop-hook')), args('pass=stop-program', 'pause')]);
    const { ended, pid } = await beginning(lab, 'stop-hook', '--log-level', 'warning', 'delete', '--force', id);
    process.kill(pid, 'SIGINT');
    expect(await ended).toBe(0);
    expect(complaint(lab)).toMatch(/ended by SIGINT/);
    await nothingLeft(lab, 'stop-hook', 'stop-program');
  });

  test('does not keep the poststop hooks of a run from their work', async ({ lab }) => {
    const id = lab.id();
    const done = lab.path('done');
    const go = lab.path('go');
    const late: Hook = { path: guestPath, args: ['guest', 'pass=late', `until=${go}`, `hook=${done}=late`] };
    const { dir } = lab.bundle(hook('poststop', late), args('sleep=0.3', 'exit=6'));
    const { ended, pid } = await beginning(lab, 'late', 'run', '--bundle', dir, id);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.kill(pid, signal);
    writeFileSync(go, '');
    expect(await ended).toBe(6);
    expect(existsSync(done)).toBe(true);
    await nothingLeft(lab, 'late');
  });

  test('start, behind another command', async ({ lab }) => {
    const id = lab.id();
    const { dir } = lab.bundle(hook('createRuntime', endless('first')), args('pass=behind', 'pause'));
    const first = await beginning(lab, 'first', 'create', '--bundle', dir, id);
    for (const argv of [
      ['start', id],
      ['delete', id],
      ['pause', id],
      ['update', '--memory', '64M', id],
    ]) {
      const second = start(runtime(lab.root, ...argv), { output: output(lab) });
      await until('it waits', () => readFileSync(`/proc/${second.pid}/wchan`, 'utf8').includes('poll'));
      process.kill(second.pid ?? Number.NaN, 'SIGTERM');
      expect([argv, (await second).exitCode]).toEqual([argv, 143]);
    }
    expect(complaint(lab)).toMatch(/wait for another command: ended by SIGTERM\n$/);
    process.kill(first.pid, 'SIGTERM');
    expect(await first.ended).toBe(143);
    await nothingLeft(lab, 'first', 'behind');
  });

  test('exec into a cgroup that is frozen below the container’s, which runs', async ({ lab }) => {
    const container = await lab.started([
      namespace('cgroup'),
      withCapabilities('CAP_SYS_ADMIN'),
      mount({ destination: '/cg', type: 'cgroup2', source: 'cgroup2', options: ['rw'] }),
      args('mkdir=/cg/cold', 'write=/cg/cold/cgroup.freeze=1', 'pause'),
    ]);
    await container.told('pause');
    const cold = join(cgroupMount, cgroupOf(container.pid), 'cold', 'cgroup.procs');
    const flags = ['--cgroup', 'cold'];
    const command = start(runtime(lab.root, 'exec', ...flags, container.id, '/guest', 'pass=frozen', 'pause'), {
      output: output(lab),
    });
    await until('it is there, frozen', () => readFileSync(cold, 'utf8') !== '');
    process.kill(command.pid ?? Number.NaN, 'SIGINT');
    expect((await command).exitCode).toBe(130);
    await until('it is gone', () => readFileSync(cold, 'utf8') === '');
  });

  test('exec into a container that is paused', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    for (const flags of [[], ['--detach']]) {
      const command = start(
        runtime(lab.root, 'exec', '--ignore-paused', ...flags, container.id, '/guest', 'pass=frozen', 'pause'),
        { output: output(lab) },
      );
      const pids = (): string[] =>
        readFileSync(join(cgroupMount, cgroupOf(container.pid), 'cgroup.procs'), 'utf8')
          .trim()
          .split('\n');
      await until('the process is there', () => pids().length === 2);
      process.kill(command.pid ?? Number.NaN, 'SIGINT');
      expect((await command).exitCode).toBe(130);
      await until('it is gone', () => pids().length === 1);
    }
    (await lab.tsrun(['resume', container.id])).expectCode(0);
    (await lab.exec(container, ['exit=3'])).expectCode(3);
  });

  test('is none where the caller ignores it, or blocks it', async ({ lab }) => {
    const id = lab.id();
    const { dir } = lab.bundle(hook('createRuntime', endless('stays')), args('pause'));
    for (const setting of ['ignore=2', 'block=2']) {
      const command = start(runtime(lab.root, 'create', '--bundle', dir, id), {
        output: output(lab),
        inherit: [setting],
      });
      await until('the hook runs', () => processesWith('stays').length > 0);
      process.kill(command.pid ?? Number.NaN, 'SIGINT');
      process.kill(command.pid ?? Number.NaN, 'SIGTERM');
      expect((await command).exitCode).toBe(143);
      await nothingLeft(lab, 'stays');
    }
  });
});

describe('while start waits for a poststart hook', () => {
  test('signals and delete reach the container', async ({ lab }) => {
    const { id } = await lab.create([hook('poststart', endless('hook-poststart')), args('pass=program', 'pause')]);
    const { ended } = await beginning(lab, 'hook-poststart', 'start', id);
    (await lab.tsrun(['kill', id, 'CONT'])).expectCode(0);
    expect((await lab.tsrun(['state', id])).expectCode(0).json().status).toBe('running');
    await deletedByForce(lab, id);
    await nothingLeft(lab, 'program');
    // The hook is the host's, and no process of the container: it lives, and start with it, until it ends.
    for (const pid of processesWith('hook-poststart')) process.kill(pid, 'SIGKILL');
    expect(await ended).toBe(1);
    await nothingLeft(lab, 'hook-poststart');
  });

  test('a container that took the id meanwhile is not touched when the hook fails', async ({ lab }) => {
    const { id } = await lab.create([hook('poststart', endless('late-hook')), args('pause')]);
    const { ended } = await beginning(lab, 'late-hook', 'start', id);
    await deletedByForce(lab, id);
    const second = await lab.started([args('pause')], { id });
    await second.told('pause');
    for (const pid of processesWith('late-hook')) process.kill(pid, 'SIGKILL');
    expect(await ended).toBe(1);
    expect(await second.state()).toMatchObject({ status: 'running', pid: second.pid });
  });
});
