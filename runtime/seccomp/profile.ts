/** A profile of `linux.seccomp` made ready for libseccomp: numbers in place of words. Pure. */
import type { Seccomp, SeccompArg, SeccompSyscalls } from '../../spec/config.ts';
import { SECCOMP_OPERATORS } from '../../spec/seccomp.ts';
import { actionNumber } from './numbers.ts';

/** An entry of `syscalls`. */
export interface FilterRule {
  readonly names: readonly string[];
  /** SECCOMP_RET_*. */
  readonly action: number;
  /** The conditions as {@link SeccompLibrary.addRule} takes them: one rule of libseccomp for each. */
  readonly alternatives: readonly Uint8Array[];
}

/** Bytes of a packed condition. */
const CONDITION_SIZE = 24;

function pack(conditions: readonly SeccompArg[]): Uint8Array {
  const bytes = new Uint8Array(conditions.length * CONDITION_SIZE);
  const view = new DataView(bytes.buffer);
  conditions.forEach(({ index, op, value, valueTwo = 0 }, position) => {
    const at = position * CONDITION_SIZE;
    view.setUint32(at, index, true);
    view.setUint32(at + 4, SECCOMP_OPERATORS.indexOf(op) + 1, true);
    view.setBigUint64(at + 8, BigInt(value), true);
    view.setBigUint64(at + 16, BigInt(valueTwo), true);
  });
  return bytes;
}

/** Whether an argument has more than one condition: libseccomp has no rule for that. */
export function isAlternative(args: readonly SeccompArg[]): boolean {
  return new Set(args.map(({ index }) => index)).size < args.length;
}

/**
 * All conditions of an entry must hold (CVE-2017-18367 was a runtime in which one sufficed). Only where an argument has several, each
 * condition stands for itself, as in every other runtime: profiles that list the values of an argument rely on it.
 */
function alternativesOf({ args = [] }: SeccompSyscalls): Uint8Array[] {
  return isAlternative(args) ? args.map((condition) => pack([condition])) : [pack(args)];
}

/** The entries of a profile. */
export function filterRules(profile: Seccomp): FilterRule[] {
  return (profile.syscalls ?? []).map((entry) => ({
    names: entry.names,
    action: actionNumber(entry.action, entry.errnoRet),
    alternatives: alternativesOf(entry),
  }));
}

/** How much a profile says, for people. */
export interface ProfileSummary {
  readonly defaultAction: string;
  readonly rules: number;
  readonly systemCalls: number;
}

/** Counts what a profile says. */
export function summarize({ defaultAction, defaultErrnoRet, syscalls = [] }: Seccomp): ProfileSummary {
  let systemCalls = 0;
  for (const { names } of syscalls) systemCalls += names.length;
  const errno = defaultErrnoRet === undefined ? '' : ` ${defaultErrnoRet}`;
  return { defaultAction: `${defaultAction}${errno}`, rules: syscalls.length, systemCalls };
}

/** Raised whenever the same profile compiles to something else. */
const COMPILER_VERSION = 2;

/**
 * What a compiled filter depends on, as text: profiles with the same text have the same filter. No name holds a NUL, and each list
 * is preceded by its length, so that different profiles have different texts. Built of few pieces, for every container needs it.
 */
export function profileKey(profile: Seccomp): string {
  const { defaultAction, defaultErrnoRet = '', architectures = [], syscalls = [] } = profile;
  let key = `${COMPILER_VERSION}\0${process.arch}\0${defaultAction}\0${defaultErrnoRet}\0${architectures.length}\0${architectures.join('\0')}`;
  for (const { names, action, errnoRet = '', args = [] } of syscalls) {
    key += `\0${action}\0${errnoRet}\0${args.length}`;
    for (const { index, op, value, valueTwo = 0 } of args) key += `\0${index}\0${op}\0${value}\0${valueTwo}`;
    key += `\0${names.length}\0${names.join('\0')}`;
  }
  return key;
}
