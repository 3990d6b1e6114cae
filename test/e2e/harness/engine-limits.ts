/** The limits that engines set, as the kernel has them: raw values of the version of cgroups that the controllers are of. */
import { readFileSync } from 'node:fs';
import { Cgroups, isV1 } from './cgroups.ts';

/** Not cpu.weight: what shares make of it in runc 1.1 was changed since, also in tsrun. */
const files: readonly string[] = isV1('memory')
  ? [
      ...['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.soft_limit_in_bytes', 'pids.max'],
      ...['cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.shares', 'cpuset.cpus'],
    ]
  : ['memory.max', 'memory.swap.max', 'memory.low', 'pids.max', 'cpu.max', 'cpuset.cpus'];

/** All of them, as `FILE VALUE`; those that this kernel does not have are left out. */
export function limitsOf(pid: number): string[] {
  const cgroups = new Cgroups(pid);
  return files.filter((file) => cgroups.has(file)).map((file) => `${file} ${cgroups.read(file)}`);
}

/** Whether a container is frozen, by whichever of the kernel's ways. */
export function isFrozen(pid: number): boolean {
  const cgroups = new Cgroups(pid);
  const by = (file: string, frozen: string): boolean => cgroups.has(file) && cgroups.read(file) === frozen;
  return by('cgroup.freeze', '1') || by('freezer.state', 'FROZEN');
}

/** Whether the machine lets root have all capabilities; without CAP_SYS_RESOURCE runc runs no privileged container. */
export const isAllPowerful: boolean = /^CapBnd:\t0*1ffffffffff$/m.test(readFileSync('/proc/self/status', 'utf8'));
