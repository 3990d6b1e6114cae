import { array, int, object, oneOf, type Schema, string, uint64 } from './schema.ts';

/** config-linux.md, "Seccomp" */
export function seccompSchema(): Schema {
  // SECCOMP_RET_DATA has 16 bits; what an action makes of them is for the checks.
  const errno = int(0, 0xffff);

  const action = oneOf(
    'seccomp action',
    'SCMP_ACT_KILL',
    'SCMP_ACT_KILL_PROCESS',
    'SCMP_ACT_KILL_THREAD',
    'SCMP_ACT_TRAP',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_TRACE',
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_LOG',
    'SCMP_ACT_NOTIFY',
  );

  const architecture = oneOf(
    'seccomp architecture',
    'SCMP_ARCH_X86',
    'SCMP_ARCH_X86_64',
    'SCMP_ARCH_X32',
    'SCMP_ARCH_ARM',
    'SCMP_ARCH_AARCH64',
    'SCMP_ARCH_MIPS',
    'SCMP_ARCH_MIPS64',
    'SCMP_ARCH_MIPS64N32',
    'SCMP_ARCH_MIPSEL',
    'SCMP_ARCH_MIPSEL64',
    'SCMP_ARCH_MIPSEL64N32',
    'SCMP_ARCH_PPC',
    'SCMP_ARCH_PPC64',
    'SCMP_ARCH_PPC64LE',
    'SCMP_ARCH_S390',
    'SCMP_ARCH_S390X',
    'SCMP_ARCH_PARISC',
    'SCMP_ARCH_PARISC64',
    'SCMP_ARCH_RISCV64',
    'SCMP_ARCH_LOONGARCH64',
    'SCMP_ARCH_M68K',
    'SCMP_ARCH_SH',
    'SCMP_ARCH_SHEB',
  );

  const flag = oneOf(
    'seccomp flag',
    'SECCOMP_FILTER_FLAG_TSYNC',
    'SECCOMP_FILTER_FLAG_LOG',
    'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
    'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
  );

  const argument = object({
    'index!': int(0, 5),
    'value!': uint64,
    valueTwo: uint64,
    'op!': oneOf(
      'seccomp operator',
      'SCMP_CMP_NE',
      'SCMP_CMP_LT',
      'SCMP_CMP_LE',
      'SCMP_CMP_EQ',
      'SCMP_CMP_GE',
      'SCMP_CMP_GT',
      'SCMP_CMP_MASKED_EQ',
    ),
  });

  return object({
    'defaultAction!': action,
    defaultErrnoRet: errno,
    architectures: array(architecture),
    flags: array(flag),
    listenerPath: string,
    listenerMetadata: string,
    syscalls: array(
      object({
        'names!': array(string, { minItems: 1 }),
        'action!': action,
        errnoRet: errno,
        args: array(argument),
      }),
    ),
  });
}
