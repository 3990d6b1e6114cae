import { describe, expect, it, test } from 'vitest';
import { ioWeight } from '../../../runtime/cgroup/resources/block-io.ts';
import { weightOfShares } from '../../../runtime/cgroup/resources/cpu-weight.ts';
import {
  type CgroupWrite,
  type ControllerFacts,
  controllersBesideSystemd,
  controllersNeeded,
  resourceWrites,
  v1ControllersNeeded,
} from '../../../runtime/cgroup/resources.ts';
import { TsrunError } from '../../../runtime/errors.ts';
import type { Resources } from '../../../spec/config.ts';

const all = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma', 'misc'];
const v2: ControllerFacts = { unified: new Set(all), v1: new Map() };
const v1Names = ['cpuset', 'cpu', 'blkio', 'memory', 'hugetlb', 'pids', 'rdma', 'net_cls', 'net_prio'];
const v1: ControllerFacts = {
  unified: new Set(),
  v1: new Map(v1Names.map((name) => [name, `/sys/fs/cgroup/${name}`])),
};
const none: ControllerFacts = { unified: new Set(), v1: new Map() };

/** A write as a line: `unified/memory.max = 1`, and what follows where the file is missing. */
function line({ hierarchy, file, value, ifMissing }: CgroupWrite): string {
  const write = `${hierarchy}/${file} = ${JSON.stringify(value).slice(1, -1)}`;
  if (ifMissing === undefined) return write;
  return ifMissing === 'ignore' ? `${write} ?` : `${write} ? ${ifMissing.file} = ${ifMissing.value}`;
}

function lines(resources: Resources, facts = v2, current?: Readonly<Record<string, string>>): string[] {
  const read = current && ((hierarchy: string, file: string) => current[`${hierarchy}/${file}`]);
  const { writes, warnings } = resourceWrites(resources, facts, read);
  return [...writes.map(line), ...warnings.map((warning) => `! ${warning}`)];
}

function refusal(resources: Resources, facts = v2, current?: Readonly<Record<string, string>>): string {
  try {
    return `accepted: ${lines(resources, facts, current).join('; ')}`;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

const GiB = 2 ** 30;
const most = 2n ** 63n - 1n;
const huge = 2n ** 64n - 1n;

describe('a new container', () => {
  test.each<[string, Resources, string[], string[]]>([
    ['nothing', {}, [], []],
    ['empty objects', { memory: {}, cpu: {}, blockIO: {}, pids: {}, network: {}, rdma: {}, unified: {} }, [], []],
    [
      'memory limit',
      { memory: { limit: GiB } },
      ['unified/memory.max = 1073741824'],
      ['memory/memory.limit_in_bytes = 1073741824'],
    ],
    [
      'memory, all limits',
      { memory: { limit: 100, reservation: 50, swap: 300 } },
      ['unified/memory.swap.max = 200', 'unified/memory.max = 100', 'unified/memory.low = 50'],
      [
        'memory/memory.limit_in_bytes = 100',
        'memory/memory.memsw.limit_in_bytes = 300',
        'memory/memory.soft_limit_in_bytes = 50',
      ],
    ],
    [
      'no swap',
      { memory: { limit: 100, swap: 100 } },
      ['unified/memory.swap.max = 0 ?', 'unified/memory.max = 100'],
      ['memory/memory.limit_in_bytes = 100', 'memory/memory.memsw.limit_in_bytes = 100'],
    ],
    [
      'unlimited memory is unlimited swap',
      { memory: { limit: -1 } },
      ['unified/memory.swap.max = max ?', 'unified/memory.max = max'],
      ['memory/memory.limit_in_bytes = -1', 'memory/memory.memsw.limit_in_bytes = -1 ?'],
    ],
    [
      'unlimited swap',
      { memory: { limit: 100, swap: -1 } },
      ['unified/memory.swap.max = max ?', 'unified/memory.max = 100'],
      ['memory/memory.limit_in_bytes = 100', 'memory/memory.memsw.limit_in_bytes = -1 ?'],
    ],
    ['memory, 0 is not set', { memory: { limit: 0, swap: 0, reservation: 0, kernel: 0 } }, [], []],
    [
      'memory, 64 bits exactly',
      { memory: { limit: most - 2n, swap: most, reservation: most - 1n } },
      [
        'unified/memory.swap.max = 2',
        'unified/memory.max = 9223372036854775805',
        'unified/memory.low = 9223372036854775806',
      ],
      [
        'memory/memory.limit_in_bytes = 9223372036854775805',
        'memory/memory.memsw.limit_in_bytes = 9223372036854775807',
        'memory/memory.soft_limit_in_bytes = 9223372036854775806',
      ],
    ],
    [
      'unlimited reservation',
      { memory: { reservation: -1 } },
      ['unified/memory.low = max'],
      ['memory/memory.soft_limit_in_bytes = -1'],
    ],
    [
      'limits of kernel memory',
      { memory: { kernel: 10, kernelTCP: 10 } },
      [
        '! linux.resources.memory.kernel: ignored: the kernel has no such limit any more, kernel memory counts towards memory.limit',
        '! linux.resources.memory.kernelTCP: ignored: the kernel has no such limit any more, kernel memory counts towards memory.limit',
      ],
      [
        '! linux.resources.memory.kernel: ignored: the kernel has no such limit any more, kernel memory counts towards memory.limit',
        '! linux.resources.memory.kernelTCP: ignored: the kernel has no such limit any more, kernel memory counts towards memory.limit',
      ],
    ],
    ['no limits of kernel memory', { memory: { kernel: -1, kernelTCP: -1 } }, [], []],
    ['memory, what is so anyway', { memory: { disableOOMKiller: false, useHierarchy: true } }, [], []],
    [
      'memory, checked before',
      { memory: { limit: 100, checkBeforeUpdate: true } },
      ['unified/memory.max = 100'],
      ['memory/memory.limit_in_bytes = 100'],
    ],
    [
      'quota and period',
      { cpu: { quota: 50_000, period: 200_000 } },
      ['unified/cpu.max = 50000 200000'],
      ['cpu/cpu.cfs_period_us = 200000', 'cpu/cpu.cfs_quota_us = 50000'],
    ],
    ['quota', { cpu: { quota: 50_000 } }, ['unified/cpu.max = 50000 100000'], ['cpu/cpu.cfs_quota_us = 50000']],
    ['period', { cpu: { period: 50_000 } }, ['unified/cpu.max = max 50000'], ['cpu/cpu.cfs_period_us = 50000']],
    ['no quota', { cpu: { quota: -1 } }, ['unified/cpu.max = max 100000'], ['cpu/cpu.cfs_quota_us = -1']],
    ['cpu, 0 is not set', { cpu: { quota: 0, period: 0, shares: 0, realtimePeriod: 0, realtimeRuntime: 0 } }, [], []],
    [
      'burst',
      { cpu: { quota: 50_000, burst: 20_000 } },
      ['unified/cpu.max = 50000 100000', 'unified/cpu.max.burst = 20000'],
      ['cpu/cpu.cfs_quota_us = 50000', 'cpu/cpu.cfs_burst_us = 20000'],
    ],
    ['no burst', { cpu: { burst: 0 } }, ['unified/cpu.max.burst = 0 ?'], ['cpu/cpu.cfs_burst_us = 0 ?']],
    ['shares', { cpu: { shares: 2048 } }, ['unified/cpu.weight = 174'], ['cpu/cpu.shares = 2048']],
    ['idle', { cpu: { idle: 1 } }, ['unified/cpu.idle = 1'], ['cpu/cpu.idle = 1']],
    [
      'not idle, with shares',
      { cpu: { idle: 0, shares: 1024 } },
      ['unified/cpu.idle = 0 ?', 'unified/cpu.weight = 100'],
      ['cpu/cpu.idle = 0 ?', 'cpu/cpu.shares = 1024'],
    ],
    [
      'idle, with shares',
      { cpu: { idle: 1, shares: 1024 } },
      ['unified/cpu.idle = 1', '! linux.resources.cpu.shares: ignored: a cgroup with cpu.idle 1 has no weight'],
      ['cpu/cpu.idle = 1', '! linux.resources.cpu.shares: ignored: a cgroup with cpu.idle 1 has no weight'],
    ],
    [
      'cpuset before all',
      { memory: { limit: 1 }, cpu: { cpus: '0-3,7', mems: '0', shares: 2 } },
      ['unified/cpuset.cpus = 0-3,7', 'unified/cpuset.mems = 0', 'unified/memory.max = 1', 'unified/cpu.weight = 1'],
      [
        'cpuset/cpuset.cpus = 0-3,7',
        'cpuset/cpuset.mems = 0',
        'memory/memory.limit_in_bytes = 1',
        'cpu/cpu.shares = 2',
      ],
    ],
    ['empty cpuset', { cpu: { cpus: '', mems: '' } }, [], []],
    ['pids', { pids: { limit: 10 } }, ['unified/pids.max = 10'], ['pids/pids.max = 10']],
    ['no limit of pids', { pids: { limit: -1 } }, ['unified/pids.max = max'], ['pids/pids.max = max']],
    ['no pids', { pids: { limit: 0 } }, ['unified/pids.max = 1'], ['pids/pids.max = 1']],
    [
      'weights of block I/O',
      { blockIO: { weight: 500, leafWeight: 0, weightDevice: [{ major: 8, minor: 0, weight: 10 }] } },
      ['unified/io.bfq.weight = 500 ? io.weight = 4950', 'unified/io.bfq.weight = 8:0 10 ? io.weight = 8:0 1'],
      [
        'blkio/blkio.bfq.weight = 500 ? blkio.weight = 500',
        'blkio/blkio.bfq.weight_device = 8:0 10 ? blkio.weight_device = 8:0 10',
      ],
    ],
    ['block I/O, 0 is not set', { blockIO: { weight: 0, weightDevice: [{ major: 8, minor: 0, weight: 0 }] } }, [], []],
    [
      'throttles',
      {
        blockIO: {
          throttleReadBpsDevice: [
            { major: 8, minor: 0, rate: huge },
            { major: 259, minor: 1, rate: 600 },
          ],
          throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 0 }],
          throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 30 }],
          throttleWriteIOPSDevice: [{ major: 259, minor: 1, rate: 40 }],
        },
      },
      ['unified/io.max = 8:0 rbps=18446744073709551615 wbps=max riops=30', 'unified/io.max = 259:1 rbps=600 wiops=40'],
      [
        'blkio/blkio.throttle.read_bps_device = 8:0 18446744073709551615',
        'blkio/blkio.throttle.read_bps_device = 259:1 600',
        'blkio/blkio.throttle.write_bps_device = 8:0 0',
        'blkio/blkio.throttle.read_iops_device = 8:0 30',
        'blkio/blkio.throttle.write_iops_device = 259:1 40',
      ],
    ],
    [
      'huge pages',
      {
        hugepageLimits: [
          { pageSize: '2MB', limit: huge },
          { pageSize: '64KB', limit: 0 },
        ],
      },
      [
        'unified/hugetlb.2MB.max = 18446744073709551615',
        'unified/hugetlb.2MB.rsvd.max = 18446744073709551615 ?',
        'unified/hugetlb.64KB.max = 0',
        'unified/hugetlb.64KB.rsvd.max = 0 ?',
      ],
      [
        'hugetlb/hugetlb.2MB.limit_in_bytes = 18446744073709551615',
        'hugetlb/hugetlb.2MB.rsvd.limit_in_bytes = 18446744073709551615 ?',
        'hugetlb/hugetlb.64KB.limit_in_bytes = 0',
        'hugetlb/hugetlb.64KB.rsvd.limit_in_bytes = 0 ?',
      ],
    ],
    [
      'rdma',
      { rdma: { mlx5_1: { hcaHandles: 3, hcaObjects: 10_000 }, rxe3: { hcaObjects: 0 } } },
      ['unified/rdma.max = mlx5_1 hca_handle=3 hca_object=10000', 'unified/rdma.max = rxe3 hca_object=0'],
      ['rdma/rdma.max = mlx5_1 hca_handle=3 hca_object=10000', 'rdma/rdma.max = rxe3 hca_object=0'],
    ],
    ['network, nothing', { network: { classID: 0, priorities: [] } }, [], []],
  ])('%s', (_name, resources, onV2, onV1) => {
    expect(lines(resources)).toEqual(onV2);
    expect(lines(resources, v1)).toEqual(onV1);
  });

  test.each<[string, Resources, string[]]>([
    ['swappiness', { memory: { swappiness: 0 } }, ['memory/memory.swappiness = 0']],
    ['no OOM killer', { memory: { disableOOMKiller: true } }, ['memory/memory.oom_control = 1']],
    [
      'realtime',
      { cpu: { realtimeRuntime: 950_000, realtimePeriod: 1_000_000 } },
      ['cpu/cpu.rt_period_us = 1000000', 'cpu/cpu.rt_runtime_us = 950000'],
    ],
    ['realtime, unlimited', { cpu: { realtimeRuntime: -1 } }, ['cpu/cpu.rt_runtime_us = -1']],
    [
      'network',
      { network: { classID: 1_048_577, priorities: [{ name: 'eth0', priority: 5 }] } },
      ['net_cls/net_cls.classid = 1048577', 'net_prio/net_prio.ifpriomap = eth0 5'],
    ],
  ])('v1 alone: %s', (_name, resources, expected) => {
    expect(lines(resources, v1)).toEqual(expected);
  });

  it('writes files of v2 as they are named, a line at a time, after everything else', () => {
    const unified = {
      'memory.high': ' 5 ',
      'io.max': '259:0 rbps=1\n253:0 wiops=2\n',
      'cpuset.cpus': '',
      'misc.max': 'sev 1',
      'cgroup.max.depth': '3',
      'irq.pressure': 'some 150000 1000000',
      'pids.max': '3',
    };
    expect(lines({ unified, pids: { limit: 9 } })).toEqual([
      'unified/pids.max = 9',
      'unified/memory.high = 5',
      'unified/io.max = 259:0 rbps=1',
      'unified/io.max = 253:0 wiops=2',
      'unified/cpuset.cpus = \\n',
      'unified/misc.max = sev 1',
      'unified/cgroup.max.depth = 3',
      'unified/irq.pressure = some 150000 1000000',
      'unified/pids.max = 3',
      '! linux.resources.unified["pids.max"]: written after linux.resources.pids.limit, whose value it may replace',
    ]);
  });

  it('needs no controller for what is unlimited anyway', () => {
    expect(
      lines({ memory: { limit: -1, swap: -1, reservation: 0 }, pids: { limit: -1 }, cpu: { quota: -1 } }, none),
    ).toEqual([]);
  });

  it('says where each value comes from', () => {
    const { writes } = resourceWrites(
      {
        memory: { limit: -1 },
        cpu: { quota: 1000, period: 1000 },
        blockIO: {
          throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
          throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
        },
        rdma: { mlx: { hcaHandles: 1 } },
        unified: { 'memory.high': '1' },
      },
      v2,
    );
    expect(writes.map(({ from }) => from)).toEqual([
      'linux.resources.memory.limit',
      'linux.resources.memory.limit',
      'linux.resources.cpu.quota, linux.resources.cpu.period',
      'linux.resources.blockIO.throttleReadBpsDevice[0], linux.resources.blockIO.throttleWriteBpsDevice[0]',
      'linux.resources.rdma.mlx',
      'linux.resources.unified["memory.high"]',
    ]);
  });
});

describe('a hybrid host', () => {
  const hybrid: ControllerFacts = {
    unified: new Set(['hugetlb', 'misc', 'io']),
    v1: new Map([
      ['memory', '/sys/fs/cgroup/memory'],
      ['pids', '/sys/fs/cgroup/pids'],
      ['net_cls', '/sys/fs/cgroup/net_cls'],
    ]),
  };

  it('writes each limit where its controller is bound', () => {
    const resources: Resources = {
      memory: { limit: 100 },
      pids: { limit: 5 },
      blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }] },
      hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
      network: { classID: 7 },
      unified: { 'misc.max': 'sev 1' },
    };
    expect(lines(resources, hybrid)).toEqual([
      'memory/memory.limit_in_bytes = 100',
      'unified/io.max = 8:0 rbps=1',
      'unified/hugetlb.2MB.max = 0',
      'unified/hugetlb.2MB.rsvd.max = 0 ?',
      'net_cls/net_cls.classid = 7',
      'pids/pids.max = 5',
      'unified/misc.max = sev 1',
    ]);
    const { writes } = resourceWrites(resources, hybrid);
    expect([...controllersNeeded(writes)]).toEqual(['io', 'hugetlb', 'misc']);
    expect(controllersBesideSystemd(writes)).toEqual(['hugetlb', 'misc']);
    expect([...v1ControllersNeeded(writes)]).toEqual(['memory', 'net_cls', 'pids']);
  });

  it('asks for no controller of the core', () => {
    const { writes } = resourceWrites({ unified: { 'cgroup.max.depth': '1', 'io.pressure': 'x 1 2' } }, none);
    expect(controllersNeeded(writes)).toEqual(new Set());
  });

  test.each<[string, Resources, string]>([
    [
      'a controller that is nowhere',
      { cpu: { shares: 5 } },
      'host-unsupported: linux.resources.cpu.shares: the cpu controller is not available: it is not in cgroup.controllers of cgroup v2 and not mounted as cgroup v1; enable it in the kernel, have it delegated (Delegate=yes in the unit), or remove the property',
    ],
    [
      'a file of v2 whose controller is nowhere',
      { unified: { 'bogus.max': '1' } },
      'host-unsupported: linux.resources.unified["bogus.max"]: the bogus controller is not available: it is not in cgroup.controllers of cgroup v2 and not mounted as cgroup v1; enable it in the kernel, have it delegated (Delegate=yes in the unit), or remove the property',
    ],
    [
      'a file of v2 whose controller is in v1',
      { unified: { 'memory.high': '1' } },
      'host-unsupported: linux.resources.unified["memory.high"]: the memory controller is bound to cgroup v1 on this host (/sys/fs/cgroup/memory), which has no memory.high; use the other properties of linux.resources, or boot with cgroup_no_v1=memory',
    ],
  ])('refuses %s', (_name, resources, expected) => {
    expect(refusal(resources, hybrid)).toBe(expected);
  });

  it('names the controller as each version does', () => {
    expect(refusal({ blockIO: { weight: 10 } }, none)).toContain('the io (blkio in cgroup v1) controller');
    const { writes } = resourceWrites({ blockIO: { weight: 10 } }, v1);
    expect(writes[0]?.controller).toBe('blkio');
  });
});

describe('an update', () => {
  test.each<[string, Resources, Record<string, string>, string[]]>([
    [
      'keeps the period',
      { cpu: { quota: 5000 } },
      { 'unified/cpu.max': 'max 20000\n' },
      ['unified/cpu.max = 5000 20000'],
    ],
    [
      'keeps the quota',
      { cpu: { period: 5000 } },
      { 'unified/cpu.max': '700 20000\n' },
      ['unified/cpu.max = 700 5000'],
    ],
    ['keeps no quota', { cpu: { period: 5000 } }, { 'unified/cpu.max': 'max 20000' }, ['unified/cpu.max = max 5000']],
    [
      'clears the burst before the quota moves',
      { cpu: { quota: 5000, burst: 100 } },
      { 'unified/cpu.max': '9000 10000', 'unified/cpu.max.burst': '8000\n' },
      ['unified/cpu.max.burst = 0', 'unified/cpu.max = 5000 10000', 'unified/cpu.max.burst = 100'],
    ],
    [
      'takes the present limit from the total',
      { memory: { swap: 300 } },
      { 'unified/memory.max': '100\n' },
      ['unified/memory.swap.max = 200'],
    ],
    [
      'takes no limit from the total',
      { memory: { swap: 300 } },
      { 'unified/memory.max': 'max\n' },
      ['unified/memory.swap.max = 300'],
    ],
    [
      'checks what is used',
      { memory: { limit: 200, swap: 300, checkBeforeUpdate: true } },
      { 'unified/memory.current': '200\n' },
      ['unified/memory.swap.max = 100', 'unified/memory.max = 200'],
    ],
    [
      'gives weight to what was idle',
      { cpu: { idle: 0, shares: 1024 } },
      { 'unified/cpu.idle': '1' },
      ['unified/cpu.idle = 0 ?', 'unified/cpu.weight = 100'],
    ],
    [
      'keeps the weight for the way back from idle',
      { cpu: { idle: 1 } },
      { 'unified/cpu.idle': '0\n', 'unified/cpu.weight': '170\n' },
      ['unified/cpu.weight = 170', 'unified/cpu.idle = 1'],
    ],
    [
      'stays idle',
      { cpu: { idle: 1 } },
      { 'unified/cpu.idle': '1\n', 'unified/cpu.weight': '0\n' },
      ['unified/cpu.idle = 1'],
    ],
  ])('%s', (_name, resources, current, expected) => {
    expect(lines(resources, v2, current)).toEqual(expected);
  });

  test.each<[string, Resources, Record<string, string>, string[]]>([
    [
      'a greater total first',
      { memory: { limit: 300, swap: 400 } },
      { 'memory/memory.memsw.limit_in_bytes': '200' },
      ['memory/memory.memsw.limit_in_bytes = 400', 'memory/memory.limit_in_bytes = 300'],
    ],
    [
      'a smaller total last',
      { memory: { limit: 100, swap: 150 } },
      { 'memory/memory.memsw.limit_in_bytes': '200' },
      ['memory/memory.limit_in_bytes = 100', 'memory/memory.memsw.limit_in_bytes = 150'],
    ],
    [
      'no total first',
      { memory: { limit: -1 } },
      { 'memory/memory.memsw.limit_in_bytes': '200' },
      ['memory/memory.memsw.limit_in_bytes = -1 ?', 'memory/memory.limit_in_bytes = -1'],
    ],
    [
      'a total alone',
      { memory: { swap: 300 } },
      { 'memory/memory.limit_in_bytes': '100', 'memory/memory.memsw.limit_in_bytes': '200' },
      ['memory/memory.memsw.limit_in_bytes = 300'],
    ],
    [
      'a longer period first',
      { cpu: { quota: 5, period: 200_000 } },
      { 'cpu/cpu.cfs_period_us': '100000' },
      ['cpu/cpu.cfs_period_us = 200000', 'cpu/cpu.cfs_quota_us = 5'],
    ],
    [
      'a shorter period last',
      { cpu: { quota: 5, period: 50_000, burst: 1 } },
      { 'cpu/cpu.cfs_period_us': '100000', 'cpu/cpu.cfs_burst_us': '0' },
      ['cpu/cpu.cfs_quota_us = 5', 'cpu/cpu.cfs_period_us = 50000', 'cpu/cpu.cfs_burst_us = 1'],
    ],
    [
      'a shorter realtime period last',
      { cpu: { realtimeRuntime: 5, realtimePeriod: 50_000 } },
      { 'cpu/cpu.rt_period_us': '1000000' },
      ['cpu/cpu.rt_runtime_us = 5', 'cpu/cpu.rt_period_us = 50000'],
    ],
    ['the OOM killer again', { memory: { disableOOMKiller: false } }, {}, ['memory/memory.oom_control = 0']],
  ])('v1: %s', (_name, resources, current, expected) => {
    expect(lines(resources, v1, current)).toEqual(expected);
  });
});

describe('what cannot be', () => {
  test.each<[string, Resources, ControllerFacts, Record<string, string> | undefined, string]>([
    [
      'swap without a limit',
      { memory: { swap: 5 } },
      v2,
      undefined,
      'config-invalid: linux.resources.memory.swap: memory and swap together need memory.limit, which is absent; set memory.limit as well',
    ],
    [
      'swap without a limit in v1',
      { memory: { swap: 5, limit: 0 } },
      v1,
      undefined,
      'config-invalid: linux.resources.memory.swap: memory and swap together need memory.limit, which is absent; set memory.limit as well',
    ],
    [
      'swap without a known limit',
      { memory: { swap: 5 } },
      v2,
      {},
      'config-invalid: linux.resources.memory.swap: memory and swap together need memory.limit, whose present value is unknown; set memory.limit as well',
    ],
    [
      'swap below the present limit',
      { memory: { swap: 5 } },
      v2,
      { 'unified/memory.max': '6' },
      'config-invalid: linux.resources.memory.swap: 5 is less than the memory limit 6, which it includes; raise it',
    ],
    [
      'swap below the limit',
      { memory: { limit: 2, swap: 1 } },
      v2,
      undefined,
      'config-invalid: linux.resources.memory.swap: 1 is less than the memory limit 2, which it includes; raise it',
    ],
    [
      'swap below the present limit in v1',
      { memory: { swap: 5 } },
      v1,
      { 'memory/memory.limit_in_bytes': '6' },
      'config-invalid: linux.resources.memory.swap: 5 is less than the memory limit 6, which it includes; raise it',
    ],
    [
      'a total beside unlimited memory in v1',
      { memory: { limit: -1, swap: 5 } },
      v1,
      undefined,
      'config-invalid: linux.resources.memory.swap: cgroup v1 cannot limit it while memory.limit is -1; set memory.limit as well',
    ],
    [
      'a limit above the present total in v1',
      { memory: { limit: 9 } },
      v1,
      { 'memory/memory.memsw.limit_in_bytes': '6' },
      'config-invalid: linux.resources.memory.limit: 9 is greater than the present limit 6 of memory and swap together; set memory.swap as well',
    ],
    [
      'a limit below what is used',
      { memory: { limit: 100, checkBeforeUpdate: true } },
      v2,
      { 'unified/memory.current': '101\n' },
      'cgroup: linux.resources.memory.limit: the memory controller: 100 bytes is less than the 101 that the container uses (memory.current), and memory.checkBeforeUpdate is set; choose a greater limit',
    ],
    [
      'swappiness in v2',
      { memory: { swappiness: 60 } },
      v2,
      undefined,
      'host-unsupported: linux.resources.memory.swappiness: cgroup v2 has no such limit; limit swap with memory.swap',
    ],
    [
      'no OOM killer in v2',
      { memory: { disableOOMKiller: true } },
      v2,
      undefined,
      'host-unsupported: linux.resources.memory.disableOOMKiller: cgroup v2 has no such limit; throttle with "memory.high" in linux.resources.unified',
    ],
    [
      'no hierarchy',
      { memory: { useHierarchy: false } },
      v1,
      undefined,
      'host-unsupported: linux.resources.memory.useHierarchy: the kernel always counts the memory of child cgroups; remove the property or set it to true',
    ],
    [
      'realtime in v2',
      { cpu: { realtimePeriod: 5 } },
      v2,
      undefined,
      'host-unsupported: linux.resources.cpu.realtimePeriod: cgroup v2 has no such limit; remove realtimeRuntime and realtimePeriod',
    ],
    [
      'too few shares in v1',
      { cpu: { shares: 1 } },
      v1,
      undefined,
      'config-invalid: linux.resources.cpu.shares: expected a number from 2 to 262144: got 1',
    ],
    [
      'too many shares in v1',
      { cpu: { shares: huge } },
      v1,
      undefined,
      'config-invalid: linux.resources.cpu.shares: expected a number from 2 to 262144: got 18446744073709551615',
    ],
    [
      'shares of what is idle',
      { cpu: { shares: 5 } },
      v2,
      { 'unified/cpu.idle': '1\n' },
      'cgroup: linux.resources.cpu.shares: the container is idle (cpu.idle 1) and has no weight; set cpu.idle to 0 as well',
    ],
    [
      'a weight out of range',
      { blockIO: { weight: 9 } },
      v2,
      undefined,
      'config-invalid: linux.resources.blockIO.weight: expected a number from 10 to 1000: got 9',
    ],
    [
      'a weight of a device out of range',
      { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 1001 }] } },
      v1,
      undefined,
      'config-invalid: linux.resources.blockIO.weightDevice[0].weight: expected a number from 10 to 1000: got 1001',
    ],
    [
      'weights of leaves',
      { blockIO: { leafWeight: 10 } },
      v1,
      undefined,
      'host-unsupported: linux.resources.blockIO.leafWeight: no kernel since Linux 5.0 has weights of leaves; remove the property',
    ],
    [
      'a page size that is a path',
      { hugepageLimits: [{ pageSize: '../../x', limit: 1 }] },
      v2,
      undefined,
      'config-invalid: linux.resources.hugepageLimits[0].pageSize: not a size of huge pages; expected one like 2MB',
    ],
    [
      'classes of packets in v2',
      { network: { classID: 5 } },
      v2,
      undefined,
      'host-unsupported: linux.resources.network.classID: cgroup v2 has no such limit; match the cgroup itself (nftables: socket cgroupv2) or mount net_cls',
    ],
    [
      'priorities in v2',
      { network: { priorities: [{ name: 'eth0', priority: 5 }] } },
      v2,
      undefined,
      'host-unsupported: linux.resources.network.priorities[0]: cgroup v2 has no such limit; set priorities with tc in the network namespace or mount net_prio',
    ],
    [
      'an interface with a space',
      { network: { priorities: [{ name: 'a b', priority: 5 }] } },
      v1,
      undefined,
      'config-invalid: linux.resources.network.priorities[0].name: not a name of a network interface',
    ],
    ...(['../x', 'memory', '.max', 'a/b.max', 'memory.', ''] as const).map(
      (name): [string, Resources, ControllerFacts, undefined, string] => [
        `the file ${name}`,
        { unified: { [name]: '1' } },
        v2,
        undefined,
        `config-invalid: linux.resources.unified["${name}"]: not a name of a cgroup file; expected one like memory.high`,
      ],
    ),
    [
      'a file of tsrun',
      { unified: { 'cgroup.procs': '1' } },
      v2,
      undefined,
      'config-invalid: linux.resources.unified["cgroup.procs"]: tsrun itself uses this file for the container; remove the key',
    ],
    [
      'a second line',
      { unified: { 'memory.max': '1\nmax' } },
      v2,
      undefined,
      'config-invalid: linux.resources.unified["memory.max"]: more than one line: got "1\\nmax"',
    ],
    [
      'control characters',
      { unified: { 'memory.max': '1\x1b[0m' } },
      v2,
      undefined,
      'config-invalid: linux.resources.unified["memory.max"]: control characters: got "1\\x1b[0m"',
    ],
  ])('%s', (_name, resources, facts, current, expected) => {
    expect(refusal(resources, facts, current)).toBe(expected);
  });
});

describe('weights', () => {
  test.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [10, 4],
    [102, 17],
    [512, 59],
    [1000, 99],
    [1024, 100],
    [1025, 101],
    [2000, 170],
    [4096, 303],
    [262_143, 10_000],
    [262_144, 10_000],
    [2n ** 64n - 1n, 10_000],
  ])('%d shares weigh %d', (shares, weight) => {
    expect(weightOfShares(shares)).toBe(weight);
  });

  it('never turns more shares into less weight', () => {
    let previous = 0;
    for (let shares = 2; shares <= 262_144; shares++) {
      const weight = weightOfShares(shares);
      if (weight < previous || weight > 10_000) throw new Error(`${shares} shares weigh ${weight}`);
      previous = weight;
    }
  });

  test.each([
    [10, 1],
    [100, 910],
    [500, 4950],
    [1000, 10_000],
  ])('block I/O: %d becomes %d', (weight, expected) => {
    expect(ioWeight(weight)).toBe(expected);
  });
});
