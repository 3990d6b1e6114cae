/**
 * Limits as properties of a systemd unit. systemd writes the files of the cgroup again whenever it likes (after
 * `systemctl daemon-reload`, for one), so it must know what it can know; the rest stands in the files alone.
 */
import { once } from '../once.ts';
import type { DBusValue, UnitProperty } from './dbus-value.ts';
import type { CgroupWrite } from './resources/writes.ts';

/** What {@link systemdProperties} decides. */
export interface SystemdProperties {
  /** Each name once. */
  readonly properties: readonly UnitProperty[];
  /** What has no property. All writes are worth making all the same: some properties say the value only nearly. */
  readonly unmapped: readonly CgroupWrite[];
}

/** The systemd that is told. */
export interface SystemdTarget {
  /** Number of its version: 252. */
  readonly version: number;
  /** Whether the unit is being made; some properties cannot be set later. */
  readonly creating: boolean;
}

type Mapping = (write: CgroupWrite, target: SystemdTarget, collected: Collected) => boolean;

const infinity = 0xffff_ffff_ffff_ffffn;
const mostWeight = 10_000n;

/** Properties by name: a later write of one replaces an earlier, but lists of devices grow. */
class Collected {
  readonly #values = new Map<string, DBusValue>();

  set(name: string, value: DBusValue): true {
    this.#values.set(name, value);
    return true;
  }

  /** Adds to a list `a(st)`. systemd names a device by its path. */
  setDevice(name: string, device: string, number: bigint): void {
    const earlier = this.#values.get(name);
    const path: DBusValue = { type: 's', value: `/dev/block/${device}` };
    const item: DBusValue = { type: 'r', fields: [path, { type: 't', value: number }] };
    const items = earlier?.type === 'a' ? [...earlier.items, item] : [item];
    this.#values.set(name, { type: 'a', element: '(st)', items });
  }

  list(): UnitProperty[] {
    return [...this.#values].map(([name, value]) => ({ name, value }));
  }
}

/**
 * The properties of a unit for the writes of {@link resourceWrites}, in either hierarchy; keys of `unified` among them.
 * Values that systemd could not take are left to the files, where the kernel judges them.
 */
export function systemdProperties(writes: readonly CgroupWrite[], target: SystemdTarget): SystemdProperties {
  const collected = new Collected();
  const unmapped = writes.filter((write) => !mappings()[write.file]?.(write, target, collected));
  mapV1Bandwidth(writes, target, collected);
  return { properties: collected.list(), unmapped };
}

/** A number of u64, or `max`. */
function limitOf(text: string): bigint | undefined {
  if (text === 'max' || text === '-1') return infinity;
  return /^[0-9]{1,20}$/.test(text) && BigInt(text) <= infinity ? BigInt(text) : undefined;
}

/** A property of 64 bits, with the numbers that systemd takes and its first version that has it. */
function limit(name: string, least = 1n, most = infinity, since = 0): Mapping {
  return ({ value }, { version }, collected) => {
    const number = limitOf(value);
    if (number === undefined || number < least || number > most || version < since) return false;
    return collected.set(name, { type: 't', value: number });
  };
}

function cpuset(name: string): Mapping {
  return ({ value, hierarchy }, { version }, collected) => {
    const bits = bitsOf(value.trim());
    // systemd leaves the cpuset of v1 alone.
    if (bits === undefined || version < 244 || hierarchy !== 'unified') return false;
    return collected.set(name, { type: 'bytes', value: bits });
  };
}

/** More would be a mistake: the kernel's own limit is far below. */
const mostNumbers = 8192;

/** A list of numbers (`0-3,7`, `0-31:2/4`) as a set of bits, the lowest in the first byte. */
export function bitsOf(list: string): Uint8Array | undefined {
  const numbers = new Set<number>();
  for (const part of list === '' ? [] : list.split(',')) {
    const match = /^([0-9]{1,6})(?:-([0-9]{1,6})(?::([0-9]{1,6})\/([0-9]{1,6}))?)?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    const group = Number(match[4] ?? 1);
    const used = Number(match[3] ?? group);
    if (last < first || last >= mostNumbers || group === 0 || used > group) return undefined;
    for (let number = first; number <= last; number++) if ((number - first) % group < used) numbers.add(number);
  }
  const bits = new Uint8Array(numbers.size === 0 ? 0 : (Math.max(...numbers) >> 3) + 1);
  for (const number of numbers) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
  return bits;
}

const cpuMax: Mapping = ({ value }, target, collected) => {
  const match = /^(max|[0-9]{1,20})(?:\s+([0-9]{1,20}))?$/.exec(value);
  if (match === null || (match[2] === undefined && !target.creating)) return false;
  const quota = match[1] === 'max' ? undefined : BigInt(match[1] ?? 0);
  return setBandwidth(quota, BigInt(match[2] ?? 100_000), target, collected);
};

/** Time for each second, rounded up to whole percents: systemd keeps no more in the file that it reads on reload. */
function setBandwidth(
  quota: bigint | undefined,
  period: bigint,
  { version }: SystemdTarget,
  collected: Collected,
): boolean {
  if (period === 0n) return false;
  const percent = 10_000n;
  const perSecond = quota === undefined ? infinity : (quota * 1_000_000n + period - 1n) / period;
  const rounded = ((perSecond + percent - 1n) / percent) * percent;
  collected.set('CPUQuotaPerSecUSec', { type: 't', value: rounded > infinity ? infinity : rounded });
  if (version >= 242) collected.set('CPUQuotaPeriodUSec', { type: 't', value: period });
  return true;
}

/** In v1 quota and period are two files. */
function mapV1Bandwidth(writes: readonly CgroupWrite[], target: SystemdTarget, collected: Collected): void {
  const last = (file: string): string | undefined => writes.findLast((write) => write.file === file)?.value;
  const quota = last('cpu.cfs_quota_us');
  const period = last('cpu.cfs_period_us') ?? (target.creating ? '100000' : undefined);
  if (quota === undefined || period === undefined) return;
  setBandwidth(quota.startsWith('-') ? undefined : BigInt(quota), BigInt(period), target, collected);
}

/** A weight of 0 is systemd's word for an idle cgroup. */
const cpuIdle: Mapping = ({ value, hierarchy }, { version }, collected) =>
  value === '1' && version >= 252 && hierarchy === 'unified' && collected.set('CPUWeight', { type: 't', value: 0n });

const oomGroup: Mapping = ({ value }, { version, creating }, collected) => {
  const policy = { '0': 'continue', '1': 'kill' }[value];
  // Scopes have it since 253, and only when they are made.
  return policy !== undefined && creating && version >= 253 && collected.set('OOMPolicy', { type: 's', value: policy });
};

/** A weight of all devices (`100`, `default 100`) or of one (`8:0 100`), from 1 to 10000. */
const ioWeight: Mapping = ({ value }, _target, collected) => {
  const match = /^(?:(default|[0-9]+:[0-9]+)\s+)?([0-9]{1,5})$/.exec(value);
  if (match === null) return false;
  const weight = BigInt(match[2] ?? 0);
  if (weight < 1n || weight > mostWeight) return false;
  if (match[1] === undefined || match[1] === 'default') return collected.set('IOWeight', { type: 't', value: weight });
  collected.setDevice('IODeviceWeight', match[1], weight);
  return true;
};

/** BFQ has weights of its own; systemd converts from those of io.weight, which stand as the other choice. */
const bfqWeight: Mapping = (write, target, collected) =>
  typeof write.ifMissing === 'object' && ioWeight({ ...write, value: write.ifMissing.value }, target, collected);

const throttles: Readonly<Record<string, string>> = {
  rbps: 'IOReadBandwidthMax',
  wbps: 'IOWriteBandwidthMax',
  riops: 'IOReadIOPSMax',
  wiops: 'IOWriteIOPSMax',
};

const ioMax: Mapping = ({ value }, _target, collected) => {
  const [device = '', ...words] = value.split(/\s+/);
  const limits: [name: string, number: bigint][] = [];
  for (const word of words) {
    const [key = '', text = ''] = word.split('=');
    const name = Object.hasOwn(throttles, key) ? throttles[key] : undefined;
    const number = limitOf(text);
    if (name === undefined || number === undefined) return false;
    limits.push([name, number]);
  }
  if (!/^[0-9]+:[0-9]+$/.test(device) || limits.length === 0) return false;
  for (const [name, number] of limits) collected.setDevice(name, device, number);
  return true;
};

/** By file of either hierarchy. */
const mappings = once(
  (): Readonly<Record<string, Mapping>> => ({
    'cpu.idle': cpuIdle,
    'cpu.max': cpuMax,
    'cpu.weight': limit('CPUWeight', 1n, mostWeight),
    'cpuset.cpus': cpuset('AllowedCPUs'),
    'cpuset.mems': cpuset('AllowedMemoryNodes'),
    'io.bfq.weight': bfqWeight,
    'io.max': ioMax,
    'io.weight': ioWeight,
    'memory.high': limit('MemoryHigh'),
    'memory.low': limit('MemoryLow', 0n),
    'memory.max': limit('MemoryMax'),
    'memory.min': limit('MemoryMin', 0n),
    'memory.oom.group': oomGroup,
    'memory.swap.max': limit('MemorySwapMax', 0n),
    'memory.zswap.max': limit('MemoryZSwapMax', 0n, infinity, 253),
    'pids.max': limit('TasksMax'),
    'blkio.bfq.weight': limit('BlockIOWeight', 10n, 1000n),
    'cpu.shares': limit('CPUShares', 2n, 262_144n),
    'memory.limit_in_bytes': limit('MemoryLimit'),
  }),
);
