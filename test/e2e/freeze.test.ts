/** pause and resume: the freezer, and what the other commands do with a frozen container. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { args, type Part } from './harness/config.ts';
import { cgroupMount, cgroupOf, isAlive, until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { describe, expect, test } from './harness/test.ts';

/** Writes a line a hundred times a second. */
const counting: Part = args('ticks=10');

const lines = (text: string): number => text.split('\n').length - 1;
const sleep = (milliseconds: number) => new Promise((wake) => setTimeout(wake, milliseconds));
const events = (pid: number): string => readFileSync(join(cgroupMount, cgroupOf(pid), 'cgroup.events'), 'utf8');

describe('pause and resume', () => {
  test('stop progress, and let it go on', async ({ lab }) => {
    const container = await lab.started([counting]);
    await until('it counts', () => lines(container.output) > 3);

    const paused = await lab.tsrun(['pause', container.id]);
    expect([paused.code, paused.stdout, paused.stderr]).toEqual([0, '', '']);
    expect(events(container.pid)).toContain('frozen 1');
    expect(await container.state()).toMatchObject({ status: 'paused', pid: container.pid });
    const then = lines(container.output);
    await sleep(200);
    expect(lines(container.output)).toBe(then);

    const resumed = await lab.tsrun(['resume', container.id]);
    expect([resumed.code, resumed.stdout, resumed.stderr]).toEqual([0, '', '']);
    expect(events(container.pid)).toContain('frozen 0');
    expect((await container.state()).status).toBe('running');
    await until('it counts again', () => lines(container.output) > then + 3);
  });

  test('many times', async ({ lab }) => {
    const container = await lab.started([args('children=20', 'pause')]);
    await container.told('pause');
    for (let round = 0; round < 10; round++) {
      (await lab.tsrun(['pause', container.id])).expectCode(0);
      (await lab.tsrun(['resume', container.id])).expectCode(0);
    }
    expect((await container.state()).status).toBe('running');
  });

  test('of a container that is created and not started', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    expect((await container.state()).status).toBe('paused');
    const started = await lab.tsrun(['start', container.id]);
    expect([started.code, started.stderr]).toEqual([1, expect.stringContaining('paused: resume it first')]);
    (await lab.tsrun(['resume', container.id])).expectCode(0);
    expect((await container.state()).status).toBe('created');
    await container.start();
    await container.told('pause');
  });

  test('two at once: one does it, the other is told', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    const results = await Promise.all([1, 2].map(() => lab.tsrun(['pause', container.id])));
    expect(results.map(({ code }) => code).sort()).toEqual([0, 1]);
    expect(results.map(({ stderr }) => stderr).join('')).toContain('already paused');
  });
});

describe('a paused container', () => {
  test('is ended by SIGKILL', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    (await lab.tsrun(['kill', container.id, '9'])).expectCode(0);
    await container.ended();
    await until('it is stopped', async () => (await container.state()).status === 'stopped');
    (await container.delete()).expectCode(0);
  });

  test('is ended by kill --all', async ({ lab }) => {
    const container = await lab.started([args('children=5', 'pause')]);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
    await container.ended();
  });

  test('gets another signal when it is resumed', async ({ lab }) => {
    const container = await lab.started([args('signals=1', 'pause')]);
    await container.told('signals-ready');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    (await lab.tsrun(['kill', container.id, 'USR1'])).expectCode(0);
    await sleep(100);
    expect(container.facts.each('signal')).toEqual([]);
    (await lab.tsrun(['resume', container.id])).expectCode(0);
    expect((await container.told('signal')).of('signal').number).toBe(10);
  });

  test('is not deleted without force, and with it at once', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    await container.told('pause');
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    const refused = await container.delete();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('it is paused')]);
    (await container.delete('--force')).expectCode(0);
    expect(isAlive(container.pid)).toBe(false);
  });

  test('is listed as paused', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    const listed = (await lab.tsrun(['list', '--format', 'json'])).json<{ id: string; status: string }[]>();
    expect(listed.find(({ id }) => id === container.id)?.status).toBe('paused');
  });
});

describe('what cannot be paused or resumed', () => {
  const refusals: [string, (lab: Lab) => Promise<string>, string, string][] = [
    ['pause: no such container', async (lab) => lab.id(), 'pause', 'does not exist'],
    ['resume: no such container', async (lab) => lab.id(), 'resume', 'does not exist'],
    [
      'pause: paused already',
      async (lab) => {
        const { id } = await lab.started([args('pause')]);
        (await lab.tsrun(['pause', id])).expectCode(0);
        return id;
      },
      'pause',
      'is already paused',
    ],
    [
      'resume: running',
      async (lab) => (await lab.started([args('pause')])).id,
      'resume',
      'container not paused: it is running',
    ],
    ['resume: created', async (lab) => (await lab.create([args('pause')])).id, 'resume', 'container not paused'],
    ...['pause', 'resume'].map((verb): (typeof refusals)[number] => [
      `${verb}: stopped`,
      async (lab) => {
        const container = await lab.started([args('exit=0')]);
        await container.ended();
        return container.id;
      },
      verb,
      'container not running: it is stopped',
    ]),
    ...['pause', 'resume'].map((verb): (typeof refusals)[number] => [
      `${verb}: without a cgroup`,
      async (lab) => {
        const container = await lab.create([args('pause')], { global: ['--cgroup-manager', 'disabled'] });
        return container.id;
      },
      verb,
      'made without a cgroup to freeze it by, for --cgroup-manager was disabled: make it anew with another',
    ]),
  ];
  test.for(refusals)('%s', async ([, make, verb, words], { lab }) => {
    const id = await make(lab);
    const result = await lab.tsrun([verb, id]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain(words);
    expect(result.stderr.split('\n')).toHaveLength(2);
  });
});
