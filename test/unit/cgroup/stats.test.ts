/** Texts as kernels write them, and the statistics that come of them. */
import { describe, expect, test } from 'vitest';
import { oomKills } from '../../../runtime/cgroup/oom.ts';
import { jsonOf } from '../../../runtime/cgroup/stats/json.ts';
import { listOf, numberOf, parsePressure } from '../../../runtime/cgroup/stats/text.ts';
import type { CgroupFiles, CgroupView } from '../../../runtime/cgroup/stats/types.ts';
import { readStats } from '../../../runtime/cgroup/stats.ts';

const files = (texts: Record<string, string>): CgroupFiles => ({
  names: () => Object.keys(texts),
  read: (name) => texts[name],
});

const view = (unified: Record<string, string>, v1: Record<string, Record<string, string>> = {}): CgroupView => ({
  unified: files(unified),
  v1: new Map(Object.entries(v1).map(([controller, texts]) => [controller, files(texts)])),
});

const pressure = (some: string, full: string): string =>
  `some avg10=${some} avg60=0.10 avg300=0.01 total=12345\nfull avg10=${full} avg60=0.00 avg300=0.00 total=18446744073709551615\n`;

/** A cgroup of a host that has cgroup v2 alone, all controllers enabled. */
const unified = {
  'cgroup.procs': '101\n102\n',
  'cpu.stat':
    'usage_usec 2500123\nuser_usec 1500100\nsystem_usec 1000023\nnice_usec 0\ncore_sched.force_idle_usec 0\nnr_periods 40\nnr_throttled 7\nthrottled_usec 900001\nnr_bursts 0\nburst_usec 0\n',
  'cpu.pressure': pressure('1.50', '0.25'),
  'cpuset.cpus.effective': '0-3,6\n',
  'cpuset.mems.effective': '0\n',
  'memory.current': '10485760\n',
  'memory.max': '67108864\n',
  'memory.peak': '20971520\n',
  'memory.events': 'low 0\nhigh 1\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n',
  'memory.swap.current': '4096\n',
  'memory.swap.max': '33554432\n',
  'memory.swap.peak': '8192\n',
  'memory.swap.events': 'high 0\nmax 2\nfail 2\n',
  'memory.stat': 'anon 8388608\nfile 1048576\nkernel 524288\npgfault 1234\n',
  'memory.pressure': pressure('0.00', '0.00'),
  'pids.current': '5\n',
  'pids.max': '100\n',
  'io.stat':
    '254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:16 \n7:0 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0 cost.usage=3\n',
  'io.pressure': pressure('0.00', '0.00'),
  'hugetlb.2MB.current': '2097152\n',
  'hugetlb.2MB.rsvd.current': '0\n',
  'hugetlb.2MB.events': 'max 4\n',
  'hugetlb.1GB.current': '0\n',
  'hugetlb.1GB.events': 'max 0\n',
};

/** What a hybrid host has in the v2 hierarchy. */
const hybrid = {
  'cgroup.procs': '101\n102\n',
  'cpu.stat': 'usage_usec 2500123\nuser_usec 1500100\nsystem_usec 1000023\nnice_usec 0\n',
  'cpu.pressure': pressure('0.00', '0.00'),
};

const v1 = {
  cpu: {
    'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n',
  },
  cpuacct: {
    'cpuacct.stat': 'user 150\nsystem 100\n',
    'cpuacct.usage': '2500123456\n',
    'cpuacct.usage_percpu': '2000000000 500123456 \n',
    'cpuacct.usage_all': 'cpu user system\n0 1500000000 500000000\n1 1 2\n',
  },
  cpuset: {
    'cpuset.cpus': '0-1\n',
    'cpuset.mems': '0\n',
    'cpuset.cpu_exclusive': '0\n',
    'cpuset.sched_load_balance': '1\n',
    'cpuset.sched_relax_domain_level': '-1\n',
  },
  memory: {
    'memory.usage_in_bytes': '10485760\n',
    'memory.max_usage_in_bytes': '20971520\n',
    'memory.limit_in_bytes': '67108864\n',
    'memory.failcnt': '12\n',
    'memory.memsw.usage_in_bytes': '10485760\n',
    'memory.memsw.max_usage_in_bytes': '20971520\n',
    'memory.memsw.limit_in_bytes': '9223372036854771712\n',
    'memory.memsw.failcnt': '0\n',
    'memory.kmem.usage_in_bytes': '4096\n',
    'memory.kmem.max_usage_in_bytes': '8192\n',
    'memory.kmem.limit_in_bytes': '9223372036854771712\n',
    'memory.kmem.failcnt': '0\n',
    'memory.stat': 'cache 1048576\nrss 8388608\nhierarchical_memory_limit 67108864\n',
    'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  },
  pids: { 'pids.current': '7\n', 'pids.max': 'max\n' },
  blkio: {
    'blkio.bfq.io_serviced_recursive': 'Total 0\n',
    'blkio.throttle.io_serviced_recursive': '8:0 Read 3\n8:0 Write 1\n8:0 Total 4\nTotal 4\n',
    'blkio.throttle.io_service_bytes_recursive': '8:0 Read 12288\n8:0 Write 4096\n8:0 Total 16384\nTotal 16384\n',
  },
  hugetlb: {
    'hugetlb.2MB.usage_in_bytes': '0\n',
    'hugetlb.2MB.max_usage_in_bytes': '2097152\n',
    'hugetlb.2MB.failcnt': '1\n',
    'hugetlb.2MB.rsvd.usage_in_bytes': '0\n',
  },
};

const noPressure = { avg10: 0, avg60: 0.1, avg300: 0.01, total: 12345 };
const noFullPressure = { avg10: 0, avg60: 0, avg300: 0, total: 18_446_744_073_709_551_615n };
const noCpuset = {
  cpu_exclusive: 0,
  mem_hardwall: 0,
  mem_exclusive: 0,
  memory_migrate: 0,
  memory_spread_page: 0,
  memory_spread_slab: 0,
  memory_pressure: 0,
  sched_load_balance: 0,
  sched_relax_domain_level: 0,
};

describe('statistics', () => {
  test('of cgroup v2', () => {
    expect(readStats(view(unified))).toStrictEqual({
      cpu: {
        usage: { total: 2_500_123_000, kernel: 1_000_023_000, user: 1_500_100_000 },
        throttling: { periods: 40, throttledPeriods: 7, throttledTime: 900_001_000 },
        psi: { some: { ...noPressure, avg10: 1.5 }, full: { ...noFullPressure, avg10: 0.25 } },
      },
      cpuset: { cpus: [0, 1, 2, 3, 6], mems: [0], ...noCpuset },
      memory: {
        cache: 1_048_576,
        usage: { limit: 67_108_864, usage: 10_485_760, max: 20_971_520, failcnt: 3 },
        swap: { limit: 100_663_296, usage: 10_489_856, failcnt: 2 },
        kernel: { limit: 0, failcnt: 0 },
        kernelTCP: { limit: 0, failcnt: 0 },
        raw: { anon: 8_388_608, file: 1_048_576, kernel: 524_288, pgfault: 1234 },
        psi: { some: noPressure, full: noFullPressure },
      },
      pids: { current: 5, limit: 100 },
      blkio: {
        ioServiceBytesRecursive: [
          { major: 254, minor: 0, op: 'Read', value: 4096 },
          { major: 254, minor: 0, op: 'Write', value: 8192 },
          { major: 254, minor: 0, op: 'Discard', value: 0 },
          { major: 7, minor: 0, op: 'Read', value: 1 },
          { major: 7, minor: 0, op: 'Write', value: 0 },
          { major: 7, minor: 0, op: 'Discard', value: 0 },
        ],
        ioServicedRecursive: [
          { major: 254, minor: 0, op: 'Read', value: 1 },
          { major: 254, minor: 0, op: 'Write', value: 2 },
          { major: 254, minor: 0, op: 'Discard', value: 0 },
          { major: 7, minor: 0, op: 'Read', value: 1 },
          { major: 7, minor: 0, op: 'Write', value: 0 },
          { major: 7, minor: 0, op: 'Discard', value: 0 },
        ],
        psi: { some: noPressure, full: noFullPressure },
      },
      hugetlb: { '1GB': { usage: 0, failcnt: 0 }, '2MB': { usage: 2_097_152, failcnt: 4 } },
      intel_rdt: {},
      network_interfaces: null,
    });
  });

  test('of a hybrid host, where the limits are in v1', () => {
    expect(readStats(view(hybrid, v1))).toStrictEqual({
      cpu: {
        usage: {
          total: 2_500_123_456,
          percpu: [2_000_000_000, 500_123_456],
          percpu_kernel: [500_000_000, 2],
          percpu_user: [1_500_000_000, 1],
          kernel: 1_000_000_000,
          user: 1_500_000_000,
        },
        throttling: { periods: 10, throttledPeriods: 4, throttledTime: 123_456_789 },
        psi: { some: noPressure, full: noFullPressure },
      },
      cpuset: { cpus: [0, 1], mems: [0], ...noCpuset, sched_load_balance: 1, sched_relax_domain_level: -1 },
      memory: {
        cache: 1_048_576,
        usage: { limit: 67_108_864, usage: 10_485_760, max: 20_971_520, failcnt: 12 },
        swap: { limit: 9_223_372_036_854_771_712n, usage: 10_485_760, max: 20_971_520, failcnt: 0 },
        kernel: { limit: 9_223_372_036_854_771_712n, usage: 4096, max: 8192, failcnt: 0 },
        kernelTCP: { limit: 0, failcnt: 0 },
        raw: { cache: 1_048_576, rss: 8_388_608, hierarchical_memory_limit: 67_108_864 },
      },
      pids: { current: 7, limit: 0 },
      blkio: {
        ioServiceBytesRecursive: [
          { major: 8, minor: 0, op: 'Read', value: 12_288 },
          { major: 8, minor: 0, op: 'Write', value: 4096 },
          { major: 8, minor: 0, op: 'Total', value: 16_384 },
        ],
        ioServicedRecursive: [
          { major: 8, minor: 0, op: 'Read', value: 3 },
          { major: 8, minor: 0, op: 'Write', value: 1 },
          { major: 8, minor: 0, op: 'Total', value: 4 },
        ],
      },
      hugetlb: { '2MB': { usage: 0, max: 2_097_152, failcnt: 1 } },
      intel_rdt: {},
      network_interfaces: null,
    });
  });

  test('of a hybrid host, where the container has no limits', () => {
    const { cpu, memory, pids, blkio, hugetlb, cpuset } = readStats(view(hybrid));
    expect(cpu.usage).toStrictEqual({ total: 2_500_123_000, kernel: 1_000_023_000, user: 1_500_100_000 });
    expect(cpu.throttling).toStrictEqual({});
    expect(memory).toStrictEqual({
      usage: { limit: 0, failcnt: 0 },
      swap: { limit: 0, failcnt: 0 },
      kernel: { limit: 0, failcnt: 0 },
      kernelTCP: { limit: 0, failcnt: 0 },
    });
    expect(pids).toStrictEqual({ current: 2, limit: 0 });
    expect([blkio, hugetlb, cpuset]).toStrictEqual([{}, {}, noCpuset]);
  });

  test('BFQ counts where it is in use', () => {
    const bfq = {
      ...v1.blkio,
      'blkio.bfq.io_serviced_recursive': '8:0 Read 30\nTotal 30\n',
      'blkio.bfq.sectors_recursive': '8:0 77\nTotal 77\n',
    };
    expect(readStats(view(hybrid, { blkio: bfq })).blkio).toMatchObject({
      ioServicedRecursive: [{ major: 8, minor: 0, op: 'Read', value: 30 }],
      sectorsRecursive: [{ major: 8, minor: 0, value: 77 }],
    });
  });

  test('without limits', () => {
    const { memory, pids } = readStats(
      view({ ...unified, 'memory.max': 'max\n', 'memory.swap.max': 'max\n', 'pids.max': 'max\n' }),
    );
    expect(memory.usage.limit).toBe(2n ** 64n - 1n);
    expect(memory.swap.limit).toBe(2n ** 64n - 1n);
    expect(pids.limit).toBe(0);
  });

  test('memory limited, swap not', () => {
    expect(readStats(view({ ...unified, 'memory.swap.max': 'max\n' })).memory.swap.limit).toBe(2n ** 64n - 1n);
  });

  test('without swap accounting', () => {
    const { 'memory.swap.current': _, ...rest } = unified;
    expect(readStats(view(rest)).memory.swap).toStrictEqual({ limit: 67_108_864, usage: 10_485_760, failcnt: 0 });
  });

  test('of a cgroup that is gone', () => {
    const { cpu, pids } = readStats(view({}));
    expect(cpu).toStrictEqual({ usage: { kernel: 0, user: 0 }, throttling: {} });
    expect(pids).toStrictEqual({ current: 0, limit: 0 });
  });
});

describe('processes killed for want of memory', () => {
  test('v2', () => expect(oomKills(view(unified))).toBe(1));
  test('v1', () => expect(oomKills(view(hybrid, v1))).toBe(3));
  test('nobody counts', () => expect(oomKills(view(hybrid))).toBeUndefined());
});

describe('texts', () => {
  test.each([
    ['0', 0],
    ['42\n', 42],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['max\n', 18_446_744_073_709_551_615n],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['x', undefined],
    ['1'.repeat(1000), undefined],
  ])('number %j', (text, value) => expect(numberOf(text)).toBe(value));

  test.each([
    ['0\n', [0]],
    ['0-2,5\n', [0, 1, 2, 5]],
    ['\n', undefined],
    [undefined, undefined],
    ['x', undefined],
    ['3-1', []],
  ])('list %j', (text, list) => expect(listOf(text)).toEqual(list));

  test('a list that would fill the memory', () => expect(listOf('0-99999')).toHaveLength(8192));

  test('pressure of a kernel that counts only some', () => {
    expect(parsePressure('some avg10=0.00 avg60=0.10 avg300=0.01 total=12345\n')).toEqual({ some: noPressure });
    expect(parsePressure(undefined)).toBeUndefined();
    expect(parsePressure('')).toBeUndefined();
  });
});

test('JSON keeps every digit', () => {
  const value = { a: [1, 2n ** 64n - 1n, null, 'x"\n'], b: { c: 0.25, d: undefined }, e: true };
  expect(jsonOf(value)).toBe('{"a":[1,18446744073709551615,null,"x\\"\\n"],"b":{"c":0.25},"e":true}');
});
