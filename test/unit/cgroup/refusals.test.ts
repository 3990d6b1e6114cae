import { expect, test } from 'vitest';
import { refusalOf } from '../../../runtime/cgroup/resources/refusals.ts';

test.each<[file: string, number: number, reason: string | undefined]>([
  ['cpu.max', 22, 'quota and period must be at least'],
  ['cpu.max.burst', 22, 'the burst at most the quota'],
  ['cpu.cfs_quota_us', 22, 'the parent cgroup must allow as much'],
  ['cpu.rt_runtime_us', 22, 'the parent cgroup must have that much realtime itself'],
  ['cpu.weight', 22, 'an idle cgroup has no weight'],
  ['cpu.shares', 22, 'an idle cgroup has no shares'],
  ['cpuset.cpus', 34, 'a CPU or memory node that this machine does not have'],
  ['cpuset.mems', 13, 'the parent cgroup must have all of these'],
  ['memory.limit_in_bytes', 16, 'the container uses more than that'],
  ['memory.limit_in_bytes', 22, 'set memory.swap as well'],
  ['memory.memsw.limit_in_bytes', 22, 'set memory.limit as well'],
  ['memory.memsw.limit_in_bytes', 2, 'does not count swap'],
  ['memory.swap.max', 2, 'does not count swap'],
  ['memory.oom_control', 22, 'the parent cgroup'],
  ['io.max', 19, 'there is no such disk'],
  ['blkio.throttle.read_bps_device', 19, 'there is no such disk'],
  ['io.bfq.weight', 95, 'BFQ'],
  ['blkio.bfq.weight_device', 95, 'BFQ'],
  ['io.weight', 2, 'neither BFQ nor'],
  ['blkio.weight', 2, 'the BFQ scheduler is not there'],
  ['hugetlb.5MB.max', 2, 'no huge pages of that size'],
  ['rdma.max', 19, 'no RDMA device'],
  ['net_prio.ifpriomap', 19, 'no network interface'],
  ['memory.max', 22, undefined],
  ['pids.max', 2, undefined],
])('%s, error %i', (file, number, reason) => {
  if (reason === undefined) expect(refusalOf(file, number)).toBeUndefined();
  else expect(refusalOf(file, number)).toContain(reason);
});
