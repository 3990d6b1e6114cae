/**
 * Numbers of the kernel's interface that the host side uses, in the groups and by the names of its headers.
 *
 * They are the same on x86-64 and arm64 where nothing else is said. Mount attributes and propagation are in
 * spec/mount-options.ts, signals in spec/signals.ts: the specification names those.
 */

const arm64 = process.arch === 'arm64';

/** Flags of open(2): asm-generic/fcntl.h, and arch/arm64's asm/fcntl.h for the three that differ there. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: arm64 ? 0o40000 : 0o200000,
  TMPFILE: 0o20000000 | (arm64 ? 0o40000 : 0o200000),
  NOFOLLOW: arm64 ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** Directory descriptors and flags of the *at calls: linux/fcntl.h. */
export const AT = {
  /** The current working directory in place of a descriptor. */
  FDCWD: -100,
  SYMLINK_NOFOLLOW: 0x100,
  NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000,
  /** The whole tree of mounts: open_tree(2), mount_setattr(2). */
  RECURSIVE: 0x8000,
} as const;

/** How openat2(2) resolves a path: linux/openat2.h. */
export const RESOLVE = {
  NO_XDEV: 0x01,
  NO_MAGICLINKS: 0x02,
  NO_SYMLINKS: 0x04,
  BENEATH: 0x08,
  IN_ROOT: 0x10,
} as const;

/** Modes of access(2): unistd.h. */
export const ACCESS = { EXISTS: 0, EXECUTE: 1, WRITE: 2, READ: 4 } as const;

/** Namespaces, as clone3(2), unshare(2), setns(2) and NS_GET_NSTYPE name them: linux/sched.h. */
export const CLONE = {
  NEWTIME: 0x80,
  NEWNS: 0x20000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

/** Types of files in `mode`: linux/stat.h. */
export const S = {
  /** The bits that hold the type. */
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
} as const;

/** Events of poll(2): asm-generic/poll.h. */
export const POLL = { IN: 0x01, PRI: 0x02, OUT: 0x04, ERR: 0x08, HUP: 0x10, NVAL: 0x20 } as const;

/** Operations of flock(2): asm-generic/fcntl.h. */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** Flags of mount(2): linux/mount.h. */
export const MS = {
  RDONLY: 1 << 0,
  NOSUID: 1 << 1,
  NODEV: 1 << 2,
  NOEXEC: 1 << 3,
  SYNCHRONOUS: 1 << 4,
  REMOUNT: 1 << 5,
  MANDLOCK: 1 << 6,
  DIRSYNC: 1 << 7,
  NOSYMFOLLOW: 1 << 8,
  NOATIME: 1 << 10,
  NODIRATIME: 1 << 11,
  BIND: 1 << 12,
  MOVE: 1 << 13,
  REC: 1 << 14,
  SILENT: 1 << 15,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  I_VERSION: 1 << 23,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** Flags of open_tree(2), with AT.RECURSIVE and AT.EMPTY_PATH: linux/mount.h. */
export const OPEN_TREE = { CLONE: 1 } as const;

/** Types of file systems, as statfs(2) tells them: linux/magic.h. */
export const MAGIC = {
  CGROUP: 0x27e0eb,
  CGROUP2: 0x63677270,
  DEVPTS: 0x1cd1,
  FUSE: 0x65735546,
  NFS: 0x6969,
  NSFS: 0x6e736673,
  OVERLAY: 0x794c7630,
  PROC: 0x9fa0,
  RAMFS: 0x858458f6,
  SELINUX: 0xf97cff8c,
  SYSFS: 0x62656572,
  TMPFS: 0x01021994,
  V9FS: 0x01021997,
} as const;

/** Requests of ioctl(2) on a namespace: linux/nsfs.h. */
export const NS = { GET_USERNS: 0xb701, GET_PARENT: 0xb702, GET_NSTYPE: 0xb703 } as const;

/** Flags of BPF_PROG_ATTACH: linux/bpf.h. */
export const BPF = { ALLOW_MULTI: 2, REPLACE: 4 } as const;
