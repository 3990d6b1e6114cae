import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from '../seccomp.ts';
import { array, int, object, oneOf, type Schema, string, uint64 } from './schema.ts';

/** config-linux.md, "Seccomp" */
export function seccompSchema(): Schema {
  // SECCOMP_RET_DATA has 16 bits; what an action makes of them is for the checks.
  const errno = int(0, 0xffff);

  const action = oneOf('seccomp action', ...SECCOMP_ACTIONS);

  const architecture = oneOf('seccomp architecture', ...SECCOMP_ARCHITECTURES);

  const flag = oneOf('seccomp flag', ...SECCOMP_FLAGS);

  const argument = object({
    'index!': int(0, 5),
    'value!': uint64,
    valueTwo: uint64,
    'op!': oneOf('seccomp operator', ...SECCOMP_OPERATORS),
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
