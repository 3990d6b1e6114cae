/** Limits, by their effect, in the hierarchies of this host; and what version 1 has of its own. */
import { existsSync, mkdirSync, readFileSync, realpathSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Cgroups, isV1, resources } from './harness/cgroups.ts';
import { args, editText, linux, type Part, tmpfs } from './harness/config.ts';
import { cgroupOf, mountsOf, processes, until } from './harness/kernel.ts';
import { cgroupsNamed } from './harness/lab.ts';
import { testLimits } from './harness/limit-tests.ts';
import { hostToolPath, scratch } from './harness/places.ts';
import { call, runtime } from './harness/runtime.ts';
import { describe, expect, test } from './harness/test.ts';

testLimits();

const MIB = 1024 * 1024;
const some = { memory: { limit: 64 * MIB }, pids: { limit: 64 }, cpu: { shares: 512, cpus: '0' } };
const at = (cgroupsPath: string): Part => linux({ cgroupsPath });

/** The v1 hierarchies that `some` needs. */
const hierarchies = mountsOf('self')
  .filter(({ type, superOptions }) => type === 'cgroup' && /\b(memory|pids|cpu|cpuset)\b/.test(superOptions.join(' ')))
  .map(({ target }) => target)
  .filter((target) => !target.endsWith('cpuacct'));

describe.runIf(isV1('memory') && isV1('pids'))('v1 cgroups of a hybrid host', () => {
  test('are made at the same path as in v2, and go with the container', async ({ lab }) => {
    const path = `/${lab.id()}/leaf`;
    const container = await lab.started([at(path), resources(some), args('pause')]);
    expect(cgroupOf(container.pid)).toBe(path);
    expect(hierarchies.length).toBeGreaterThan(1);
    for (const hierarchy of hierarchies)
      expect(readFileSync(join(hierarchy, path, 'cgroup.procs'), 'utf8')).toBe(`${container.pid}\n`);
    (await container.delete('--force')).expectCode(0);
    // The one above it was made for it, and goes too.
    expect(lab.leftovers()).toEqual([]);
  });

  test('go with those that were made below them, for exec or by the container', async ({ lab }) => {
    const container = await lab.started([resources(some), args('pause')]);
    for (const hierarchy of hierarchies)
      mkdirSync(join(hierarchy, cgroupOf(container.pid), 'a/b'), { recursive: true });
    const deleted = await container.delete('--force');
    expect([deleted.code, deleted.stderr]).toEqual([0, '']);
    expect(lab.leftovers()).toEqual([]);
  });

  test('hold every process that the container makes', async ({ lab }) => {
    const container = await lab.started([resources(some), args('children=3', 'pause')]);
    await container.told('pause');
    const cgroups = new Cgroups(container.pid);
    expect(cgroups.read('pids.current')).toBe('4');
    const [memory = ''] = hierarchies.filter((path) => path.endsWith('memory'));
    expect(
      readFileSync(join(memory, cgroupOf(container.pid), 'cgroup.procs'), 'utf8')
        .trim()
        .split('\n'),
    ).toHaveLength(4);
  });

  test('are made only where there is a limit', async ({ lab }) => {
    const container = await lab.started([resources({ pids: { limit: 9 } }), args('pause')]);
    const made = cgroupsNamed(container.id).map((path) => path.split('/')[4]);
    expect(made.sort()).toEqual(['pids', 'unified']);
  });

  test.runIf(isV1('cpu') && isV1('cpuset'))('are made to show that the CPU is not limited', async ({ lab }) => {
    const container = await lab.started([resources({ cpu: {} }), args('pause')]);
    const made = cgroupsNamed(container.id).map((path) => path.split('/')[4]);
    expect(made.sort()).toEqual(['cpu', 'cpuset', 'unified']);
  });

  test('are gone after create fails, at whatever point', async ({ lab }) => {
    const failures: Part[] = [
      (draft) => void draft.config.mounts.push({ destination: '/x', type: 'bogusfs', source: 'x' }),
      (draft) => {
        draft.config.process.args = ['/no/such/program'];
      },
      resources({ ...some, cpu: { cpus: '512' } }),
      resources({ ...some, memory: { limit: 64 * MIB, swap: MIB } }),
    ];
    for (const failure of failures) {
      const { result } = await lab.tryCreate(lab.bundle(resources(some), failure));
      expect(result.code).toBe(1);
      expect(lab.leftovers()).toEqual([]);
    }
  });

  test('one that is there already is not taken', async ({ lab }) => {
    const path = `/${lab.id()}`;
    const [memory = ''] = hierarchies.filter((hierarchy) => hierarchy.endsWith('memory'));
    mkdirSync(join(memory, path));
    try {
      const { result, id } = await lab.tryCreate(lab.bundle(at(path), resources(some), args('pause')));
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/linux\.cgroupsPath.*memory controller exists already/);
      expect((await lab.tsrun(['delete', '--force', id])).code).toBe(0);
      expect(existsSync(join(memory, path))).toBe(true);
    } finally {
      rmdirSync(join(memory, path));
    }
  });

  test('a create that is killed is removed by delete --force', async ({ lab }) => {
    const { dir } = lab.bundle(resources(some), tmpfs('/data'), args('pause'));
    const id = lab.id();
    const output = { stdout: lab.path('o'), stderr: lab.path('e') };
    // Past the end of `create` on the machines seen.
    for (let moment = 2000; moment < 26_000; moment += 400) {
      await call([hostToolPath, 'killafter', String(moment), ...runtime(lab.root, 'create', '--bundle', dir, id)], {
        output,
      });
      const result = await lab.tsrun(['delete', '--force', id]);
      expect([moment, result.code, result.stderr]).toEqual([moment, 0, '']);
      expect([moment, cgroupsNamed(id)]).toEqual([moment, []]);
    }
    const left = () => processes().filter((pid) => readOr(`/proc/${pid}/cgroup`).includes(id));
    await until('no process is left', () => left().length === 0);
  });

  test('blockIO: a throttle of writes makes a write take its time', async ({ lab, skip }) => {
    skip(!isV1('blkio'), 'the blkio controller is not bound to v1 here');
    const disk = diskOf(scratch);
    skip(disk === undefined, 'the scratch directory is on no disk');
    const container = await lab.started([
      resources({ blockIO: { throttleWriteBpsDevice: [{ ...disk, rate: MIB }] } }),
      args('direct=/file=3072', 'pause'),
    ]);
    expect(new Cgroups(container.pid).read('blkio.throttle.write_bps_device')).toBe(
      `${disk?.major}:${disk?.minor} ${MIB}`,
    );
    const fact = (await container.told('direct')).of('direct');
    skip(fact.errno === 'EINVAL', 'the scratch file system takes no direct writes');
    expect(fact.errno).toBe('');
    expect(Number(fact.elapsed)).toBeGreaterThan(1500);
  });

  test('a controller that v1 has is not there for unified, and the sentence says why', async ({ lab }) => {
    const limits = resources({ unified: { 'memory.high': '1000000' } });
    const { result } = await lab.tryCreate(lab.bundle(limits, args('pause')));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /linux\.resources\.unified\["memory\.high"\]: the memory controller is bound to cgroup v1 on this host/,
    );
    expect(lab.leftovers()).toEqual([]);
  });
});

/** The number of the disk that a directory is on, for throttles know no partitions. */
function diskOf(directory: string): { major: number; minor: number } | undefined {
  // As glibc's makedev packs them.
  const device = BigInt(statSync(directory).dev);
  const major = Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn));
  const minor = Number((device & 0xffn) | ((device >> 12n) & ~0xffn));
  const node = `/sys/dev/block/${major}:${minor}`;
  if (!existsSync(node)) return undefined;
  const whole = existsSync(`${node}/partition`) ? `${realpathSync(node)}/../dev` : `${node}/dev`;
  const [first = 0, second = 0] = readFileSync(whole, 'utf8').trim().split(':').map(Number);
  return { major: first, minor: second };
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

describe('values that no hierarchy takes', () => {
  const bad: [string, Record<string, unknown>, string][] = [
    ['memory.limit below -1', { memory: { limit: -5 } }, 'memory.limit'],
    ['memory.limit as a string', { memory: { limit: '64M' } }, 'memory.limit'],
    ['memory.swap below the limit', { memory: { limit: 64 * MIB, swap: MIB } }, 'memory.swap'],
    ['memory.swap without a limit', { memory: { swap: MIB } }, 'memory.swap'],
    ['cpu.shares below 0', { cpu: { shares: -1 } }, 'cpu.shares'],
    ['cpu.quota of 10 µs', { cpu: { quota: 10 } }, 'cpu.quota'],
    ['cpu.period of 10 µs', { cpu: { period: 10 } }, 'cpu.period'],
    ['cpu.burst above the quota', { cpu: { quota: 20_000, burst: 30_000 } }, 'cpu.burst'],
    ['cpu.cpus in words', { cpu: { cpus: 'first' } }, 'cpu.cpus'],
    ['cpu.cpus that are not there', { cpu: { cpus: '512' } }, 'cpu.cpus'],
    ['cpu.mems that are not there', { cpu: { mems: '99' } }, 'cpu.mems'],
    ['pids.limit below -1', { pids: { limit: -7 } }, 'pids.limit'],
    ['blockIO.weight of 5', { blockIO: { weight: 5 } }, 'blockIO.weight'],
    ['hugepageLimits of no number', { hugepageLimits: [{ pageSize: 'MB', limit: 0 }] }, 'hugepageLimits[0].pageSize'],
    ['rdma below 0', { rdma: { mlx5_1: { hcaHandles: -1 } } }, 'rdma.mlx5_1.hcaHandles'],
  ];
  test.for(bad)('%s', async ([, limits, property], { lab }) => {
    const { result } = await lab.tryCreate(lab.bundle(resources(limits), args('pause')));
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).toContain(`linux.resources.${property}`);
    expect(lab.leftovers()).toEqual([]);
  });

  test.for([
    ['memory.limit', 2n ** 63n],
    ['memory.limit', 2n ** 64n],
    ['memory.swap', 2n ** 63n],
    ['cpu.quota', 2n ** 63n],
    ['cpu.shares', 2n ** 64n],
    ['pids.limit', 2n ** 63n],
    ['pids.limit', -(2n ** 63n) - 1n],
  ] as const)('%s of %d', async ([property, value], { lab }) => {
    const [group = '', name = ''] = property.split('.');
    const { result } = await lab.tryCreate(
      lab.bundle(
        resources({ [group]: { [name]: 'NUMBER' } }),
        editText((json) => json.replace('"NUMBER"', String(value))),
        args('pause'),
      ),
    );
    expect(result.code).toBe(1);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).toContain(`linux.resources.${property}`);
    expect(lab.leftovers()).toEqual([]);
  });
});

describe.runIf(isV1('devices'))('the devices hierarchy of version 1', () => {
  const deny = { allow: false, access: 'rwm' };
  const fuse = { allow: true, type: 'c', major: 10, minor: 229, access: 'rwm' };
  const disk = { allow: true, type: 'b', major: 8, minor: 20, access: 'r' };

  test('lists what the rules of the configuration allow, in their order', async ({ lab }) => {
    const container = await lab.started([resources({ devices: [deny, fuse, disk] }), args('pause')]);
    const cgroups = new Cgroups(container.pid);
    expect(cgroups.read('devices.list').split('\n').slice(0, 3)).toEqual(['c 10:229 rwm', 'b 8:20 r', 'c *:* m']);
    (await container.delete('--force')).expectCode(0);
    expect(lab.leftovers()).toEqual([]);
  });

  test('follows an update, and stops nothing that the program lets pass', async ({ lab }) => {
    const container = await lab.started([resources({ devices: [deny] }), args('pause')]);
    const update = ['update', '--resources', '-', container.id];
    (await lab.tsrun(update, { input: JSON.stringify({ devices: [deny, fuse] }) })).expectCode(0);
    expect(new Cgroups(container.pid).read('devices.list')).toContain('c 10:229 rwm');
  });

  test('is left alone where the configuration has no rules', async ({ lab }) => {
    const container = await lab.started([args('pause')]);
    expect(cgroupsNamed(container.id).map((path) => path.split('/')[4])).toEqual(['unified']);
  });
});
