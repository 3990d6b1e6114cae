/** What a container uses, from the files of its cgroups. Pure: texts in, numbers out. */
import { cpuStats, cpusetStats } from './stats/cpu.ts';
import { blkioStats } from './stats/io.ts';
import { hugetlbStats, memoryStats } from './stats/memory.ts';
import { maxUint64, numberOf } from './stats/text.ts';
import type { CgroupView, Stats } from './stats/types.ts';

function pidsStats({ unified, v1 }: CgroupView): Stats['pids'] {
  const files = v1.get('pids') ?? unified;
  const current = numberOf(files.read('pids.current'));
  // Without the controller: the processes that are there (threads are not counted then).
  if (current === undefined)
    return { current: (unified.read('cgroup.procs') ?? '').split('\n').filter((line) => line !== '').length, limit: 0 };
  const limit = numberOf(files.read('pids.max')) ?? 0;
  return { current, limit: limit === maxUint64 ? 0 : limit };
}

/** What the container uses now. */
export function readStats(view: CgroupView): Stats {
  return {
    cpu: cpuStats(view),
    cpuset: cpusetStats(view),
    memory: memoryStats(view),
    pids: pidsStats(view),
    blkio: blkioStats(view),
    hugetlb: hugetlbStats(view),
    intel_rdt: {},
    network_interfaces: null,
  };
}
