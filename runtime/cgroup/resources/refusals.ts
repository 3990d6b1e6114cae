/** What the kernel means when it refuses a value: it has one number for many reasons. */

const ENOENT = 2;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;
const EINVAL = 22;
const ERANGE = 34;
const EOPNOTSUPP = 95;

const noDisk = 'there is no such disk (partitions have no limits of their own)';
const bandwidth =
  'quota and period must be at least 1000 µs, the period at most 1000000 µs, and the burst at most the quota';
const noCpu = 'it names a CPU or memory node that this machine does not have';
const notOfParent =
  'in cgroup v1 the parent cgroup must have all of these itself; in v2 the cgroup must be delegated to the caller';
const realtime = 'the parent cgroup must have that much realtime itself';
const noSwapAccounting = 'this kernel does not count swap by cgroup: boot with swapaccount=1, or remove memory.swap';

/** By file (its name or how it begins) and error number; the first that fits. */
const refusals: readonly [file: string, numbers: readonly number[], reason: string][] = [
  ['cpu.max', [EINVAL], bandwidth],
  ['cpu.cfs_', [EINVAL], `${bandwidth}; and the parent cgroup must allow as much`],
  ['cpu.rt_', [EINVAL, EBUSY], realtime],
  ['cpu.weight', [EINVAL, ERANGE], 'an idle cgroup has no weight, others one from 1 to 10000'],
  ['cpu.shares', [EINVAL], 'an idle cgroup has no shares'],
  ['cpuset.', [EINVAL, ERANGE], noCpu],
  ['cpuset.', [EACCES], notOfParent],
  ['memory.limit_in_bytes', [EBUSY], 'the container uses more than that, and no more can be reclaimed'],
  ['memory.memsw.limit_in_bytes', [EBUSY], 'the container uses more than that, and no more can be reclaimed'],
  ['memory.limit_in_bytes', [EINVAL], 'the limit of memory and swap together is smaller: set memory.swap as well'],
  ['memory.memsw.limit_in_bytes', [EINVAL], 'the limit of memory alone is greater: set memory.limit as well'],
  ['memory.memsw.', [ENOENT], noSwapAccounting],
  ['memory.swap.max', [ENOENT], noSwapAccounting],
  ['memory.oom_control', [EINVAL], 'the parent cgroup must count its own memory'],
  ['io.', [ENODEV], noDisk],
  ['blkio.', [ENODEV], noDisk],
  ['io.', [EOPNOTSUPP], 'the scheduler of that disk has no weights: BFQ has'],
  ['blkio.', [EOPNOTSUPP], 'the scheduler of that disk has no weights: BFQ has'],
  ['io.weight', [ENOENT], 'neither BFQ nor the io.cost model is there to weigh by'],
  ['blkio.weight', [ENOENT], 'the BFQ scheduler is not there to weigh by'],
  ['hugetlb.', [ENOENT], 'this machine has no huge pages of that size'],
  ['rdma.max', [ENODEV, EINVAL], 'there is no RDMA device of that name'],
  ['net_prio.ifpriomap', [ENODEV], 'there is no network interface of that name'],
];

/** Why the kernel refused a write to a file of a cgroup, where its error number does not say. */
export function refusalOf(file: string, number: number): string | undefined {
  return refusals.find(([start, numbers]) => file.startsWith(start) && numbers.includes(number))?.[2];
}
