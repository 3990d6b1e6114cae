/** From a profile to a program for the kernel, by libseccomp and with the stub of stub.ts before it. */
import type { Seccomp } from '../../spec/config.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';
import type { Filter, SeccompLibrary } from './library.ts';
import { actionNumber, libraryName } from './numbers.ts';
import { type FilterRule, filterRules } from './profile.ts';
import { type LastCalls, needsStub, stubProgram } from './stub.ts';

const EEXIST = 17;
const EDOM = 33;

/** libseccomp up to 2.5.4 goes wrong with a tree of no rules; and a tree of four leaves is none. */
const TREE_FROM = 32;

/** __NR_SCMP_ERROR */
const UNKNOWN_CALL = -1;

/** The most instructions that the kernel takes (BPF_MAXINSNS). */
const MAX_INSTRUCTIONS = 4096;

function refusal(property: string, what: string): TsrunError {
  return new TsrunError('config-invalid', `linux.seccomp${property}: ${what}`);
}

function failure(error: number): string {
  return `libseccomp: ${errnoText(-error)}`;
}

/** The architectures of a profile, this machine's included, by libseccomp's numbers. @throws {TsrunError} */
function architecturesOf({ architectures = [] }: Seccomp, library: SeccompLibrary): number[] {
  const tokens = new Set([library.nativeArchitecture()]);
  architectures.forEach((name, index) => {
    const token = library.resolveArchitecture(libraryName(name));
    if (token === 0)
      throw new TsrunError(
        'host-unsupported',
        `linux.seccomp.architectures[${index}]: libseccomp ${library.libraryVersion()} of this host does not know ${name}: remove it, or install a newer libseccomp`,
      );
    tokens.add(token);
  });
  return [...tokens];
}

function addArchitectures(filter: Filter, profile: Seccomp, library: SeccompLibrary): void {
  profile.architectures?.forEach((name, index) => {
    const added = library.addArchitecture(filter, library.resolveArchitecture(libraryName(name)));
    if (added >= 0 || added === -EEXIST) return;
    const what = added === -EDOM ? `${name} has another byte order than this machine: remove it` : failure(added);
    throw refusal(`.architectures[${index}]`, what);
  });
}

function addRule(filter: Filter, rule: FilterRule, index: number, library: SeccompLibrary): void {
  const native = library.nativeArchitecture();
  for (const name of rule.names) {
    // As peers do: a profile is written for many kernels, and may know system calls that libseccomp does not.
    const number = library.resolveSystemCall(native, name);
    if (number === UNKNOWN_CALL) continue;
    for (const conditions of rule.alternatives) {
      const added = library.addRule(filter, rule.action, number, conditions);
      if (added < 0 && added !== -EEXIST) throw refusal(`.syscalls[${index}]`, `${quote(name)}: ${failure(added)}`);
    }
  }
}

function lastCalls(profile: Seccomp, library: SeccompLibrary): LastCalls {
  const last = new Map<number, number>();
  for (const token of architecturesOf(profile, library)) {
    let greatest = 0;
    for (const { names } of profile.syscalls ?? [])
      for (const name of names) greatest = Math.max(greatest, library.resolveSystemCall(token, name));
    if (greatest > 0) last.set(token, greatest);
  }
  return last;
}

function words(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/**
 * The program of a profile: two words an instruction.
 *
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function compileFilter(profile: Seccomp, library: SeccompLibrary): Uint32Array<ArrayBuffer> {
  const defaultAction = actionNumber(profile.defaultAction, profile.defaultErrnoRet);
  architecturesOf(profile, library);
  const filter = library.makeFilter(defaultAction);
  if (typeof filter === 'number') throw refusal('.defaultAction', failure(filter));
  addArchitectures(filter, profile, library);
  const rules = filterRules(profile);
  let named = 0;
  for (const { names } of rules) named += names.length;
  if (named > TREE_FROM) library.optimize(filter, 2);
  rules.forEach((rule, index) => {
    // libseccomp refuses a rule that changes nothing.
    if (rule.action !== defaultAction) addRule(filter, rule, index, library);
  });
  const bytes = library.exportProgram(filter);
  if (typeof bytes === 'number') throw refusal('', failure(bytes));
  const body = words(bytes);
  const stub = needsStub(profile) ? stubProgram(lastCalls(profile, library)) : new Uint32Array(0);
  const program = new Uint32Array(stub.length + body.length);
  program.set(stub);
  program.set(body, stub.length);
  if (program.length / 2 > MAX_INSTRUCTIONS)
    throw refusal('', `compiles to ${program.length / 2} instructions, and the kernel takes ${MAX_INSTRUCTIONS}`);
  return program;
}
