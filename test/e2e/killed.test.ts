/** The runtime is killed at any moment: `delete --force` removes what is left, all of it, and the id can be used again. */
import { readFileSync } from 'node:fs';
import { args, hook, tmpfs, userNamespace, withoutNamespace } from './harness/config.ts';
import { processes, until } from './harness/kernel.ts';
import { cgroupsNamed, type Lab } from './harness/lab.ts';
import { guestPath, hostToolPath } from './harness/places.ts';
import { call, runtime } from './harness/runtime.ts';
import { expect, test } from './harness/test.ts';

/** Enough to pass the end of every command on the machines seen; the last of them end by themselves. */
const moments = Array.from({ length: 60 }, (_, index) => index * 350);

const output = (lab: Lab) => ({ stdout: lab.path('o'), stderr: lab.path('e') });

/** Runs a command of the runtime and kills it after so many microseconds. */
function killed(lab: Lab, microseconds: number, ...argv: string[]) {
  return call([hostToolPath, 'killafter', String(microseconds), ...runtime(lab.root, ...argv)], {
    output: output(lab),
  });
}

/** Deletes by force, and looks for everything that may have stayed. */
async function gone(lab: Lab, moment: number, id: string, mark: string): Promise<void> {
  const result = await lab.tsrun(['delete', '--force', id]);
  expect([moment, result.code, result.stderr]).toEqual([moment, 0, '']);
  expect([moment, cgroupsNamed(id)]).toEqual([moment, []]);

  const living = () =>
    processes().filter((pid) => {
      try {
        // By its name while it waits as init, and by its arguments afterwards.
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(mark) ||
          readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(id)
        );
      } catch {
        return false;
      }
    });
  await until(`moment ${moment}: no process is left`, () => living().length === 0);
  expect([moment, (await lab.tsrun(['list', '-q'])).stdout]).toEqual([moment, '']);
}

test('create', async ({ lab }) => {
  const { dir } = lab.bundle(tmpfs('/data'), args('pass=create-mark', 'pause'));
  const id = lab.id();
  for (const moment of moments) {
    await killed(lab, moment, 'create', '--bundle', dir, id);
    await gone(lab, moment, id, 'create-mark');
  }
  expect(lab.leftovers()).toEqual([]);
});

test('create of a container in a user namespace, with a hook', async ({ lab }) => {
  const { dir } = lab.bundle(
    userNamespace(),
    hook('createRuntime', { path: guestPath, args: ['guest', 'sleep=0.002'] }),
    args('pass=user-mark', 'pause'),
  );
  const id = lab.id();
  for (const moment of moments) {
    await killed(lab, moment, 'create', '--bundle', dir, id);
    await gone(lab, moment, id, 'user-mark');
  }
  expect(lab.leftovers()).toEqual([]);
});

test('start', async ({ lab }) => {
  const { dir } = lab.bundle(args('pass=start-mark', 'pause'));
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 2 === 0)) {
    (await lab.tsrun(['create', '--bundle', dir, id], { output: output(lab) })).expectCode(0);
    await killed(lab, moment, 'start', id);
    await gone(lab, moment, id, 'start-mark');
  }
});

test('delete --force, and a second one finishes the first', async ({ lab }) => {
  const { dir } = lab.bundle(withoutNamespace('pid'), args('pass=delete-mark', 'children=2', 'pause'));
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 2 === 1)) {
    (await lab.tsrun(['run', '--detach', '--bundle', dir, id], { output: output(lab) })).expectCode(0);
    await killed(lab, moment, 'delete', '--force', id);
    await gone(lab, moment, id, 'delete-mark');
  }
});

test('kill', async ({ lab }) => {
  const { dir } = lab.bundle(withoutNamespace('pid'), args('pass=kill-mark', 'children=2', 'pause'));
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 4 === 0)) {
    for (const all of [[], ['--all']]) {
      (await lab.tsrun(['run', '--detach', '--bundle', dir, id], { output: output(lab) })).expectCode(0);
      await killed(lab, moment, 'kill', ...all, id, 'KILL');
      const { status } = (await lab.tsrun(['state', id])).expectCode(0).json();
      expect(['running', 'stopped']).toContain(status);
      await gone(lab, moment, id, 'kill-mark');
    }
  }
});

test('run, with a hook after each step', async ({ lab }) => {
  const short = { path: guestPath, args: ['guest', 'pass=hooked-mark', 'sleep=0.001'] };
  const { dir } = lab.bundle(
    hook('createRuntime', short),
    hook('createContainer', short),
    hook('startContainer', { ...short, path: '/guest' }),
    hook('poststart', short),
    args('pass=hooked-mark', 'sleep=0.002', 'exit=0'),
  );
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 3 === 0)) {
    await killed(lab, moment, 'run', '--bundle', dir, id);
    await gone(lab, moment, id, 'hooked-mark');
  }
});

test('run', async ({ lab }) => {
  const { dir } = lab.bundle(args('pass=run-mark', 'pause'));
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 2 === 0)) {
    await killed(lab, moment, 'run', '--bundle', dir, id);
    await gone(lab, moment, id, 'run-mark');
  }
});

test('after it the id serves again', async ({ lab }) => {
  const { dir } = lab.bundle(args('print=again'));
  const id = lab.id();
  for (const moment of moments.filter((_, index) => index % 6 === 0)) {
    await killed(lab, moment, 'create', '--bundle', dir, id);
    (await lab.tsrun(['delete', '--force', id])).expectCode(0);
    expect((await lab.tsrun(['run', '--bundle', dir, id])).expectCode(0).stdout).toBe('again\n');
  }
});
