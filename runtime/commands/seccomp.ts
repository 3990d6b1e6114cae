/** `seccomp explain`: what a profile does with a system call, without running anything. */
import { nearest } from '../../spec/near-miss.ts';
import { SECCOMP_ARCHITECTURES } from '../../spec/seccomp.ts';
import { CAPABILITIES } from '../../spec/tables.ts';
import type { RequestOf } from '../cli/parse.ts';
import { UsageError } from '../cli/usage.ts';
import { absolute } from '../context.ts';
import { errnoName } from '../errno.ts';
import { print } from '../output.ts';
import { type Answer, ask, type Question, systemCallNames } from '../seccomp/ask.ts';
import { compileFilter } from '../seccomp/compile.ts';
import { type SeccompLibrary, seccompLibrary } from '../seccomp/library.ts';
import { libraryName } from '../seccomp/numbers.ts';
import { NATIVE_NAME, readProfile } from '../seccomp/profile-file.ts';
import { quote } from '../text.ts';

type Request = RequestOf<'seccomp'>;

/** Capabilities as they are typed: any case, with or without CAP_. */
function capabilitiesOf(words: readonly string[]): string[] {
  return words.map((word) => {
    const upper = word.toUpperCase();
    const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
    if (CAPABILITIES.includes(name)) return name;
    const meant = nearest(name, CAPABILITIES);
    throw new UsageError(
      `seccomp: --cap: unknown capability: got ${quote(word)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  });
}

function argumentOf(text: string): bigint {
  if (/^-?(?:0x[0-9a-f]+|0o?[0-7]*|[1-9][0-9]*)$/i.test(text)) {
    const isNegative = text.startsWith('-');
    const digits = (isNegative ? text.slice(1) : text).replace(/^0(?=[0-7])/, '0o');
    const value = BigInt(digits);
    if (value < 1n << 64n) return isNegative ? -value : value;
  }
  const hint = text.startsWith('--') ? '; flags stand before the profile' : '';
  throw new UsageError(`seccomp: ARGUMENT: not a number of 64 bits: got ${quote(text)}${hint}`);
}

const MAX_ARGUMENTS = 6;

function argumentsOf(words: readonly string[]): bigint[] {
  if (words.length > MAX_ARGUMENTS)
    throw new UsageError(`seccomp: a system call has at most ${MAX_ARGUMENTS} arguments: got ${words.length}`);
  return words.map(argumentOf);
}

/** A system call by name or number. @throws {UsageError} for one that nobody knows. */
function callOf(text: string, library: SeccompLibrary): string | number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const name = text.toLowerCase();
  if (library.resolveSystemCall(library.nativeArchitecture(), name) !== UNKNOWN_CALL) return name;
  const meant = nearest(name, systemCallNames(library));
  throw new UsageError(
    `seccomp: unknown system call: got ${quote(text)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  );
}

const UNKNOWN_CALL = -1;

/** An architecture as it is typed: `x32`, `SCMP_ARCH_X32`. */
function architectureOf(text: string): string {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SCMP_ARCH_') ? upper : `SCMP_ARCH_${upper}`;
  if (SECCOMP_ARCHITECTURES.includes(name)) return name;
  const meant = nearest(name, SECCOMP_ARCHITECTURES);
  const hint = meant === undefined ? '' : `; did you mean ${libraryName(meant)}?`;
  throw new UsageError(`seccomp: --arch: unknown architecture: got ${quote(text)}${hint}`);
}

function actionWords({ action = '', data }: Answer): string {
  if (data === undefined) return action;
  return action === 'SCMP_ACT_ERRNO' ? `${action} ${data} (${errnoName(data)})` : `${action} ${data}`;
}

/** One answer for people; entries that could matter with other arguments follow it. */
function answerLines(answer: Answer, shown: (entry: number) => number): string[] {
  const { architecture, name, number, because, concerned, entry } = answer;
  const what = `${name ?? 'a system call without a name'}${number === undefined ? '' : ` (${number})`}`;
  const does = answer.action === undefined ? '' : `${actionWords(answer)}: `;
  const why = entry === undefined ? because : because.replace(`[${entry}]`, `[${shown(entry)}]`);
  const lines = [`${libraryName(architecture)}: ${what}: ${does}${why}`];
  for (const other of concerned)
    if (other.entry !== entry && other.conditions !== '')
      lines.push(`  otherwise syscalls[${shown(other.entry)}]: ${other.action} where ${other.conditions}`);
  return lines;
}

function jsonOf(answer: Answer, shown: (entry: number) => number): object {
  const { entry, concerned, because, ...rest } = answer;
  return {
    ...rest,
    because: entry === undefined ? because : because.replace(`[${entry}]`, `[${shown(entry)}]`),
    ...(entry === undefined ? {} : { entry: shown(entry) }),
    concerned: concerned.map((other) => ({ ...other, entry: shown(other.entry) })),
  };
}

function explainCall(request: Request): void {
  const { seccomp, entries } = readProfile(absolute(request.profile), capabilitiesOf(request.cap));
  const library = seccompLibrary();
  const call = callOf(request.call, library);
  const args = argumentsOf(request.values);
  const program = compileFilter(seccomp, library);
  const asked =
    request.arch.length > 0 ? request.arch.map(architectureOf) : [NATIVE_NAME, ...(seccomp.architectures ?? [])];
  const shown = (entry: number): number => entries[entry] ?? entry;
  const answers = [...new Set(asked)].map((architecture) =>
    ask(seccomp, program, { call, args, architecture } satisfies Question, library),
  );
  if (request.json)
    print(
      `${JSON.stringify(
        answers.map((answer) => jsonOf(answer, shown)),
        null,
        2,
      )}\n`,
    );
  else
    print(
      answers
        .flatMap((answer) => answerLines(answer, shown))
        .map((line) => `${line}\n`)
        .join(''),
    );
}

export function seccompCommand(request: Request): number {
  if (request.action !== 'explain') throw new UsageError(`seccomp: not one of explain: got ${quote(request.action)}`);
  explainCall(request);
  return 0;
}
