/**
 * The limits of linux.resources by their effect: the same tests for each hierarchy and each driver. A suite calls
 * {@link testLimits}; what its hierarchy lacks is skipped by name.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cgroups, hasController, isV1, resources } from './cgroups.ts';
import { args, linux, namespace, type Part, userNamespace, withoutNamespace } from './config.ts';
import { isAlive, until } from './kernel.ts';
import { type Container, cgroupsNamed, type Lab } from './lab.ts';
import { describe, expect, test } from './test.ts';

export interface Variant {
  /** Options of every command that makes a container: those that choose the driver. */
  global?: string[];
  /** Parts of every configuration. */
  parts?: Part[];
}

const MIB = 1024 * 1024;

/** Properties, and what their files say afterwards in each hierarchy; undefined where it has no such properties. */
interface Written {
  name: string;
  /** By its name in v1. */
  controller: string;
  resources: Record<string, unknown>;
  v1?: Record<string, string>;
  v2?: Record<string, string>;
}

const written: readonly Written[] = [
  {
    name: 'memory: limit, swap, reservation',
    controller: 'memory',
    resources: { memory: { limit: 64 * MIB, swap: 96 * MIB, reservation: 32 * MIB } },
    v1: {
      'memory.limit_in_bytes': String(64 * MIB),
      'memory.memsw.limit_in_bytes': String(96 * MIB),
      'memory.soft_limit_in_bytes': String(32 * MIB),
    },
    v2: {
      'memory.max': String(64 * MIB),
      'memory.swap.max': String(32 * MIB),
      'memory.low': String(32 * MIB),
    },
  },
  {
    name: 'memory: limit -1',
    controller: 'memory',
    resources: { memory: { limit: -1 } },
    v1: { 'memory.limit_in_bytes': '9223372036854771712' },
    v2: { 'memory.max': 'max', 'memory.swap.max': 'max' },
  },
  {
    name: 'memory: swappiness',
    controller: 'memory',
    resources: { memory: { swappiness: 10 } },
    v1: { 'memory.swappiness': '10' },
  },
  {
    name: 'cpu: shares, quota, period, burst',
    controller: 'cpu',
    resources: { cpu: { shares: 512, quota: 20_000, period: 50_000, burst: 10_000 } },
    v1: {
      'cpu.shares': '512',
      'cpu.cfs_quota_us': '20000',
      'cpu.cfs_period_us': '50000',
      'cpu.cfs_burst_us': '10000',
    },
    v2: { 'cpu.weight': '59', 'cpu.max': '20000 50000', 'cpu.max.burst': '10000' },
  },
  {
    name: 'cpu: idle, quota',
    controller: 'cpu',
    resources: { cpu: { idle: 1, quota: 20_000, period: 100_000 } },
    v1: { 'cpu.idle': '1', 'cpu.cfs_quota_us': '20000', 'cpu.cfs_period_us': '100000' },
    v2: { 'cpu.idle': '1', 'cpu.max': '20000 100000' },
  },
  {
    name: 'cpu: cpus, mems',
    controller: 'cpuset',
    resources: { cpu: { cpus: '0', mems: '0' } },
    v1: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
    v2: { 'cpuset.cpus': '0', 'cpuset.mems': '0' },
  },
  {
    name: 'pids: limit',
    controller: 'pids',
    resources: { pids: { limit: 17 } },
    v1: { 'pids.max': '17' },
    v2: { 'pids.max': '17' },
  },
  {
    name: 'pids: limit -1',
    controller: 'pids',
    resources: { pids: { limit: -1 } },
    v1: { 'pids.max': 'max' },
    v2: { 'pids.max': 'max' },
  },
];

/** Containers of one variant, with resources, that are told when to begin: before, their cgroups are looked at. */
class Limited {
  readonly #lab: Lab;
  readonly #variant: Variant;

  constructor(lab: Lab, variant: Variant) {
    this.#lab = lab;
    this.#variant = variant;
  }

  async start(limits: Record<string, unknown>, verbs: string[], ...parts: Part[]): Promise<[Container, Cgroups]> {
    const all = [...(this.#variant.parts ?? []), resources(limits), args('until=/go', ...verbs), ...parts];
    const container = await this.#lab.started(all, { global: this.#variant.global ?? [] });
    return [container, new Cgroups(container.pid)];
  }

  run(limits: Record<string, unknown>, verbs: string[], ...parts: Part[]) {
    const all = [...(this.#variant.parts ?? []), resources(limits), args(...verbs), ...parts];
    return this.#lab.run(all, { global: this.#variant.global ?? [] });
  }
}

function begin(container: Container): void {
  writeFileSync(join(container.bundle.rootfs, 'go'), '');
}

/** How often a process was killed for want of memory. */
function oomKills(cgroups: Cgroups): number {
  return isV1('memory') ? cgroups.count('memory.oom_control', 'oom_kill') : cgroups.count('memory.events', 'oom_kill');
}

const gone = 'systemd has removed the scope';

/** The same when nothing runs any more: systemd removes a scope at some moment after its last process. */
function oomKillsLeft(cgroups: Cgroups): number | typeof gone {
  try {
    return oomKills(cgroups);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return gone;
    throw error;
  }
}

/** Registers the tests for one variant. */
export function testLimits(variant: Variant = {}): void {
  describe('linux.resources', () => {
    for (const { name, controller, resources: limits, ...files } of written) {
      const expected = isV1(controller) ? files.v1 : files.v2;
      test(`files of ${name}`, async ({ lab, skip }) => {
        skip(!hasController(controller), `no hierarchy has the ${controller} controller here`);
        skip(expected === undefined, `cgroup ${isV1(controller) ? 'v1' : 'v2'} has none of ${name}`);
        const [, cgroups] = await new Limited(lab, variant).start(limits, ['pause']);
        const found = Object.fromEntries(Object.keys(expected ?? {}).map((file) => [file, cgroups.read(file)]));
        expect(found).toEqual(expected);
      });
    }

    test('memory.limit kills an allocator', async ({ lab }) => {
      const [container, cgroups] = await new Limited(lab, variant).start(
        { memory: { limit: 24 * MIB, swap: 24 * MIB } },
        ['allocate=8', 'allocate=64'],
      );
      expect(oomKills(cgroups)).toBe(0);
      begin(container);
      const facts = await container.ended();
      expect(facts.each('allocate').map(({ arg }) => arg)).toEqual(['8']);
      // Only systemd may have taken the cgroup away by now; anywhere else it must be there, and tell.
      expect(variant.global?.includes('--systemd-cgroup') ? [1, gone] : [1]).toContain(oomKillsLeft(cgroups));
      expect((await container.state()).status).toBe('stopped');
    });

    test('memory.limit: the exit status is that of SIGKILL', async ({ lab }) => {
      const result = await new Limited(lab, variant).run({ memory: { limit: 24 * MIB, swap: 24 * MIB } }, [
        'allocate=64',
      ]);
      expect([result.code, result.stdout]).toEqual([137, '']);
    });

    test('pids.limit: so many forks and no more', async ({ lab }) => {
      const result = await new Limited(lab, variant).run({ pids: { limit: 10 } }, ['forks=30', 'exit=0']);
      expect(result.expectCode(0).facts.of('forks')).toMatchObject({ count: 9, errno: 'EAGAIN' });
    });

    test('pids.limit 0: no fork at all', async ({ lab }) => {
      const result = await new Limited(lab, variant).run({ pids: { limit: 0 } }, ['forks=1', 'exit=0']);
      expect(result.expectCode(0).facts.of('forks')).toMatchObject({ count: 0, errno: 'EAGAIN' });
    });

    test('memory.limit too small to make a container in', async ({ lab }) => {
      const { result } = await lab.tryCreate(
        lab.bundle(...(variant.parts ?? []), resources({ memory: { limit: 16_384 } }), args('pause')),
        { global: variant.global ?? [] },
      );
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(
        /^tsrun: [^\n]*linux\.resources\.memory\.limit: [^\n]*(not enough memory for init|for want of memory)[^\n]*\n$/,
      );
      expect(lab.leftovers()).toEqual([]);
    });

    test('pids.limit stops a fork bomb', async ({ lab }) => {
      const [container, cgroups] = await new Limited(lab, variant).start({ pids: { limit: 24 } }, ['bomb=2', 'pause']);
      begin(container);
      const most: number[] = [];
      await until('the bomb is over', () => {
        // pids.current counts a fork that is about to be refused as well.
        most.push(cgroups.read('cgroup.procs').split('\n').length);
        return container.facts.each('bomb').length > 0;
      });
      expect(container.facts.of('bomb').errno).toBe('EAGAIN');
      expect(Math.max(...most)).toBeLessThanOrEqual(24);
      expect(cgroups.count('pids.events', 'max')).toBeGreaterThan(0);
    });

    test('cpu.quota throttles', async ({ lab }) => {
      const [container, cgroups] = await new Limited(lab, variant).start({ cpu: { quota: 20_000, period: 100_000 } }, [
        'spin=2=3',
        'pause',
      ]);
      begin(container);
      const { used, elapsed } = (await container.told('spin')).of('spin') as unknown as Record<
        'used' | 'elapsed',
        number
      >;
      expect(Number(used) / Number(elapsed)).toBeLessThanOrEqual(1.25 * 0.2);
      expect(Number(used)).toBeGreaterThan(0);
      expect(cgroups.count('cpu.stat', 'nr_throttled')).toBeGreaterThan(0);
    });

    test('cpu.cpus: the process sees these CPUs alone', async ({ lab }) => {
      for (const cpu of [0, 1]) {
        const result = await new Limited(lab, variant).run({ cpu: { cpus: String(cpu), mems: '0' } }, ['affinity']);
        expect(result.expectCode(0).facts.list<number>('affinity')).toEqual([cpu]);
      }
    });

    test.for([0, 1])(
      'pids: a limit of %i lets one process be, whatever its making takes',
      async (limit, { lab, skip }) => {
        skip(!hasController('pids'), 'there is no pids controller');
        for (const part of [[], [userNamespace()], [namespace('time')], [namespace('cgroup')]]) {
          const [container] = await new Limited(lab, variant).start({ pids: { limit } }, ['forks=1', 'pause'], ...part);
          expect(new Cgroups(container.pid).read('pids.max')).toBe('1');
          begin(container);
          expect((await container.told('pause')).of('forks')).toMatchObject({ count: 0, errno: 'EAGAIN' });
          (await container.delete('--force')).expectCode(0);
          expect(lab.leftovers()).toEqual([]);
        }
      },
    );

    test('devices: a rule allows what is denied otherwise, and one denies', async ({ lab }) => {
      const limited = new Limited(lab, variant);
      const verbs = ['open=/dev/kmsg=w', 'open=/dev/zero=r', 'open=/dev/zero=w'];
      const nodes = linux({
        devices: [
          { type: 'c', path: '/dev/zero', major: 1, minor: 5 },
          { type: 'c', path: '/dev/kmsg', major: 1, minor: 11 },
        ],
      });
      const outcome = async (devices: unknown[]) =>
        (await limited.run({ devices }, verbs, nodes))
          .expectCode(0)
          .facts.each('open')
          .map(({ errno }) => errno);
      const zero = { allow: true, type: 'c', major: 1, minor: 5, access: 'r' };
      expect(await outcome([])).toEqual(['EPERM', 'EPERM', 'EPERM']);
      expect(await outcome([zero])).toEqual(['EPERM', '', 'EPERM']);
      expect(await outcome([zero, { allow: true, type: 'c', major: 1, minor: 11, access: 'w' }])).toEqual([
        '',
        '',
        'EPERM',
      ]);
      expect(await outcome([{ allow: true }, { allow: false, type: 'c', major: 1, minor: 5 }])).toEqual([
        '',
        'EPERM',
        'EPERM',
      ]);
    });

    test('everything at once, and all of it goes with the container', async ({ lab }) => {
      const [container, cgroups] = await new Limited(lab, variant).start(
        {
          memory: { limit: 64 * MIB, swap: 64 * MIB, reservation: 16 * MIB },
          cpu: { shares: 256, quota: 50_000, period: 100_000, cpus: '0-1', mems: '0' },
          pids: { limit: 32 },
        },
        ['pause'],
      );
      expect(cgroups.read('pids.max')).toBe('32');
      (await container.delete('--force')).expectCode(0);
      expect(lab.leftovers()).toEqual([]);
    });

    test('a limit that the kernel refuses fails create, and nothing stays', async ({ lab }) => {
      const { result, id } = await lab.tryCreate(
        lab.bundle(...(variant.parts ?? []), resources({ pids: { limit: 5 }, cpu: { cpus: '0-999' } }), args('pause')),
        { global: variant.global ?? [] },
      );
      expect(result.code).toBe(1);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      expect(result.stderr).toContain('linux.resources.cpu.cpus');
      expect(lab.leftovers()).toEqual([]);
      expect((await lab.tsrun(['state', id])).code).toBe(1);
    });
  });

  describe('all processes', () => {
    test('a thousand at once', async ({ lab }) => {
      const container = await lab.started(
        [...(variant.parts ?? []), withoutNamespace('pid'), args('forks=1000', 'pause')],
        { global: variant.global ?? [] },
      );
      await until('all are there', () => container.facts.each('pause').length > 0, 60);
      const cgroups = new Cgroups(container.pid);
      const pids = cgroups.read('cgroup.procs').split('\n').map(Number);
      expect(pids).toHaveLength(1001);
      (await lab.tsrun(['kill', '--all', container.id, 'KILL'])).expectCode(0);
      await until('all have ended', () => pids.every((pid) => !isAlive(pid)));
      expect(cgroups.isPopulated()).toBe(false);
    });
  });

  describe('update', () => {
    const update = (lab: Lab, container: Container, limits: Record<string, unknown>) =>
      lab.tsrun(['update', '--resources', '-', container.id], { input: JSON.stringify(limits) });

    test('each limit of a container that began without any', async ({ lab }) => {
      const [container, cgroups] = await new Limited(lab, variant).start({}, ['children=2', 'pause']);
      begin(container);
      await container.told('pause');
      for (const { name, controller, resources: limits, ...files } of written) {
        const expected = isV1(controller) ? files.v1 : files.v2;
        if (expected === undefined || !hasController(controller)) continue;
        const result = await update(lab, container, limits);
        expect([name, result.code, result.stderr]).toEqual([name, 0, '']);
        // In v1 it has only now got a cgroup of its own.
        const now = isV1(controller) ? new Cgroups(container.pid) : cgroups;
        const found = Object.fromEntries(Object.keys(expected).map((file) => [file, now.read(file)]));
        expect([name, found]).toEqual([name, expected]);
      }
      expect(new Cgroups(container.pid).read('pids.current')).toBe('3');
      (await container.delete('--force')).expectCode(0);
      expect(lab.leftovers()).toEqual([]);
    });

    test('by flags', async ({ lab }) => {
      const [container] = await new Limited(lab, variant).start({ pids: { limit: 5 } }, ['pause']);
      const flags = ['--memory', '64M', '--memory-swap', '64M', '--pids-limit', '12', '--cpu-share', '512'];
      (await lab.tsrun(['update', ...flags, '--cpu-quota', '30000', container.id])).expectCode(0);
      const cgroups = new Cgroups(container.pid);
      const v2 = ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.weight', 'cpu.max'];
      const v1 = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'pids.max', 'cpu.shares', 'cpu.cfs_quota_us'];
      const bytes = String(64 * MIB);
      if (isV1('memory')) expect(v1.map((file) => cgroups.read(file))).toEqual([bytes, bytes, '12', '512', '30000']);
      else expect(v2.map((file) => cgroups.read(file))).toEqual([bytes, '0', '12', '59', '30000 100000']);
    });

    test('a lower limit of memory kills what takes more', async ({ lab }) => {
      const none = { memory: { limit: 256 * MIB, swap: 256 * MIB } };
      const [container] = await new Limited(lab, variant).start(none, ['allocate=8', 'allocate=64']);
      (await update(lab, container, { memory: { limit: 24 * MIB, swap: 24 * MIB } })).expectCode(0);
      begin(container);
      const facts = await container.ended();
      expect(facts.each('allocate').map(({ arg }) => arg)).toEqual(['8']);
    });

    test('a greater limit of processes lets it make more', async ({ lab }) => {
      const [container] = await new Limited(lab, variant).start({ pids: { limit: 2 } }, ['forks=9', 'pause']);
      (await update(lab, container, { pids: { limit: 20 } })).expectCode(0);
      begin(container);
      expect((await container.told('forks')).of('forks')).toMatchObject({ count: 9, errno: '' });
    });

    test('devices: the rules take the place of the earlier ones', async ({ lab }) => {
      const rule = (minor: number) => ({ allow: true, type: 'c', major: 1, minor, access: 'rw' });
      const nodes = linux({
        devices: [5, 7].map((minor) => ({ type: 'c', path: minor === 5 ? '/dev/zero' : '/dev/full', major: 1, minor })),
      });
      const verbs = ['open=/dev/zero=r', 'open=/dev/full=r', 'pause'];
      const [container] = await new Limited(lab, variant).start({ devices: [rule(5)] }, verbs, nodes);
      (await update(lab, container, { devices: [rule(7)] })).expectCode(0);
      begin(container);
      const facts = await container.told('pause');
      expect(facts.each('open').map(({ errno }) => errno)).toEqual(['EPERM', '']);
    });

    test('all or nothing: what was written before the failing one is taken back', async ({ lab }) => {
      const limits = {
        memory: { limit: 64 * MIB, swap: 64 * MIB, reservation: 16 * MIB },
        cpu: { shares: 512, quota: 20_000, period: 50_000 },
        pids: { limit: 17 },
      };
      const [container, cgroups] = await new Limited(lab, variant).start(limits, ['pause']);
      const files = isV1('memory')
        ? ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'cpu.shares', 'cpu.cfs_quota_us', 'pids.max']
        : ['memory.max', 'memory.swap.max', 'memory.low', 'cpu.weight', 'cpu.max', 'pids.max'];
      const values = () => Object.fromEntries(files.map((file) => [file, cgroups.read(file)]));
      const before = values();
      // The kernel allows no such number of processes, and that is the last to be written.
      const result = await update(lab, container, {
        memory: { limit: 128 * MIB, swap: 256 * MIB, reservation: 8 * MIB },
        cpu: { shares: 1024, quota: 40_000, period: 100_000 },
        pids: { limit: 2 ** 40 },
      });
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toContain('linux.resources.pids.limit');
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      expect(values()).toEqual(before);
      expect((await container.state()).status).toBe('running');
    });

    test('a refused one leaves no cgroup that it made', async ({ lab, skip }) => {
      skip(!isV1('memory') || !isV1('pids'), 'only in v1 a further controller takes a further cgroup');
      const container = await lab.create([...(variant.parts ?? []), args('children=2', 'pause')], {
        global: variant.global ?? [],
      });
      await container.start();
      await container.told('pause');
      const places = () => readFileSync(`/proc/${container.pid}/cgroup`, 'utf8');
      const [before, made] = [places(), cgroupsNamed(container.id)];
      const result = await update(lab, container, { memory: { limit: 128 * MIB }, pids: { limit: 2 ** 40 } });
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/^tsrun: [^\n]*linux\.resources\.pids\.limit[^\n]*\n$/);
      expect([places(), cgroupsNamed(container.id)]).toEqual([before, made]);
      // And the next one makes them.
      (await update(lab, container, { memory: { limit: 128 * MIB }, pids: { limit: 9 } })).expectCode(0);
      expect(new Cgroups(container.pid).read('pids.max')).toBe('9');
      expect(cgroupsNamed(container.id).length).toBeGreaterThan(made.length);
    });

    test('a limit below what is used is refused, and nobody is killed', async ({ lab }) => {
      const limits = { memory: { limit: 128 * MIB, swap: 128 * MIB } };
      const [container, cgroups] = await new Limited(lab, variant).start(limits, ['allocate=48', 'pause']);
      begin(container);
      await container.told('pause');
      // v1 refuses by itself, v2 where it is asked to look.
      const result = await update(lab, container, {
        memory: { limit: 8 * MIB, swap: 8 * MIB, checkBeforeUpdate: true },
      });
      expect([result.code, result.stdout]).toEqual([1, '']);
      expect(result.stderr).toMatch(/linux\.resources\.memory\.(limit|swap).*memory/);
      expect(isAlive(container.pid)).toBe(true);
      expect(cgroups.read(isV1('memory') ? 'memory.limit_in_bytes' : 'memory.max')).toBe(String(128 * MIB));
    });

    test('a file without any property that is known changes nothing, and says what it may have meant', async ({
      lab,
    }) => {
      const [container] = await new Limited(lab, variant).start({ pids: { limit: 5 } }, ['pause']);
      for (const limits of [{ pid: { limit: 9 } }, { pids: { limits: 9 } }]) {
        const result = await update(lab, container, limits);
        expect([result.code, result.stdout]).toEqual([1, '']);
        expect(result.stderr).toMatch(/standard input:1:\d+: pids?(\.limits)?: unknown property.*did you mean/);
      }
      // What is known takes effect all the same.
      (await update(lab, container, { pid: {}, pids: { limit: 9 } })).expectCode(0);
      expect(new Cgroups(container.pid).read('pids.max')).toBe('9');
    });

    test('a limit of less than a page of memory is refused, and nobody is killed', async ({ lab }) => {
      const container = await lab.create([...(variant.parts ?? []), args('pause')], { global: variant.global ?? [] });
      const result = await lab.tsrun(['update', '--memory', '10', container.id]);
      expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('--memory: less than a page')]);
      expect(isAlive(container.pid)).toBe(true);
    });

    test('of a paused container, and of one that is not started', async ({ lab }) => {
      const container = await lab.create([...(variant.parts ?? []), args('pause')], { global: variant.global ?? [] });
      (await update(lab, container, { pids: { limit: 30 } })).expectCode(0);
      await container.start();
      (await lab.tsrun(['pause', container.id])).expectCode(0);
      (await update(lab, container, { pids: { limit: 31 } })).expectCode(0);
      expect(new Cgroups(container.pid).read('pids.max')).toBe('31');
      (await lab.tsrun(['kill', container.id, 'KILL'])).expectCode(0);
      await container.ended();
      const late = await update(lab, container, { pids: { limit: 32 } });
      expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('container not running')]);
    });
  });
}
