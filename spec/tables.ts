/**
 * Names of the configuration and the kernel's numbers for them, as arrays and Maps: a name comes from outside, and `constructor`
 * or `__proto__` must be as unknown as any other word. Every start evaluates this file, so that it builds next to nothing.
 */

export { MOUNT_ATTR, MOUNT_OPTIONS, type MountOption, mountOption, PROPAGATION } from './mount-options.ts';
export { parseSignal, SIGNALS, signalName } from './signals.ts';

/** The capabilities of Linux, `CAP_*`; the index is the number (linux/capability.h). config.md, "Linux Process". */
export const CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** The number of a capability by its exact name (`CAP_KILL` → 5), or undefined. */
export function capabilityNumber(name: string): number | undefined {
  return indexOf(CAPABILITIES, name);
}

/** The resources of setrlimit(2), `RLIMIT_*`; the index is the number (the same on x86-64 and arm64). config.md, "POSIX process". */
export const RLIMITS: readonly string[] = [
  'RLIMIT_CPU',
  'RLIMIT_FSIZE',
  'RLIMIT_DATA',
  'RLIMIT_STACK',
  'RLIMIT_CORE',
  'RLIMIT_RSS',
  'RLIMIT_NPROC',
  'RLIMIT_NOFILE',
  'RLIMIT_MEMLOCK',
  'RLIMIT_AS',
  'RLIMIT_LOCKS',
  'RLIMIT_SIGPENDING',
  'RLIMIT_MSGQUEUE',
  'RLIMIT_NICE',
  'RLIMIT_RTPRIO',
  'RLIMIT_RTTIME',
];

/** The number of a resource limit by its exact name (`RLIMIT_NOFILE` → 7), or undefined. */
export function rlimitNumber(name: string): number | undefined {
  return indexOf(RLIMITS, name);
}

/** What a namespace type of the configuration is called elsewhere. */
export interface NamespaceInfo {
  /** The `CLONE_NEW*` bit for clone3, unshare and setns; also what NS_GET_NSTYPE answers. */
  readonly flag: number;
  /** The file below `/proc/<pid>/ns`. */
  readonly file: string;
}

/** The eight namespace types of config-linux.md, "Namespaces", in the order the specification lists them. */
export const NAMESPACES: ReadonlyMap<string, NamespaceInfo> = new Map([
  ['pid', { flag: 0x2000_0000, file: 'pid' }],
  ['network', { flag: 0x4000_0000, file: 'net' }],
  ['mount', { flag: 0x0002_0000, file: 'mnt' }],
  ['ipc', { flag: 0x0800_0000, file: 'ipc' }],
  ['uts', { flag: 0x0400_0000, file: 'uts' }],
  ['user', { flag: 0x1000_0000, file: 'user' }],
  ['cgroup', { flag: 0x0200_0000, file: 'cgroup' }],
  ['time', { flag: 0x0000_0080, file: 'time' }],
]);

/** The clocks of config-linux.md, "Offset for Time Namespace": the names that timens_offsets(5) takes. */
export const CLOCKS: readonly string[] = ['monotonic', 'boottime'];

function indexOf(names: readonly string[], name: string): number | undefined {
  const index = names.indexOf(name);
  return index === -1 ? undefined : index;
}
