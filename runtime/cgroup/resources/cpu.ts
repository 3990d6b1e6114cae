import type { Cpu, Int64, Uint64 } from '../../../spec/config.ts';
import { TsrunError } from '../../errors.ts';
import { leastShares, mostShares, weightOfShares } from './cpu-weight.ts';
import { given, invalid, onlyV1, orMax, pathOf, type Writes } from './writes.ts';

const defaultPeriod = 100_000n;

/**
 * config-linux.md, "CPU", without the sets of CPUs and memory nodes.
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function writeCpu(writes: Writes, cpu: Cpu): void {
  const v1 = writes.isV1('cpu');
  writeWeight(writes, cpu, v1);
  writeBandwidth(writes, cpu, v1 ? v1Bandwidth : v2Bandwidth);
  writeRealtime(writes, cpu, v1);
}

function writeWeight(writes: Writes, { shares, idle }: Cpu, v1: boolean): void {
  const isIdle = idle === undefined ? undefined : BigInt(idle) !== 0n;
  // 0 is what a new cgroup has, also with a kernel that knows no idle ones; and it resets the weight, so it goes first.
  if (isIdle === false) writes.add('cpu', 'cpu.idle', '0', 'cpu.idle', 'ignore');
  if (given(shares)) {
    if (isIdle === true) writes.warn('cpu.shares', 'ignored: a cgroup with cpu.idle 1 has no weight');
    else {
      if (isIdle === undefined && writes.current('cpu', 'cpu.idle') === '1') throw weightOfIdle();
      if (v1) writes.add('cpu', 'cpu.shares', sharesInRange(shares), 'cpu.shares');
      else writes.add('cpu', 'cpu.weight', String(weightOfShares(shares)), 'cpu.shares');
    }
  }
  if (isIdle === true) {
    // Becoming idle loses the weight. Written as it is, it is among what a failing update takes back.
    const file = v1 ? 'cpu.shares' : 'cpu.weight';
    const weight = writes.currentNumber('cpu', file) ?? 0n;
    if (weight > 0n && writes.current('cpu', 'cpu.idle') === '0') writes.add('cpu', file, String(weight), 'cpu.idle');
    writes.add('cpu', 'cpu.idle', '1', 'cpu.idle');
  }
}

function weightOfIdle(): TsrunError {
  return new TsrunError(
    'cgroup',
    `${pathOf('cpu.shares')}: the container is idle (cpu.idle 1) and has no weight; set cpu.idle to 0 as well`,
  );
}

/** The kernel would silently take the nearest value. */
function sharesInRange(shares: Uint64): string {
  if (shares < leastShares || shares > mostShares)
    throw invalid('cpu.shares', `expected a number from ${leastShares} to ${mostShares}: got ${shares}`);
  return String(shares);
}

/** How a hierarchy writes quota and period (microseconds; quota −1 for no limit), and the name of its burst file. */
interface Bandwidth {
  readonly burstFile: string;
  write(writes: Writes, quota: Int64 | undefined, period: Uint64 | undefined): void;
}

function writeBandwidth(writes: Writes, cpu: Cpu, bandwidth: Bandwidth): void {
  const quota = given(cpu.quota) ? cpu.quota : undefined;
  const period = given(cpu.period) ? cpu.period : undefined;
  const { burst } = cpu;
  const { burstFile } = bandwidth;
  if (quota !== undefined || period !== undefined) {
    // burst <= quota must hold after each write, whichever way both move.
    if (burst !== undefined && (writes.currentNumber('cpu', burstFile) ?? 0n) > 0n)
      writes.add('cpu', burstFile, '0', 'cpu.burst');
    bandwidth.write(writes, quota, period);
  }
  if (burst !== undefined)
    writes.add('cpu', burstFile, String(burst), 'cpu.burst', BigInt(burst) === 0n ? 'ignore' : undefined);
}

const v2Bandwidth: Bandwidth = {
  burstFile: 'cpu.max.burst',
  write(writes, quota, period) {
    const present = /^(max|[0-9]+) ([0-9]+)$/.exec(writes.current('cpu', 'cpu.max') ?? '');
    const value = quota === undefined ? (present?.[1] ?? 'max') : orMax(quota);
    const from = [...(quota === undefined ? [] : ['cpu.quota']), ...(period === undefined ? [] : ['cpu.period'])];
    writes.add('cpu', 'cpu.max', `${value} ${period ?? present?.[2] ?? defaultPeriod}`, from);
  },
};

const v1Bandwidth: Bandwidth = {
  burstFile: 'cpu.cfs_burst_us',
  write(writes, quota, period) {
    const presentPeriod = writes.currentNumber('cpu', 'cpu.cfs_period_us') ?? defaultPeriod;
    const add = {
      quota: () => quota !== undefined && writes.add('cpu', 'cpu.cfs_quota_us', String(quota), 'cpu.quota'),
      period: () => period !== undefined && writes.add('cpu', 'cpu.cfs_period_us', String(period), 'cpu.period'),
    };
    writeRatio(writes.updating, presentPeriod, period, add);
  },
};

/**
 * The share of a CPU (quota by period) must stay within the parent's after each write: a longer period goes first, a
 * shorter one last, so that the share in between is no greater than both the old and the new one.
 */
function writeRatio(
  updating: boolean,
  presentPeriod: bigint,
  period: Uint64 | undefined,
  add: Readonly<Record<'quota' | 'period', () => unknown>>,
): void {
  const shrinks = updating && period !== undefined && period < presentPeriod;
  for (const part of shrinks ? (['quota', 'period'] as const) : (['period', 'quota'] as const)) add[part]();
}

function writeRealtime(writes: Writes, { realtimeRuntime, realtimePeriod }: Cpu, v1: boolean): void {
  const runtime = given(realtimeRuntime) ? realtimeRuntime : undefined;
  const period = given(realtimePeriod) ? realtimePeriod : undefined;
  if (runtime === undefined && period === undefined) return;
  if (!v1)
    throw onlyV1(
      runtime === undefined ? 'cpu.realtimePeriod' : 'cpu.realtimeRuntime',
      'remove realtimeRuntime and realtimePeriod',
    );
  const presentPeriod = writes.currentNumber('cpu', 'cpu.rt_period_us') ?? 1_000_000n;
  writeRatio(writes.updating, presentPeriod, period, {
    quota: () =>
      runtime !== undefined && writes.add('cpu', 'cpu.rt_runtime_us', String(runtime), 'cpu.realtimeRuntime'),
    period: () => period !== undefined && writes.add('cpu', 'cpu.rt_period_us', String(period), 'cpu.realtimePeriod'),
  });
}
