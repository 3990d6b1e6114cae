/** What a profile does with a system call: asked of the compiled filter, and traced back to the entry of the profile. */
import type { Seccomp, SeccompArg, SeccompSyscalls } from '../../spec/config.ts';
import { runFilter } from './bpf.ts';
import type { SeccompLibrary } from './library.ts';
import { ARCHITECTURE, actionNumber, libraryName, RET, X32_BIT } from './numbers.ts';
import { isAlternative } from './profile.ts';
import { needsStub } from './stub.ts';

/** A system call that is asked about. */
export interface Question {
  /** A name, or a number as the kernel has it. */
  readonly call: string | number;
  /** Missing ones are 0. */
  readonly args: readonly bigint[];
  /** SCMP_ARCH_*. */
  readonly architecture: string;
}

/** An entry of `linux.seccomp.syscalls` that is about the system call. */
export interface Concerned {
  /** Its index. */
  readonly entry: number;
  readonly action: string;
  /** In words; empty where it has none. */
  readonly conditions: string;
  /** Whether its conditions hold. */
  readonly matches: boolean;
}

/** What the filter does. */
export interface Answer {
  /** SCMP_ARCH_* */
  readonly architecture: string;
  /** The name, where the number has one. */
  readonly name?: string;
  /** Absent where that architecture has no such system call. */
  readonly number?: number;
  /** SCMP_ACT_*; absent with the number. */
  readonly action?: string;
  /** The errno of SCMP_ACT_ERRNO, the data of SCMP_ACT_TRACE. */
  readonly data?: number;
  /** Why, in words. */
  readonly because: string;
  /** The entry that decides, where one does. */
  readonly entry?: number;
  /** All that name the system call; none where the profile does not list the architecture. */
  readonly concerned: readonly Concerned[];
}

const ENOSYS = 38;

const ACTIONS: ReadonlyMap<number, string> = new Map([
  [RET.KILL_PROCESS, 'SCMP_ACT_KILL_PROCESS'],
  [RET.KILL_THREAD, 'SCMP_ACT_KILL_THREAD'],
  [RET.TRAP, 'SCMP_ACT_TRAP'],
  [RET.ERRNO, 'SCMP_ACT_ERRNO'],
  [RET.USER_NOTIF, 'SCMP_ACT_NOTIFY'],
  [RET.TRACE, 'SCMP_ACT_TRACE'],
  [RET.LOG, 'SCMP_ACT_LOG'],
  [RET.ALLOW, 'SCMP_ACT_ALLOW'],
]);

/** SECCOMP_RET_* taken apart. */
function decode(answer: number): { action: string; data?: number } {
  const number = (answer & 0xffff_0000) >>> 0;
  const action = ACTIONS.get(number) ?? `0x${answer.toString(16)}`;
  return number === RET.ERRNO || number === RET.TRACE ? { action, data: answer & 0xffff } : { action };
}

const SIGNS = {
  SCMP_CMP_NE: '!=',
  SCMP_CMP_LT: '<',
  SCMP_CMP_LE: '<=',
  SCMP_CMP_EQ: '==',
  SCMP_CMP_GE: '>=',
  SCMP_CMP_GT: '>',
  SCMP_CMP_MASKED_EQ: '&',
} as const;

function hex(value: number | bigint): string {
  return value < 10 ? String(value) : `0x${BigInt(value).toString(16)}`;
}

function conditionWords({ index, op, value, valueTwo = 0 }: SeccompArg): string {
  const left = `argument ${index}`;
  return op === 'SCMP_CMP_MASKED_EQ'
    ? `${left} & ${hex(value)} == ${hex(valueTwo)}`
    : `${left} ${SIGNS[op]} ${hex(value)}`;
}

/** __AUDIT_ARCH_64BIT, and the convention of MIPS that has it and passes 32 bits all the same. */
const WIDE = 0x8000_0000;
const N32 = 0x2000_0000;

/** How many bits of an argument the filter looks at. */
function widthOf(token: number): 32 | 64 {
  return (token & WIDE) !== 0 && (token & N32) === 0 ? 64 : 32;
}

function conditionHolds(
  { index, op, value, valueTwo = 0 }: SeccompArg,
  args: readonly bigint[],
  width: number,
): boolean {
  const actual = BigInt.asUintN(width, args[index] ?? 0n);
  const wanted = BigInt.asUintN(width, BigInt(value));
  switch (op) {
    case 'SCMP_CMP_NE':
      return actual !== wanted;
    case 'SCMP_CMP_LT':
      return actual < wanted;
    case 'SCMP_CMP_LE':
      return actual <= wanted;
    case 'SCMP_CMP_EQ':
      return actual === wanted;
    case 'SCMP_CMP_GE':
      return actual >= wanted;
    case 'SCMP_CMP_GT':
      return actual > wanted;
    case 'SCMP_CMP_MASKED_EQ':
      return (actual & wanted) === (BigInt.asUintN(width, BigInt(valueTwo)) & wanted);
  }
}

function concern(
  { action, errnoRet, args = [] }: SeccompSyscalls,
  entry: number,
  given: readonly bigint[],
  width: number,
): Concerned {
  const results = args.map((condition) => conditionHolds(condition, given, width));
  const either = isAlternative(args);
  return {
    entry,
    action: errnoRet === undefined ? action : `${action} ${errnoRet}`,
    conditions: args.map(conditionWords).join(either ? ' or ' : ' and '),
    matches: either ? results.includes(true) : !results.includes(false),
  };
}

function numberOf({ call }: Question, token: number, library: SeccompLibrary): number {
  if (typeof call === 'string') return library.resolveSystemCall(token, call);
  return token === ARCHITECTURE.X32 ? (call | X32_BIT) >>> 0 : call;
}

/** libseccomp's numbers for what some architectures do by one system call for many. */
const SOCKETCALL = [-120, -101] as const;
const IPC = [-224, -201] as const;

function absence(number: number): string {
  if (number >= SOCKETCALL[0] && number <= SOCKETCALL[1]) return 'here it is a part of socketcall: ask about that';
  if (number >= IPC[0] && number <= IPC[1]) return 'here it is a part of ipc: ask about that';
  return 'this architecture has no such system call';
}

/** The name of a system call, of which only the number was given. */
function nameOf({ call }: Question, token: number, library: SeccompLibrary): string | undefined {
  return typeof call === 'string' ? call : (library.systemCallName(token, call) ?? undefined);
}

function because(profile: Seccomp, answer: number, isListed: boolean, decisive: Concerned | undefined): string {
  if (!isListed) return 'the profile does not list this architecture';
  if (decisive) return `syscalls[${decisive.entry}]${decisive.conditions === '' ? '' : `: ${decisive.conditions}`}`;
  if (needsStub(profile) && answer === RET.ERRNO + ENOSYS) return 'newer than every system call that the profile names';
  return 'defaultAction, for no entry matches';
}

/** Asks `program`, which `profile` was compiled to. */
export function ask(profile: Seccomp, program: Uint32Array, question: Question, library: SeccompLibrary): Answer {
  const { architecture, args } = question;
  const token = library.resolveArchitecture(libraryName(architecture));
  const number = numberOf(question, token, library);
  const name = nameOf(question, token, library);
  const isListed = token === library.nativeArchitecture() || (profile.architectures ?? []).includes(architecture);
  const concerned = (isListed ? (profile.syscalls ?? []) : []).flatMap((entry, index) =>
    name !== undefined && entry.names.includes(name) ? [concern(entry, index, args, widthOf(token))] : [],
  );
  const named = name === undefined ? {} : { name };
  if (number < 0) return { architecture, ...named, because: absence(number), concerned };
  const kernels = token === ARCHITECTURE.X32 ? ARCHITECTURE.X86_64 : token;
  const answer = runFilter(program, { number, architecture: kernels, args });
  const decisive = concerned.find(({ entry, matches }) => {
    const { action, errnoRet } = profile.syscalls?.[entry] ?? { action: profile.defaultAction };
    return matches && actionNumber(action, errnoRet) === answer;
  });
  return {
    architecture,
    ...named,
    number,
    ...decode(answer),
    because: because(profile, answer, isListed, decisive),
    ...(decisive ? { entry: decisive.entry } : {}),
    concerned,
  };
}

/** The names of all system calls of this machine. */
export function systemCallNames(library: SeccompLibrary): string[] {
  const token = library.nativeArchitecture();
  return Array.from({ length: 1024 }, (_, number) => library.systemCallName(token, number)).filter(
    (name) => name !== null,
  );
}
