/** The numbers behind the words of a seccomp profile: linux/seccomp.h, linux/audit.h and libseccomp's seccomp.h. */
import type { SeccompAction, SeccompFlag } from '../../spec/config.ts';

/** SECCOMP_RET_*: what a filter answers, in the upper half; the lower half is data. */
export const RET = {
  KILL_PROCESS: 0x8000_0000,
  KILL_THREAD: 0,
  TRAP: 0x0003_0000,
  ERRNO: 0x0005_0000,
  USER_NOTIF: 0x7fc0_0000,
  TRACE: 0x7ff0_0000,
  LOG: 0x7ffc_0000,
  ALLOW: 0x7fff_0000,
} as const;

/** Flags of seccomp(2). */
export const FILTER_FLAG = {
  TSYNC: 1,
  LOG: 2,
  SPEC_ALLOW: 4,
  NEW_LISTENER: 8,
  TSYNC_ESRCH: 16,
  WAIT_KILLABLE_RECV: 32,
} as const;

const EPERM = 1;

/** What a filter answers for an action. `errno` is 1 (EPERM) unless said; config-linux.md, "Seccomp". */
export function actionNumber(action: SeccompAction, errno: number = EPERM): number {
  switch (action) {
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return RET.KILL_THREAD;
    case 'SCMP_ACT_KILL_PROCESS':
      return RET.KILL_PROCESS;
    case 'SCMP_ACT_TRAP':
      return RET.TRAP;
    case 'SCMP_ACT_ERRNO':
      return RET.ERRNO + errno;
    case 'SCMP_ACT_TRACE':
      return RET.TRACE + errno;
    case 'SCMP_ACT_LOG':
      return RET.LOG;
    case 'SCMP_ACT_ALLOW':
      return RET.ALLOW;
    case 'SCMP_ACT_NOTIFY':
      return RET.USER_NOTIF;
  }
}

/** The bit of a flag. */
export function flagNumber(flag: SeccompFlag): number {
  switch (flag) {
    case 'SECCOMP_FILTER_FLAG_TSYNC':
      return FILTER_FLAG.TSYNC;
    case 'SECCOMP_FILTER_FLAG_LOG':
      return FILTER_FLAG.LOG;
    case 'SECCOMP_FILTER_FLAG_SPEC_ALLOW':
      return FILTER_FLAG.SPEC_ALLOW;
    case 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV':
      return FILTER_FLAG.WAIT_KILLABLE_RECV;
  }
}

/** AUDIT_ARCH_*, where something depends on which one it is. libseccomp's own number of an architecture is the same but for x32. */
export const ARCHITECTURE = {
  X86: 0x4000_0003,
  X86_64: 0xc000_003e,
  /** libseccomp's number: the kernel's is that of x86-64, and {@link X32_BIT} is set in the system call's number. */
  X32: 0x4000_003e,
  ARM: 0x4000_0028,
  AARCH64: 0xc000_00b7,
} as const;

/** __X32_SYSCALL_BIT */
export const X32_BIT = 0x4000_0000;

/** Where arm has system calls of its own again (__ARM_NR_BASE). */
export const ARM_PRIVATE = 0x000f_0000;

/** The architecture of this machine. */
export const NATIVE: number = process.arch === 'arm64' ? ARCHITECTURE.AARCH64 : ARCHITECTURE.X86_64;

/** libseccomp's name of an architecture: `x86_64` for SCMP_ARCH_X86_64. */
export function libraryName(architecture: string): string {
  return architecture.slice('SCMP_ARCH_'.length).toLowerCase();
}
