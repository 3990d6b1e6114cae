/**
 * The seccomp profile of a sandbox that is given none: what programs need, and nothing that reaches the kernel's rarer parts. An entry
 * that needs a capability is there only where the sandbox has it. What is not named answers EPERM.
 */
import type { SeccompArg } from '../../spec/config.ts';
import type { EngineProfile } from '../seccomp/engine-profile.ts';

const EPERM = 1;
const ENOSYS = 38;

/** Every CLONE_NEW* of clone(2): CLONE_NEWTIME is none of them, being a signal's number there. */
const NAMESPACE_FLAGS = 0x7e02_0000;
const AF_VSOCK = 40;

/** What personality(2) may be asked for: PER_LINUX, PER_LINUX32, both with UNAME26, and what it is. */
const personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/** For everybody, by what it is about. Names of other architectures and of 32-bit calls are among them. */
const harmless = `
  read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek
  open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 ioctl flock
  stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx oldstat oldlstat oldfstat
  statfs statfs64 fstatfs fstatfs64 statmount listmount
  access faccessat faccessat2 getdents getdents64 readdir readlink readlinkat getcwd chdir fchdir
  mkdir mkdirat mknod mknodat rmdir unlink unlinkat link linkat symlink symlinkat rename renameat renameat2
  chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 umask
  utime utimes futimesat utimensat utimensat_time64
  getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
  listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat
  truncate truncate64 ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 arm_fadvise64_64 readahead
  sync syncfs fsync fdatasync sync_file_range sync_file_range2 arm_sync_file_range
  sendfile sendfile64 splice tee vmsplice copy_file_range name_to_handle_at cachestat
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark

  pipe pipe2 poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
  eventfd eventfd2 signalfd signalfd4
  io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64

  brk mmap mmap2 munmap mremap mprotect madvise mincore msync mseal map_shadow_stack remap_file_pages
  mlock mlock2 mlockall munlock munlockall memfd_create memfd_secret membarrier
  pkey_alloc pkey_free pkey_mprotect

  fork vfork execve execveat exit exit_group wait4 waitid waitpid
  getpid getppid gettid getpgid getpgrp setpgid getsid setsid
  set_tid_address set_robust_list get_robust_list rseq restart_syscall
  futex futex_time64 futex_requeue futex_wait futex_waitv futex_wake
  get_thread_area set_thread_area arch_prctl modify_ldt set_tls cacheflush breakpoint prctl riscv_hwprobe
  sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
  sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
  sched_rr_get_interval sched_rr_get_interval_time64
  getpriority setpriority nice ioprio_get ioprio_set getcpu
  getrlimit ugetrlimit setrlimit prlimit64 getrusage times
  pidfd_open pidfd_send_signal pidfd_getfd process_mrelease
  ptrace process_vm_readv process_vm_writev

  kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pause alarm
  rt_sigaction rt_sigprocmask rt_sigpending rt_sigsuspend rt_sigreturn rt_sigtimedwait rt_sigtimedwait_time64
  sigaction signal sigprocmask sigpending sigsuspend sigreturn sigaltstack

  getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
  setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32
  setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32 capget capset
  seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_list_modules

  time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 adjtimex clock_adjtime clock_adjtime64
  nanosleep clock_nanosleep clock_nanosleep_time64 getitimer setitimer
  timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
  timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64

  socketpair socketcall bind connect listen accept accept4 shutdown getsockname getpeername getsockopt setsockopt
  send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64

  ipc shmget shmat shmdt shmctl semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl
  mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64

  uname oldolduname olduname sysinfo getrandom
`;

/** What a capability opens. */
const privileged: Readonly<Record<string, string>> = {
  CAP_SYS_ADMIN: `
    mount umount umount2 pivot_root mount_setattr open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick
    clone clone3 unshare setns sethostname setdomainname bpf perf_event_open fanotify_init quotactl quotactl_fd lookup_dcookie
    syslog
  `,
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'init_module finit_module delete_module',
  CAP_SYS_NICE: 'get_mempolicy set_mempolicy set_mempolicy_home_node mbind',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp process_madvise',
  CAP_SYS_RAWIO: 'ioperm iopl',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYSLOG: 'syslog',
};

function namesIn(text: string): string[] {
  return text.trim().split(/\s+/);
}

function where(index: number, op: SeccompArg['op'], value: number, valueTwo?: number): readonly SeccompArg[] {
  return [{ index, op, value, ...(valueTwo === undefined ? {} : { valueTwo }) }];
}

const action = 'SCMP_ACT_ALLOW';
const excludes = { caps: ['CAP_SYS_ADMIN'] };

/** The profile, for sandboxes of any capabilities. */
export const defaultProfile: EngineProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: EPERM,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
  ],
  syscalls: [
    { names: namesIn(harmless), action },
    ...Object.entries(privileged).map(
      ([capability, names]) => ({ names: namesIn(names), action, includes: { caps: [capability] } }) as const,
    ),
    ...personalities.map(
      (value) => ({ names: ['personality'], action, args: where(0, 'SCMP_CMP_EQ', value) }) as const,
    ),
    { names: ['socket'], action, args: where(0, 'SCMP_CMP_NE', AF_VSOCK) },
    { names: ['clone'], action, args: where(0, 'SCMP_CMP_MASKED_EQ', NAMESPACE_FLAGS, 0), excludes },
    // Its flags are in memory, which no filter sees: C libraries use clone(2) then.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS, excludes },
  ],
};
