/** CPU time, and the CPUs and memory nodes that may be used. */
import type { Uint64 } from '../../../spec/config.ts';
import { listOf, numberOf, numbers, parsePressure, present, table, times } from './text.ts';
import type { CgroupFiles, CgroupView, CpuStats, CpusetStats } from './types.ts';

/** USER_HZ: the same on every architecture that we build for. */
const nanosecondsPerTick = 10_000_000n;

/** The columns of `cpuacct.usage_all`: `cpu user system` and a line for each CPU. */
function usageByMode(text: string | undefined): { kernel: Uint64[]; user: Uint64[] } | undefined {
  const rows = (text ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.split(' '))
    .filter((fields) => fields.length === 3);
  if (rows.length === 0) return undefined;
  const column = (index: number): Uint64[] => rows.map((fields) => numberOf(fields[index]) ?? 0);
  return { kernel: column(2), user: column(1) };
}

/** Use of CPU time as cpuacct of v1 counts it, where the container has a cgroup of its own there. */
function cpuacctUsage(files: CgroupFiles): CpuStats['usage'] {
  const modes = table(files.read('cpuacct.stat'));
  const byMode = usageByMode(files.read('cpuacct.usage_all'));
  return present({
    total: numberOf(files.read('cpuacct.usage')),
    percpu: numbers(files.read('cpuacct.usage_percpu')),
    percpu_kernel: byMode?.kernel,
    percpu_user: byMode?.user,
    kernel: times(modes.get('system'), nanosecondsPerTick) ?? 0,
    user: times(modes.get('user'), nanosecondsPerTick) ?? 0,
  });
}

export function cpuStats({ unified, v1 }: CgroupView): CpuStats {
  // There with or without a controller, of all processes below: what v1 counts is only asked for in its place.
  const stat = table(unified.read('cpu.stat'));
  const cpuacct = v1.get('cpuacct');
  const legacy = v1.get('cpu');
  const throttled = legacy ? table(legacy.read('cpu.stat')) : stat;
  const usage: CpuStats['usage'] = present({
    total: times(stat.get('usage_usec'), 1000n),
    kernel: times(stat.get('system_usec'), 1000n) ?? 0,
    user: times(stat.get('user_usec'), 1000n) ?? 0,
  });
  return present<CpuStats>({
    usage: cpuacct ? cpuacctUsage(cpuacct) : usage,
    throttling: present({
      periods: throttled.get('nr_periods'),
      throttledPeriods: throttled.get('nr_throttled'),
      throttledTime: throttled.get('throttled_time') ?? times(throttled.get('throttled_usec'), 1000n),
    }),
    psi: parsePressure(unified.read('cpu.pressure')),
  });
}

export function cpusetStats({ unified, v1 }: CgroupView): CpusetStats {
  const files = v1.get('cpuset');
  const flag = (name: string): Uint64 => numberOf(files?.read(`cpuset.${name}`)) ?? 0;
  return present<CpusetStats>({
    cpus: listOf(files ? files.read('cpuset.cpus') : unified.read('cpuset.cpus.effective')),
    cpu_exclusive: flag('cpu_exclusive'),
    mems: listOf(files ? files.read('cpuset.mems') : unified.read('cpuset.mems.effective')),
    mem_hardwall: flag('mem_hardwall'),
    mem_exclusive: flag('mem_exclusive'),
    memory_migrate: flag('memory_migrate'),
    memory_spread_page: flag('memory_spread_page'),
    memory_spread_slab: flag('memory_spread_slab'),
    memory_pressure: flag('memory_pressure'),
    sched_load_balance: flag('sched_load_balance'),
    sched_relax_domain_level: Number(files?.read('cpuset.sched_relax_domain_level') ?? 0) || 0,
  });
}
