/** Whether a container can live under its own filter: what init still does, once that is loaded, must be let through. Pure. */
import type { Seccomp } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import { hasAny } from '../lists.ts';
import { runFilter } from './bpf.ts';
import { compileFilter } from './compile.ts';
import type { SeccompLibrary } from './library.ts';
import { NATIVE, RET } from './numbers.ts';

/** A profile, and the program that it was compiled to: two words an instruction. */
export interface SeccompFilter {
  readonly profile: Seccomp;
  readonly program: Uint32Array;
}

type Call = readonly [name: string, number: number];

const onArm64 = process.arch === 'arm64';

/** System calls of init, with their numbers. */
export const CALLS = {
  write: ['write', onArm64 ? 64 : 1],
  close: ['close', onArm64 ? 57 : 3],
  read: ['read', onArm64 ? 63 : 0],
  execve: ['execve', onArm64 ? 221 : 59],
  sendmsg: ['sendmsg', onArm64 ? 211 : 46],
  capset: ['capset', onArm64 ? 91 : 126],
} as const satisfies Record<string, Call>;

/** Whether an answer of a filter lets a system call through, or asks somebody who may do that. */
export function isLetThrough(answer: number): boolean {
  const action = (answer & 0xffff_0000) >>> 0;
  return action === RET.ALLOW || action === RET.LOG || action === RET.USER_NOTIF;
}

/** Whether the answer to a call depends on its arguments, of which nothing is known here. */
export function dependsOnArguments({ syscalls = [] }: Seccomp, name: string): boolean {
  return hasAny(syscalls, ({ names, args = [] }) => args.length > 0 && names.includes(name));
}

/**
 * A container that its own profile kills before it begins is an error with a name, and not a silent end.
 * @throws {TsrunError} `config-invalid`
 */
export function refuseUnusable({ profile, program }: SeccompFilter, needed: readonly Call[], reason: string): void {
  for (const [name, number] of needed) {
    if (isLetThrough(runFilter(program, { number, architecture: NATIVE })) || dependsOnArguments(profile, name))
      continue;
    throw new TsrunError(
      'config-invalid',
      `linux.seccomp: the profile refuses ${name}, ${reason}: allow it, or the process is killed by its own seccomp profile`,
    );
  }
}

/** A compiled filter under which a container can start. @throws {TsrunError} `config-invalid`, `host-unsupported` */
export function compileUsable(profile: Seccomp, library: SeccompLibrary): Uint32Array<ArrayBuffer> {
  const program = compileFilter(profile, library);
  const { write, close, read, execve } = CALLS;
  refuseUnusable({ profile, program }, [write, close, read, execve], 'without which no container can be started');
  return program;
}
