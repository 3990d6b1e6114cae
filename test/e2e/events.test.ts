/** events: statistics as runc's callers read them, one JSON object on each line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasController, resources } from './harness/cgroups.ts';
import { args } from './harness/config.ts';
import { expectEachKillTold, followEvents as follow, parseEvents as parse } from './harness/events.ts';
import { until } from './harness/kernel.ts';
import type { Lab } from './harness/lab.ts';
import { describe, expect, test } from './harness/test.ts';

describe('events --stats', () => {
  test('prints one object and ends', async ({ lab }) => {
    const container = await lab.started([args('children=2', 'pause')]);
    await container.told('pause');
    const result = (await lab.tsrun(['events', '--stats', container.id])).expectCode(0);
    expect(result.stderr).toBe('');
    expect(result.stdout.endsWith('}\n')).toBe(true);
    const [event, ...more] = parse(result.stdout);
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      type: 'stats',
      id: container.id,
      data: {
        cpu: {
          usage: { total: expect.any(Number), kernel: expect.any(Number), user: expect.any(Number) },
          throttling: {},
        },
        cpuset: { cpu_exclusive: 0, sched_load_balance: expect.any(Number) },
        memory: {
          usage: { limit: expect.any(Number), failcnt: expect.any(Number) },
          swap: { limit: expect.any(Number) },
          kernel: { limit: expect.any(Number) },
          kernelTCP: { limit: expect.any(Number) },
        },
        pids: { current: 3, limit: expect.any(Number) },
        blkio: {},
        hugetlb: {},
        intel_rdt: {},
        network_interfaces: null,
      },
    });
    expect(event?.data?.cpu.usage.total).toBeGreaterThan(0);
  });

  test('of created and of paused containers', async ({ lab }) => {
    const container = await lab.create([args('pause')]);
    expect(parse((await lab.tsrun(['events', '--stats', container.id])).expectCode(0).stdout)).toHaveLength(1);
    await container.start();
    (await lab.tsrun(['pause', container.id])).expectCode(0);
    expect(parse((await lab.tsrun(['events', '--stats', container.id])).expectCode(0).stdout)).toHaveLength(1);
  });
});

describe('events', () => {
  test('prints usage at the interval, and ends with the container', async ({ lab }) => {
    const container = await lab.started([args('ticks=1')]);
    const { child, events } = follow(lab, '--interval', '100ms', container.id);
    await until('three of them', () => events().length >= 3);
    const totals = events().map(({ data }) => data?.cpu.usage.total ?? 0);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    expect(totals.at(-1)).toBeGreaterThan(totals[0] ?? 0);
    (await lab.tsrun(['kill', container.id, 'KILL'])).expectCode(0);
    const ended = await child;
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    expect(events().every(({ type, id }) => type === 'stats' && id === container.id)).toBe(true);
  });

  test('ends at once with the container, however long the interval is', async ({ lab }) => {
    const container = await lab.started([args('until=/go')]);
    const { child, events } = follow(lab, '--interval', '1h', container.id);
    await until('the first one', () => events().length === 1);
    (await container.delete('--force')).expectCode(0);
    expect((await child).exitCode).toBe(0);
    expect(events()).toHaveLength(1);
  });

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends by %s', async (signal, { lab }) => {
    const container = await lab.started([args('pause')]);
    const { child, events } = follow(lab, container.id);
    await until('the first one', () => events().length === 1);
    child.kill(signal);
    expect((await child).exitCode).toBe(128 + { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 }[signal]);
    expect((await container.state()).status).toBe('running');
  });

  test('ends when nobody reads', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    const { child, events } = follow(lab, '--interval', '20ms', container.id);
    await until('the first one', () => events().length > 0);
    child.stdout?.destroy();
    expect((await child).exitCode).toBe(0);
  });
});

const MIB = 1024 * 1024;

describe.skipIf(!hasController('memory'))('a container with a limit of memory', () => {
  const limited = resources({ memory: { limit: 16 * MIB, swap: 16 * MIB }, pids: { limit: 50 } });

  test('is counted where the limit is', async ({ lab }) => {
    const container = await lab.started([limited, args('allocate=4', 'pause')]);
    await container.told('pause');
    const [event] = parse((await lab.tsrun(['events', '--stats', container.id])).expectCode(0).stdout);
    expect(event).toMatchObject({
      data: {
        memory: { usage: { limit: 16 * MIB, usage: expect.any(Number), max: expect.any(Number), failcnt: 0 } },
        pids: { current: 1, limit: 50 },
      },
    });
    const usage = event?.data?.memory.usage.usage ?? 0;
    expect(usage).toBeGreaterThan(4 * MIB);
    expect(usage).toBeLessThan(16 * MIB);
    expect(Object.keys(event?.data?.memory.raw ?? {})).toContain('pgfault');
  });

  test('is told to have run out of it, before it ends', async ({ lab }) => {
    const container = await lab.started([limited, args('until=/go', 'allocate=64')]);
    const { child, events } = follow(lab, '--interval', '1h', container.id);
    await until('the first one', () => events().length === 1);
    writeFileSync(join(container.bundle.rootfs, 'go'), '');
    await container.ended();
    expect((await child).exitCode).toBe(0);
    expect(events().slice(1)).toEqual([{ type: 'oom', id: container.id }]);
  });

  test('is told so for each process, while it runs on', async ({ lab }) => {
    await expectEachKillTold(lab, limited);
  });

  test('is not told what happened before', async ({ lab }) => {
    const container = await lab.started([limited, args('spawn=/guest allocate=64', 'until=/go')]);
    await container.told('spawn');
    const { child, events } = follow(lab, '--interval', '50ms', container.id);
    await until('some', () => events().length > 3);
    writeFileSync(join(container.bundle.rootfs, 'go'), '');
    expect((await child).exitCode).toBe(0);
    expect(events().every(({ type }) => type === 'stats')).toBe(true);
  });
});

describe('events is refused', () => {
  const rows: [string, (lab: Lab) => Promise<string>, string][] = [
    ['no such container', async (lab) => lab.id(), 'does not exist'],
    [
      'stopped',
      async (lab) => {
        const container = await lab.started([args('exit=0')]);
        await container.ended();
        return container.id;
      },
      'container not running: it is stopped',
    ],
    [
      'without a cgroup',
      async (lab) => (await lab.create([args('pause')], { global: ['--cgroup-manager', 'disabled'] })).id,
      'made without a cgroup that counts, for --cgroup-manager was disabled: make it anew with another',
    ],
  ];
  test.for(rows)('%s', async ([, make, words], { lab }) => {
    const result = await lab.tsrun(['events', '--stats', await make(lab)]);
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain(words);
    expect(result.stderr.split('\n')).toHaveLength(2);
  });
});
