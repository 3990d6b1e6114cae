/** The flags of `update`: a table that only this command needs. */
import { once } from '../once.ts';
import type { FlagSpecs } from './kinds.ts';

const maxInt64 = 0x7fff_ffff_ffff_ffffn;
const maxUint64 = 0xffff_ffff_ffff_ffffn;

const microseconds = { kind: 'integer', value: 'MICROSECONDS' } as const;
const bytes = { kind: 'size', value: 'BYTES' } as const;
const noKernelMemory = 'Linux has no limit for the memory of the kernel alone any more; use --memory';

/** What `update` is given: a file of limits, or limits one by one. */
export const updateFlags = once(
  () =>
    ({
      resources: {
        name: 'resources',
        short: 'r',
        kind: 'path',
        value: 'FILE',
        help: 'limits as in linux.resources of config.json, or - for standard input; replaces all other flags',
      },
      blkioWeight: {
        name: 'blkio-weight',
        kind: 'integer',
        value: 'WEIGHT',
        min: 10,
        max: 1000,
        help: 'share of disk time beside other containers, 10 to 1000',
      },
      cpuPeriod: { ...microseconds, name: 'cpu-period', min: 0, max: maxUint64, help: 'period of the CPU quota' },
      cpuQuota: {
        ...microseconds,
        name: 'cpu-quota',
        min: -1,
        max: maxInt64,
        help: 'CPU time in each period; -1 for no limit',
      },
      cpuBurst: {
        ...microseconds,
        name: 'cpu-burst',
        min: 0,
        max: maxUint64,
        help: 'CPU time that may be saved up beyond the quota',
      },
      cpuShare: {
        name: 'cpu-share',
        kind: 'integer',
        value: 'SHARES',
        min: 0,
        max: maxUint64,
        help: 'share of CPU time beside other containers; 1024 is usual',
      },
      cpuRtPeriod: {
        ...microseconds,
        name: 'cpu-rt-period',
        min: 0,
        max: maxUint64,
        help: 'period of --cpu-rt-runtime (cgroup v1)',
      },
      cpuRtRuntime: {
        ...microseconds,
        name: 'cpu-rt-runtime',
        min: -1,
        max: maxInt64,
        help: 'CPU time of realtime processes in each period (cgroup v1)',
      },
      cpuIdle: {
        name: 'cpu-idle',
        kind: 'integer',
        value: '0|1',
        min: 0,
        max: 1,
        help: '1: run only where nobody else wants the CPU',
      },
      cpusetCpus: { name: 'cpuset-cpus', kind: 'text', value: 'LIST', help: 'CPUs to run on, as in 0-3,7' },
      cpusetMems: { name: 'cpuset-mems', kind: 'text', value: 'LIST', help: 'memory nodes to use, as in 0-1' },
      memory: { ...bytes, name: 'memory', help: 'limit of memory, as in 64M; -1 for none' },
      memoryReservation: {
        ...bytes,
        name: 'memory-reservation',
        help: 'memory that is left to it when others need some',
      },
      memorySwap: { ...bytes, name: 'memory-swap', help: 'limit of memory and swap together; -1 for no limit of swap' },
      pidsLimit: {
        name: 'pids-limit',
        kind: 'integer',
        value: 'N',
        min: -1,
        max: maxInt64,
        help: 'limit of processes and threads; -1 for none',
      },
      kernelMemory: { ...bytes, name: 'kernel-memory', refused: noKernelMemory, help: 'limit of kernel memory' },
      kernelMemoryTcp: { ...bytes, name: 'kernel-memory-tcp', refused: noKernelMemory, help: 'limit of TCP buffers' },
      l3CacheSchema: {
        name: 'l3-cache-schema',
        kind: 'text',
        value: 'SCHEMA',
        help: "the part of the L3 cache of the container's class of service, as in L3:0=f",
      },
      memBwSchema: {
        name: 'mem-bw-schema',
        kind: 'text',
        value: 'SCHEMA',
        help: 'the memory bandwidth of its class of service, as in MB:0=50',
      },
    }) as const satisfies FlagSpecs,
);
