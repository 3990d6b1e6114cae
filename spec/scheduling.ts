/** The kernel's numbers for where and when a process runs: sched_setattr(2), ioprio_set(2), set_mempolicy(2), personality(2). */
import type { IoPriority, MemoryPolicy, Personality, SchedulerFlag, SchedulerPolicy } from './config.ts';

/** linux/sched.h; SCHED_ISO is reserved, and no kernel has it. */
export const SCHEDULER_POLICIES: Readonly<Record<SchedulerPolicy, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};

/** linux/sched.h */
export const SCHEDULER_FLAGS: Readonly<Record<SchedulerFlag, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 0x01,
  SCHED_FLAG_RECLAIM: 0x02,
  SCHED_FLAG_DL_OVERRUN: 0x04,
  SCHED_FLAG_KEEP_POLICY: 0x08,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
};

/** linux/ioprio.h */
export const IO_CLASSES: Readonly<Record<IoPriority['class'], number>> = {
  IOPRIO_CLASS_RT: 1,
  IOPRIO_CLASS_BE: 2,
  IOPRIO_CLASS_IDLE: 3,
};

/** linux/mempolicy.h */
export const MEMORY_POLICIES: Readonly<Record<MemoryPolicy['mode'], number>> = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
};

/** linux/mempolicy.h */
export const MEMORY_POLICY_FLAGS: Readonly<Record<NonNullable<MemoryPolicy['flags']>[number], number>> = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
};

/** linux/personality.h */
export const EXECUTION_DOMAINS: Readonly<Record<Personality['domain'], number>> = { LINUX: 0, LINUX32: 8 };

/** The numbers of a list such as `0-3,7` or `0-31:2/4` (of every four in the range the first two); the list was validated. */
export function numbersOf(list: string): number[] {
  const numbers: number[] = [];
  for (const part of list.split(',')) {
    const [range = '', stride = '1/1'] = part.split(':');
    const [first = '', last = first] = range.split('-');
    const [used, group = 1] = stride.split('/');
    for (let start = Number(first); start <= Number(last); start += Number(group))
      for (let number = start; number < start + Number(used) && number <= Number(last); number++) numbers.push(number);
  }
  return numbers;
}
