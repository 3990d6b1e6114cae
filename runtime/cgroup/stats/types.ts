/**
 * The shape of the `data` of `stats` events, as callers of runc read it, and what it is made from.
 *
 * Times are in nanoseconds, sizes in bytes. What a host does not count is left out, or is 0 where readers expect a number.
 */
import type { Uint64 } from '../../../spec/config.ts';

/** A directory of the cgroup file system. */
export interface CgroupFiles {
  /** The names of the files. */
  names(): readonly string[];
  /** The text of a file; undefined where it is not there or cannot be read. */
  read(name: string): string | undefined;
}

/** A container's cgroup in the v2 hierarchy, and those of its own in v1 hierarchies, by controller. */
export interface CgroupView {
  readonly unified: CgroupFiles;
  readonly v1: ReadonlyMap<string, CgroupFiles>;
}

/** Shares of time in which something waited for a resource, in percent, and the sum in microseconds. */
export interface PressureLine {
  avg10: number;
  avg60: number;
  avg300: number;
  total: Uint64;
}

export interface Pressure {
  some?: PressureLine;
  full?: PressureLine;
}

export interface CpuStats {
  usage: {
    total?: Uint64;
    percpu?: Uint64[];
    percpu_kernel?: Uint64[];
    percpu_user?: Uint64[];
    kernel: Uint64;
    user: Uint64;
  };
  throttling: { periods?: Uint64; throttledPeriods?: Uint64; throttledTime?: Uint64 };
  psi?: Pressure;
}

export interface CpusetStats {
  cpus?: number[];
  cpu_exclusive: Uint64;
  mems?: number[];
  mem_hardwall: Uint64;
  mem_exclusive: Uint64;
  memory_migrate: Uint64;
  memory_spread_page: Uint64;
  memory_spread_slab: Uint64;
  memory_pressure: Uint64;
  sched_load_balance: Uint64;
  sched_relax_domain_level: number;
}

/** `limit` is 2^64 − 1 for no limit in v2, nearly 2^63 in v1. */
export interface MemoryEntry {
  limit: Uint64;
  usage?: Uint64;
  /** The most that was ever used. */
  max?: Uint64;
  failcnt: Uint64;
}

export interface MemoryStats {
  cache?: Uint64;
  usage: MemoryEntry;
  /** Memory and swap together. */
  swap: MemoryEntry;
  kernel: MemoryEntry;
  kernelTCP: MemoryEntry;
  raw?: Record<string, Uint64>;
  psi?: Pressure;
}

export interface BlkioEntry {
  major: Uint64;
  minor: Uint64;
  op?: string;
  value: Uint64;
}

export interface BlkioStats {
  ioServiceBytesRecursive?: BlkioEntry[];
  ioServicedRecursive?: BlkioEntry[];
  ioQueueRecursive?: BlkioEntry[];
  ioServiceTimeRecursive?: BlkioEntry[];
  ioWaitTimeRecursive?: BlkioEntry[];
  ioMergedRecursive?: BlkioEntry[];
  ioTimeRecursive?: BlkioEntry[];
  sectorsRecursive?: BlkioEntry[];
  psi?: Pressure;
}

export interface HugetlbEntry {
  usage: Uint64;
  max?: Uint64;
  failcnt: Uint64;
}

export interface Stats {
  cpu: CpuStats;
  cpuset: CpusetStats;
  memory: MemoryStats;
  /** `limit` 0: none. */
  pids: { current: Uint64; limit: Uint64 };
  blkio: BlkioStats;
  /** By page size: `2MB`. */
  hugetlb: Record<string, HugetlbEntry>;
  intel_rdt: Record<string, never>;
  network_interfaces: null;
}
