import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type DBusValue, signatureOf, type UnitProperty } from '../../../runtime/cgroup/dbus-value.ts';
import { type ControllerFacts, resourceWrites } from '../../../runtime/cgroup/resources.ts';
import { bitsOf, type SystemdTarget, systemdProperties } from '../../../runtime/cgroup/systemd-properties.ts';
import type { Resources } from '../../../spec/config.ts';

const controllers = ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids', 'rdma'];
const v2: ControllerFacts = { unified: new Set(controllers), v1: new Map() };
const v1: ControllerFacts = {
  unified: new Set(),
  v1: new Map(['cpuset', 'cpu', 'blkio', 'memory', 'pids'].map((name) => [name, `/sys/fs/cgroup/${name}`])),
};
const today: SystemdTarget = { version: 256, creating: true };

function plain(value: DBusValue): string {
  switch (value.type) {
    case 'bytes':
      return Buffer.from(value.value).toString('hex');
    case 'a':
      return `[${value.items.map(plain).join(' ')}]`;
    case 'r':
      return `(${value.fields.map(plain).join(' ')})`;
    case 'v':
      return plain(value.value);
    default:
      return String(value.value);
  }
}

function line({ name, value }: UnitProperty): string {
  return `${name} ${signatureOf(value)} ${plain(value)}`;
}

function mapped(resources: Resources, target = today, facts = v2): { properties: string[]; unmapped: string[] } {
  const { properties, unmapped } = systemdProperties(resourceWrites(resources, facts).writes, target);
  return { properties: properties.map(line), unmapped: unmapped.map(({ file }) => file) };
}

const infinity = '18446744073709551615';

describe('properties of linux.resources', () => {
  test.each<[string, Resources, string[], string[]]>([
    ['nothing', {}, [], []],
    [
      'memory',
      { memory: { limit: 100, reservation: 50, swap: 100 } },
      ['MemorySwapMax t 0', 'MemoryMax t 100', 'MemoryLow t 50'],
      [],
    ],
    ['no limit of memory', { memory: { limit: -1 } }, [`MemorySwapMax t ${infinity}`, `MemoryMax t ${infinity}`], []],
    ['shares', { cpu: { shares: 1024 } }, ['CPUWeight t 100'], []],
    [
      'a third of a CPU, in whole percents',
      { cpu: { quota: 10_000, period: 30_000, burst: 5 } },
      ['CPUQuotaPerSecUSec t 340000', 'CPUQuotaPeriodUSec t 30000'],
      ['cpu.max.burst'],
    ],
    ['no quota', { cpu: { quota: -1 } }, [`CPUQuotaPerSecUSec t ${infinity}`, 'CPUQuotaPeriodUSec t 100000'], []],
    ['idle', { cpu: { idle: 1 } }, ['CPUWeight t 0'], []],
    ['not idle', { cpu: { idle: 0 } }, [], ['cpu.idle']],
    ['cpuset', { cpu: { cpus: '0-3,9', mems: '1' } }, ['AllowedCPUs ay 0f02', 'AllowedMemoryNodes ay 02'], []],
    ['pids', { pids: { limit: 0 } }, ['TasksMax t 1'], []],
    ['no limit of pids', { pids: { limit: -1 } }, [`TasksMax t ${infinity}`], []],
    [
      'block I/O',
      {
        blockIO: {
          weight: 500,
          weightDevice: [{ major: 8, minor: 0, weight: 10 }],
          throttleReadBpsDevice: [
            { major: 8, minor: 0, rate: 600 },
            { major: 259, minor: 1, rate: 0 },
          ],
          throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 1 }],
          throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 2 }],
          throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 3 }],
        },
      },
      [
        'IOWeight t 4950',
        'IODeviceWeight a(st) [(/dev/block/8:0 1)]',
        `IOReadBandwidthMax a(st) [(/dev/block/8:0 600) (/dev/block/259:1 ${infinity})]`,
        'IOWriteBandwidthMax a(st) [(/dev/block/8:0 1)]',
        'IOReadIOPSMax a(st) [(/dev/block/8:0 2)]',
        'IOWriteIOPSMax a(st) [(/dev/block/8:0 3)]',
      ],
      [],
    ],
    [
      'what systemd does not know',
      { hugepageLimits: [{ pageSize: '2MB', limit: 0 }], rdma: { mlx: { hcaHandles: 1 } } },
      [],
      ['hugetlb.2MB.max', 'hugetlb.2MB.rsvd.max', 'rdma.max'],
    ],
    [
      'unified',
      {
        unified: {
          'memory.high': '5',
          'memory.low': '0',
          'memory.min': '1',
          'memory.max': 'max',
          'memory.swap.max': '0',
          'memory.zswap.max': '7',
          'memory.oom.group': '1',
          'cpu.max': '5000',
          'cpu.weight': '10000',
          'cpuset.cpus': '',
          'cpuset.mems': '0-3:1/2',
          'pids.max': '9',
          'io.weight': 'default 7',
          'io.max': '8:0 rbps=max',
        },
      },
      [
        'MemoryHigh t 5',
        'MemoryLow t 0',
        'MemoryMin t 1',
        `MemoryMax t ${infinity}`,
        'MemorySwapMax t 0',
        'MemoryZSwapMax t 7',
        'OOMPolicy s kill',
        'CPUQuotaPerSecUSec t 50000',
        'CPUQuotaPeriodUSec t 100000',
        'CPUWeight t 10000',
        'AllowedCPUs ay ',
        'AllowedMemoryNodes ay 05',
        'TasksMax t 9',
        'IOWeight t 7',
        `IOReadBandwidthMax a(st) [(/dev/block/8:0 ${infinity})]`,
      ],
      [],
    ],
    [
      'what is for the kernel to refuse',
      {
        unified: {
          'memory.high': '5G',
          'memory.max': '99999999999999999999',
          'cpu.max': '1 0',
          'cpu.weight': '10001',
          'cpuset.cpus': '3-1',
          'cpuset.mems': '999999',
          'io.weight': '0',
          'io.max': '8:0 bogus=1',
          'io.bfq.weight': '5',
          'pids.max': 'x',
          'memory.oom.group': '2',
        },
      },
      [],
      [
        'memory.high',
        'memory.max',
        'cpu.max',
        'cpu.weight',
        'cpuset.cpus',
        'cpuset.mems',
        'io.weight',
        'io.max',
        'io.bfq.weight',
        'pids.max',
        'memory.oom.group',
      ],
    ],
    [
      'a key of unified replaces a property',
      { memory: { limit: 5 }, unified: { 'memory.max': '7' } },
      ['MemoryMax t 7'],
      [],
    ],
  ])('%s', (_name, resources, properties, unmapped) => {
    expect(mapped(resources)).toEqual({ properties, unmapped });
  });

  it('names no property that an old systemd does not know', () => {
    const resources: Resources = {
      cpu: { cpus: '0', quota: 1000, idle: 1 },
      unified: { 'memory.zswap.max': '1', 'memory.oom.group': '1' },
    };
    expect(mapped(resources, { version: 241, creating: true })).toEqual({
      properties: ['CPUQuotaPerSecUSec t 10000'],
      unmapped: ['cpuset.cpus', 'cpu.idle', 'memory.zswap.max', 'memory.oom.group'],
    });
  });

  it('leaves what a running unit cannot change to the files', () => {
    const running = { version: 256, creating: false };
    expect(mapped({ unified: { 'memory.oom.group': '1', 'cpu.max': '5000' } }, running)).toEqual({
      properties: [],
      unmapped: ['memory.oom.group', 'cpu.max'],
    });
  });

  it('knows the properties of v1', () => {
    const resources: Resources = {
      memory: { limit: 100, swap: 200 },
      cpu: { shares: 5, quota: 1000, cpus: '0' },
      blockIO: { weight: 10 },
      pids: { limit: 3 },
    };
    expect(mapped(resources, today, v1)).toEqual({
      properties: [
        'MemoryLimit t 100',
        'CPUShares t 5',
        'BlockIOWeight t 10',
        'TasksMax t 3',
        'CPUQuotaPerSecUSec t 10000',
        'CPUQuotaPeriodUSec t 100000',
      ],
      unmapped: ['cpuset.cpus', 'memory.memsw.limit_in_bytes', 'cpu.cfs_quota_us'],
    });
  });
});

test('sets of bits hold the numbers of the list and no others', () => {
  const ranges = fc.array(fc.tuple(fc.nat(200), fc.nat(20)), { minLength: 1 });
  fc.assert(
    fc.property(ranges, (parts) => {
      const bits = bitsOf(parts.map(([first, more]) => `${first}-${first + more}`).join(','));
      const expected = new Set(parts.flatMap(([first, more]) => Array.from({ length: more + 1 }, (_, i) => first + i)));
      for (let number = 0; number < 256; number++)
        expect((((bits?.[number >> 3] ?? 0) >> (number & 7)) & 1) === 1).toBe(expected.has(number));
    }),
  );
});
