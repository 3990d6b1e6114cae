/**
 * The native addon, as TypeScript sees it.
 *
 * Every function is synchronous and thin: one system call, or the few that cannot be told apart (clone3 and what
 * must happen between it and execve). A failure is a negative errno, never an exception: `sys.ts` words it. All file
 * descriptors made here are close-on-exec. Paths, environment strings and arguments are UTF-8.
 */

/** The result of a system call: zero or more on success, a negative errno on failure. */
export type Result = number;

/** What stat(2) and fstat(2) tell. `mode` includes the file type bits; `rdev` is split into major and minor. */
export interface Stat {
  mode: number;
  size: number;
  ino: number;
  dev: number;
  /** How many names it has; a directory has two, and one for each directory in it. */
  links: number;
  uid: number;
  gid: number;
  rdevMajor: number;
  rdevMinor: number;
  /** Modification time, milliseconds since the epoch. */
  mtimeMs: number;
}

/** A message received from a socket: its length in the caller's buffer, and the file descriptors that came along. */
export interface Received {
  length: number;
  fds: number[];
  /** True where the kernel had to cut the data or the control part short. */
  truncated: boolean;
}

/** A status change of a child, as waitid(2) reports it. */
export interface ChildStatus {
  pid: number;
  /** Exit code, or -1 where a signal ended it. */
  code: number;
  /** The signal that ended it, or 0. */
  signal: number;
}

/** What a process is started with; see {@link Addon.spawn}. */
export interface SpawnOptions {
  /** An executable to run by file descriptor (execveat with AT_EMPTY_PATH); used when `path` is absent. */
  exeFd?: number;
  /** An absolute path to run (execve). */
  path?: string;
  argv: readonly string[];
  env: readonly string[];
  /** Directory to change to before execve. */
  cwd?: string;
  /** Descriptor i of the new process is a duplicate of fds[i]; every other descriptor is closed. */
  fds: readonly number[];
  /** CLONE_NEW* flags for clone3(2) (never CLONE_NEWUSER or CLONE_NEWTIME). */
  cloneFlags?: number;
  /** A cgroup v2 directory to be born in (CLONE_INTO_CGROUP). */
  cgroupFd?: number;
  /** Start in a session of its own (setsid). */
  newSession?: boolean;
  /** Signal the new process receives when the thread that made it ends (PR_SET_PDEATHSIG); 0 or absent: none. */
  parentDeathSignal?: number;
  /** Soft RLIMIT_NOFILE to restore before execve. */
  softNofile?: number;
  /** Signals (bit n-1 for signal n) to be ignored in the new process; all others get their default action. */
  ignoredSignals?: bigint;
  /** Signals (bit n-1 for signal n) to be blocked in the new process. */
  blockedSignals?: bigint;
}

/** Terminal size in character cells. */
export interface WindowSize {
  rows: number;
  columns: number;
}

/** The functions that `tsrun.node` exports. */
export interface Addon {
  // --- files -----------------------------------------------------------------------------------------------------
  open(path: string, flags: number, mode: number): Result;
  /** openat2(2); `dirfd` may be AT_FDCWD (-100). */
  openat2(dirfd: number, path: string, flags: number, mode: number, resolve: number): Result;
  close(fd: number): Result;
  /** One read(2) into `buffer`; EINTR is retried. */
  read(fd: number, buffer: Uint8Array): Result;
  /** write(2) until all of `data` is written or an error occurs (EAGAIN included); returns the bytes written. */
  write(fd: number, data: Uint8Array | string): Result;
  /**
   * The content of a regular file (opened with O_NONBLOCK, so a FIFO does not hang; anything but a regular file is
   * -EISDIR for a directory and -ESPIPE otherwise; more than `max` bytes is -EFBIG). Files of procfs, sysfs and cgroupfs
   * count as regular and are read to their end whatever size they report.
   */
  readFile(path: string, max: number): Uint8Array | number;
  /** Opens (flags and mode as open(2)), writes all of `data` in one write(2) where the kernel allows it, closes. */
  writeFile(path: string, data: Uint8Array | string, flags: number, mode: number): Result;
  mkdir(path: string, mode: number): Result;
  rmdir(path: string): Result;
  unlink(path: string): Result;
  rename(from: string, to: string): Result;
  symlink(target: string, path: string): Result;
  readlink(path: string): string | number;
  /** setxattr(2), which follows links. */
  setxattr(path: string, name: string, value: Uint8Array | string): Result;
  /** How long an extended attribute is, by getxattr(2). */
  xattrSize(path: string, name: string): Result;
  removexattr(path: string, name: string): Result;
  mkfifo(path: string, mode: number): Result;
  chmod(path: string, mode: number): Result;
  fchown(fd: number, uid: number, gid: number): Result;
  chown(path: string, uid: number, gid: number): Result;
  /** access(2), with the effective ids (faccessat AT_EACCESS). */
  access(path: string, mode: number): Result;
  realpath(path: string): string | number;
  getcwd(): string | number;
  /** The names in a directory, without `.` and `..`, in no order. */
  readdir(path: string): string[] | number;
  /** stat(2), or lstat(2) when `follow` is false. */
  stat(path: string, follow: boolean): Stat | number;
  fstat(fd: number): Stat | number;
  /** The f_type magic of the file system that holds `path`. */
  statfsType(path: string): Result;
  fstatfsType(fd: number): Result;
  flock(fd: number, operation: number): Result;
  /** A memfd with the content of `path`, sealed against every change (F_SEAL_SEAL|SHRINK|GROW|WRITE), executable. */
  memfdOfFile(path: string, name: string): Result;
  /** A memfd with `data`, sealed the same way, not executable. */
  memfdOfData(data: Uint8Array, name: string): Result;
  /** fcntl(F_DUPFD_CLOEXEC) from `min` upwards. */
  dup(fd: number, min: number): Result;
  /** Whether `fd` is open. */
  isOpen(fd: number): boolean;

  // --- mounts and namespaces, host side ----------------------------------------------------------------------------
  openTree(dirfd: number, path: string, flags: number): Result;
  /** mount_setattr(2) with AT_EMPTY_PATH on `fd`; `userNsFd` for MOUNT_ATTR_IDMAP, else -1. */
  mountSetattr(
    fd: number,
    recursive: boolean,
    set: number,
    clear: number,
    propagation: number,
    userNsFd: number,
  ): Result;
  /** move_mount(2) of the detached mount `tree` to `path`. */
  attach(tree: number, path: string): Result;
  /** umount2(2) with MNT_DETACH and UMOUNT_NOFOLLOW. */
  detach(path: string): Result;
  /** An ioctl(2) without argument, such as NS_GET_NSTYPE or NS_GET_USERNS. */
  ioctl(fd: number, request: number): Result;

  // --- processes -----------------------------------------------------------------------------------------------------
  getpid(): number;
  getppid(): number;
  geteuid(): number;
  getegid(): number;
  umask(mode: number): number;
  /**
   * Starts a process: clone3(2) with CLONE_VM|CLONE_VFORK on a stack of its own (no page table is copied), and between
   * it and execve only async-signal-safe set-up as {@link SpawnOptions} says. Returns its pid, or the errno of the step
   * that failed, execve included.
   */
  spawn(options: SpawnOptions): Result;
  pidfdOpen(pid: number): Result;
  pidfdSendSignal(pidfd: number, signal: number): Result;
  /** pidfd_getfd(2): a duplicate of descriptor `fd` of another process. */
  /** sched_setaffinity(2) of the calling thread, which its children inherit. */
  setAffinity(cpus: readonly number[]): Result;
  pidfdGetfd(pidfd: number, fd: number): Result;
  kill(pid: number, signal: number): Result;
  /** waitid(2) for `pid` (or any child with -1), WEXITED; `block` false adds WNOHANG and null means nothing ended. */
  wait(pid: number, block: boolean): ChildStatus | null | number;
  setSubreaper(on: boolean): Result;
  /** The soft RLIMIT_NOFILE. */
  softNofile(): number;
  /** prlimit(2): raises the hard limit of another process to `hard`; nothing where it is as high already. */
  raiseHardLimit(pid: number, resource: number, hard: bigint): Result;
  /**
   * execve(2) of this very process: descriptors from 3 on are closed but those of `fds`, and all signals are blocked. Returns
   * only where it fails; `fds` stay open across execve then.
   */
  become(path: string, argv: readonly string[], env: readonly string[], fds: readonly number[]): Result;
  /** _exit(2): no teardown of the engine. */
  exit(code: number): never;

  // --- waiting -------------------------------------------------------------------------------------------------------
  /**
   * poll(2). `fds` holds pairs (fd, events); each `events` is replaced by `revents`. `timeoutMs` -1 waits for ever.
   * EINTR is retried with what is left of the time.
   */
  poll(fds: Int32Array, timeoutMs: number): Result;
  /** Blocks the given signals in the calling thread and returns a signalfd for them. */
  signalfd(signals: readonly number[]): Result;
  /** The next signal number of a signalfd (non-blocking), or -EAGAIN. */
  readSignal(fd: number): Result;
  /** CLOCK_MONOTONIC in milliseconds. */
  monotonicMs(): number;

  // --- sockets and pipes -----------------------------------------------------------------------------------------------
  /** AF_UNIX SOCK_SEQPACKET pair. */
  socketpair(): [number, number] | number;
  pipe(): [number, number] | number;
  /** A connected AF_UNIX SOCK_STREAM socket; paths longer than sun_path go through /proc/self/fd. */
  connectUnix(path: string): Result;
  /** The same for SOCK_DGRAM; `@name` is an abstract name. */
  connectDatagram(path: string): Result;
  /** A non-blocking AF_UNIX SOCK_DGRAM socket under a name in a directory. */
  bindDatagram(directory: number, name: string): Result;
  /** A socket of NETLINK_ROUTE, in the network namespace of this process. */
  netlinkSocket(): Result;
  /** connect(2) of a netlink socket to the kernel, which then is the only one that it takes messages from. */
  connectNetlink(fd: number): Result;
  sendMessage(fd: number, data: Uint8Array, fds: readonly number[]): Result;
  /** recvmsg(2), with MSG_CMSG_CLOEXEC; length 0 is end of file. */
  receiveMessage(fd: number, buffer: Uint8Array): Received | number;
  setNonblocking(fd: number, on: boolean): Result;

  // --- terminals -----------------------------------------------------------------------------------------------------
  isatty(fd: number): boolean;
  /** Clears or sets ONLCR. */
  terminalOnlcr(fd: number, on: boolean): Result;
  windowSize(fd: number): WindowSize | number;
  setWindowSize(fd: number, size: WindowSize): Result;

  // --- sums --------------------------------------------------------------------------------------------------------------
  /** FNV-1a by words of 64 bits, in 16 hexadecimal digits. Against damage, not against people. */
  hash(data: Uint8Array | string): string;

  // --- eBPF ------------------------------------------------------------------------------------------------------------
  /** BPF_PROG_LOAD of a BPF_PROG_TYPE_CGROUP_DEVICE program; the fd, or a negative errno. */
  bpfLoadDevice(instructions: Uint8Array): Result;
  /** BPF_PROG_ATTACH to a cgroup with the given flags (BPF_F_ALLOW_MULTI = 2, BPF_F_REPLACE = 4 with `replaceFd`). */
  bpfAttachDevice(programFd: number, cgroupFd: number, flags: number, replaceFd: number): Result;
  /** The device program of ours that is attached to a cgroup, as a descriptor; -ENOENT where there is none. */
  bpfAttachedDevice(cgroupFd: number): Result;
  /** BPF_PROG_DETACH. */
  bpfDetachDevice(programFd: number, cgroupFd: number): Result;
}
