/** `delete --force` while another command waits for a hook that does not end: nobody waits for that. */
import { readFileSync } from 'node:fs';
import { args, type Hook, type HookKind, hook, type Part, withoutNamespace } from './harness/config.ts';
import { processes, until } from './harness/kernel.ts';
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

/** A command that is under way: in an object, for a promise of a promise waits for both. */
async function beginning(lab: Lab, mark: string, ...argv: string[]): Promise<{ ended: Promise<number | undefined> }> {
  const command = start(runtime(lab.root, ...argv), { output: output(lab) });
  await until(`the hook ${mark} runs`, () => processesWith(mark).length > 0);
  return { ended: command.then(({ exitCode }) => exitCode) };
}

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
