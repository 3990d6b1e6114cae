/**
 * The Linux configuration of the OCI runtime specification 1.3 (config.md, config-linux.md) as types. The names are the
 * specification's. What a value may be beyond its type is said by the schema and the checks.
 */
import type { SECCOMP_ACTIONS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './seccomp.ts';

/**
 * A 64-bit unsigned integer, exact: a number up to 2^53 − 1, a bigint above. `<` and `>` compare the two kinds with each
 * other as they stand; for arithmetic and `===` convert with `BigInt(x)` first.
 */
export type Uint64 = number | bigint;

/** A 64-bit signed integer, exact: a number where it is a safe integer, else a bigint. */
export type Int64 = number | bigint;

/** config.json as a whole. config.md */
export interface Config {
  /** SemVer 2.0.0 version of the specification that the bundle complies with. config.md, "Specification version" */
  readonly ociVersion: string;
  /** The container's root file system. config.md, "Root" */
  readonly root: Root;
  /** Mounts beyond the root, mounted in this order. config.md, "Mounts" */
  readonly mounts?: readonly Mount[];
  /** The container's process. The specification wants it for `start`; tsrun, like its peers, for `create`. config.md, "Process" */
  readonly process: Process;
  /** Host name in the container's UTS namespace; at most 64 bytes. config.md, "Hostname" */
  readonly hostname?: string;
  /** NIS domain name in the container's UTS namespace; at most 64 bytes. config.md, "Domainname" */
  readonly domainname?: string;
  /** Programs run around the container's life. config.md, "POSIX-platform Hooks" */
  readonly hooks?: Hooks;
  /** Arbitrary metadata, handed on in the state. config.md, "Annotations" */
  readonly annotations?: Readonly<Record<string, string>>;
  /** config-linux.md */
  readonly linux?: Linux;
}

/** config.md, "Root" */
export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  /** Whether the root is read-only inside the container; default false. */
  readonly readonly?: boolean;
}

/** config.md, "Mounts" */
export interface Mount {
  /** Path inside the container; a relative one is relative to `/`. */
  readonly destination: string;
  /** File system type; a dummy for bind mounts. */
  readonly type?: string;
  /** Device, dummy, or for a bind mount a path, absolute or relative to the bundle. */
  readonly source?: string;
  /** Options of the mount; see `mountOption` in tables.ts. */
  readonly options?: readonly string[];
  /** Mapping of user ids of an idmapped mount. */
  readonly uidMappings?: readonly IdMapping[];
  /** Mapping of group ids of an idmapped mount. */
  readonly gidMappings?: readonly IdMapping[];
}

/** What `mounts add` is given: more mounts. */
export interface MountList {
  readonly mounts: readonly Mount[];
}

/** config.md, "Process" */
export interface Process {
  /** Whether a terminal is attached; default false. */
  readonly terminal?: boolean;
  /** Size of the terminal in characters; ignored without `terminal`. */
  readonly consoleSize?: ConsoleSize;
  readonly user: User;
  /** Absolute path of the working directory. */
  readonly cwd: string;
  /** `NAME=value` strings. */
  readonly env?: readonly string[];
  /** The program, looked up in PATH where it has no `/`, and its arguments; at least one. */
  readonly args: readonly string[];
  readonly rlimits?: readonly Rlimit[];
  /** AppArmor profile. config.md, "Linux Process" */
  readonly apparmorProfile?: string;
  readonly capabilities?: Capabilities;
  readonly noNewPrivileges?: boolean;
  /** Value for /proc/<pid>/oom_score_adj, −1000 to 1000; unchanged where absent. */
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  /** SELinux label of the process. */
  readonly selinuxLabel?: string;
  readonly ioPriority?: IoPriority;
  readonly execCPUAffinity?: ExecCpuAffinity;
}

/** Size of a terminal in characters. config.md, "Process" */
export interface ConsoleSize {
  readonly height: number;
  readonly width: number;
}

/** config.md, "POSIX-platform User": ids in the container's user namespace. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** File mode creation mask; tsrun uses 0022 where it is absent. */
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** config.md, "POSIX process" */
export interface Rlimit {
  /** `RLIMIT_*`. */
  readonly type: string;
  readonly soft: Uint64;
  readonly hard: Uint64;
}

/** Sets of `CAP_*` names. config.md, "Linux Process" */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

/** sched_setattr(2). config.md, "Linux Process" */
export interface Scheduler {
  readonly policy: SchedulerPolicy;
  /** −20 to 19; default 0. */
  readonly nice?: number;
  /** Static priority of the real-time policies; default 0. */
  readonly priority?: number;
  readonly flags?: readonly SchedulerFlag[];
  /** Nanoseconds; SCHED_DEADLINE only. */
  readonly runtime?: Uint64;
  /** Nanoseconds; SCHED_DEADLINE only. */
  readonly deadline?: Uint64;
  /** Nanoseconds; SCHED_DEADLINE only. */
  readonly period?: Uint64;
}

export type SchedulerPolicy =
  | 'SCHED_OTHER'
  | 'SCHED_FIFO'
  | 'SCHED_RR'
  | 'SCHED_BATCH'
  | 'SCHED_ISO'
  | 'SCHED_IDLE'
  | 'SCHED_DEADLINE';

export type SchedulerFlag =
  | 'SCHED_FLAG_RESET_ON_FORK'
  | 'SCHED_FLAG_RECLAIM'
  | 'SCHED_FLAG_DL_OVERRUN'
  | 'SCHED_FLAG_KEEP_POLICY'
  | 'SCHED_FLAG_KEEP_PARAMS'
  | 'SCHED_FLAG_UTIL_CLAMP_MIN'
  | 'SCHED_FLAG_UTIL_CLAMP_MAX';

/** ioprio_set(2). config.md, "Linux Process" */
export interface IoPriority {
  readonly class: 'IOPRIO_CLASS_RT' | 'IOPRIO_CLASS_BE' | 'IOPRIO_CLASS_IDLE';
  /** 0 (highest) to 7. */
  readonly priority: number;
}

/** CPU lists (`0-3,7`) for processes that `exec` starts. config.md, "Linux Process" */
export interface ExecCpuAffinity {
  /** Before the process is moved to the container's cgroup. */
  readonly initial?: string;
  /** After. */
  readonly final?: string;
}

/** config.md, "POSIX-platform Hooks"; each kind runs in the listed order. */
export interface Hooks {
  /** Deprecated by the specification; runs before `createRuntime`. */
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

/** The kinds of hooks, in the order in which they run. */
export type HookKind = keyof Hooks;

/** config.md, "POSIX-platform Hooks" */
export interface Hook {
  /** Absolute path of the program. */
  readonly path: string;
  /** argv, including argv[0]. */
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds after which the hook is aborted; greater than 0. */
  readonly timeout?: number;
}

/** config-linux.md */
export interface Linux {
  readonly namespaces?: readonly Namespace[];
  /** config-linux.md, "User namespace mappings" */
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  /** Offsets of the clocks `monotonic` and `boottime`. config-linux.md, "Offset for Time Namespace" */
  readonly timeOffsets?: Readonly<Record<string, TimeOffset>>;
  /** Device nodes beyond the default ones. config-linux.md, "Devices" */
  readonly devices?: readonly Device[];
  /** Network devices to move into the container, by their name on the host. config-linux.md, "Network Devices" */
  readonly netDevices?: Readonly<Record<string, NetDevice>>;
  /** config-linux.md, "Cgroups Path" */
  readonly cgroupsPath?: string;
  /** Limits and the device policy of the container's cgroup. config-linux.md, "Control groups" */
  readonly resources?: Resources;
  /** config-linux.md, "IntelRdt" */
  readonly intelRdt?: IntelRdt;
  /** config-linux.md, "Memory policy" */
  readonly memoryPolicy?: MemoryPolicy;
  /** Kernel parameters by dotted name. config-linux.md, "Sysctl" */
  readonly sysctl?: Readonly<Record<string, string>>;
  /** config-linux.md, "Seccomp" */
  readonly seccomp?: Seccomp;
  /** config-linux.md, "Rootfs Mount Propagation" */
  readonly rootfsPropagation?: RootfsPropagation;
  /** Absolute paths in the container that cannot be read. config-linux.md, "Masked Paths" */
  readonly maskedPaths?: readonly string[];
  /** Absolute paths in the container that cannot be written. config-linux.md, "Readonly Paths" */
  readonly readonlyPaths?: readonly string[];
  /** SELinux context of the mounts. config-linux.md, "Mount Label" */
  readonly mountLabel?: string;
  /** config-linux.md, "Personality" */
  readonly personality?: Personality;
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time';

/** config-linux.md, "Namespaces" */
export interface Namespace {
  readonly type: NamespaceType;
  /** Absolute path of a namespace to join; a new one is made where it is absent. */
  readonly path?: string;
}

/** config-linux.md, "User namespace mappings" */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  /** Number of ids. */
  readonly size: number;
}

/** config-linux.md, "Offset for Time Namespace" */
export interface TimeOffset {
  readonly secs?: Int64;
  /** 0 to 999999999. */
  readonly nanosecs?: number;
}

/** config-linux.md, "Devices" */
export interface Device {
  /** `c` and `u` are character devices, `b` a block device, `p` a fifo. */
  readonly type: 'c' | 'b' | 'u' | 'p';
  /** Absolute path in the container. */
  readonly path: string;
  /** Required unless `type` is `p`. */
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits. */
  readonly fileMode?: number;
  /** Owner, in the container's user namespace. */
  readonly uid?: number;
  readonly gid?: number;
}

/** config-linux.md, "Network Devices" */
export interface NetDevice {
  /** Name inside the container, `%d` for a number that the kernel chooses; the host's name where absent. */
  readonly name?: string;
}

export type RootfsPropagation =
  | 'shared'
  | 'slave'
  | 'private'
  | 'unbindable'
  | 'rshared'
  | 'rslave'
  | 'rprivate'
  | 'runbindable';

/** config-linux.md, "Control groups" */
export interface Resources {
  /** Rules in the order in which they apply. config-linux.md, "Allowed Device list" */
  readonly devices?: readonly DeviceRule[];
  readonly memory?: Memory;
  readonly cpu?: Cpu;
  readonly pids?: Pids;
  readonly blockIO?: BlockIO;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly network?: Network;
  /** By the device's name. config-linux.md, "RDMA" */
  readonly rdma?: Readonly<Record<string, Rdma>>;
  /** Values by the name of the file in the cgroup. config-linux.md, "Unified" */
  readonly unified?: Readonly<Record<string, string>>;
}

/** config-linux.md, "Allowed Device list" */
export interface DeviceRule {
  readonly allow: boolean;
  /** `a` (all) where absent. */
  readonly type?: 'a' | 'b' | 'c';
  /** All where absent, and where −1, which older tools write. */
  readonly major?: Int64;
  readonly minor?: Int64;
  /** Of the letters `r`, `w` and `m`. */
  readonly access?: string;
}

/** Bytes, or −1 for no limit. config-linux.md, "Memory" */
export interface Memory {
  readonly limit?: Int64;
  readonly reservation?: Int64;
  /** Memory and swap together. */
  readonly swap?: Int64;
  readonly kernel?: Int64;
  readonly kernelTCP?: Int64;
  /** 0 to 100. */
  readonly swappiness?: Uint64;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** config-linux.md, "CPU" */
export interface Cpu {
  readonly shares?: Uint64;
  /** Microseconds in each period. */
  readonly quota?: Int64;
  /** Microseconds. */
  readonly burst?: Uint64;
  /** Microseconds. */
  readonly period?: Uint64;
  /** Microseconds. */
  readonly realtimeRuntime?: Int64;
  /** Microseconds. */
  readonly realtimePeriod?: Uint64;
  /** List of CPUs: `0-3,7`. */
  readonly cpus?: string;
  /** List of memory nodes. */
  readonly mems?: string;
  /** 1 for SCHED_IDLE. */
  readonly idle?: Int64;
}

/** config-linux.md, "PIDs" */
export interface Pids {
  /** Number of tasks; −1 for no limit, 0 is a limit. */
  readonly limit?: Int64;
}

/** config-linux.md, "Block IO" */
export interface BlockIO {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly WeightDevice[];
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
}

/** config-linux.md, "Block IO": at least one of the weights. */
export interface WeightDevice {
  readonly major: Int64;
  readonly minor: Int64;
  readonly weight?: number;
  readonly leafWeight?: number;
}

/** config-linux.md, "Block IO" */
export interface ThrottleDevice {
  readonly major: Int64;
  readonly minor: Int64;
  /** Bytes or operations per second. */
  readonly rate: Uint64;
}

/** config-linux.md, "Huge page limits" */
export interface HugepageLimit {
  /** `64KB`, `2MB`, `1GB` … */
  readonly pageSize: string;
  /** Bytes. */
  readonly limit: Uint64;
}

/** config-linux.md, "Network" (cgroup v1) */
export interface Network {
  readonly classID?: number;
  readonly priorities?: readonly InterfacePriority[];
}

export interface InterfacePriority {
  readonly name: string;
  readonly priority: number;
}

/** config-linux.md, "RDMA": at least one of the two. */
export interface Rdma {
  readonly hcaHandles?: number;
  readonly hcaObjects?: number;
}

/** config-linux.md, "IntelRdt" */
export interface IntelRdt {
  /** Name of the class of service; `/` for the default class. */
  readonly closID?: string;
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly schemata?: readonly string[];
  readonly enableMonitoring?: boolean;
}

/** set_mempolicy(2). config-linux.md, "Memory policy" */
export interface MemoryPolicy {
  readonly mode:
    | 'MPOL_DEFAULT'
    | 'MPOL_BIND'
    | 'MPOL_INTERLEAVE'
    | 'MPOL_WEIGHTED_INTERLEAVE'
    | 'MPOL_PREFERRED'
    | 'MPOL_PREFERRED_MANY'
    | 'MPOL_LOCAL';
  /** List of memory nodes: `0-3,7`. */
  readonly nodes?: string;
  readonly flags?: readonly ('MPOL_F_NUMA_BALANCING' | 'MPOL_F_RELATIVE_NODES' | 'MPOL_F_STATIC_NODES')[];
}

/** config-linux.md, "Seccomp" */
export interface Seccomp {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly SeccompFlag[];
  /** Path of the socket that receives the notification descriptor of SCMP_ACT_NOTIFY. */
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompSyscalls[];
}

export type SeccompAction = (typeof SECCOMP_ACTIONS)[number];

export type SeccompFlag = (typeof SECCOMP_FLAGS)[number];

/** One rule: several system calls, one action. config-linux.md, "Seccomp" */
export interface SeccompSyscalls {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArg[];
}

/** A condition on an argument of a system call. config-linux.md, "Seccomp" */
export interface SeccompArg {
  /** 0 to 5. */
  readonly index: number;
  readonly value: Uint64;
  readonly valueTwo?: Uint64;
  readonly op: (typeof SECCOMP_OPERATORS)[number];
}

/** personality(2). config-linux.md, "Personality" */
export interface Personality {
  readonly domain: 'LINUX' | 'LINUX32';
  readonly flags?: readonly string[];
}
