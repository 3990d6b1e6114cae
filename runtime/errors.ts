/**
 * The one error type of the runtime, and the one function that words it.
 *
 * Whoever fails throws a {@link TsrunError} with a sentence and a stable code; nobody logs on the way. `main` catches
 * once, asks {@link wordError} for the line and {@link exitCodeOf} for the status, and hands both to the log.
 */

import { SysError } from './sys.ts';
import { escapeControls } from './text.ts';

/**
 * What went wrong, in a word that programs may rely on (the `code` of a JSON log line and of the library's errors).
 *
 * - `usage`: the command line
 * - `invalid-id`: not a container id
 * - `config-syntax`: config.json cannot be read as JSON
 * - `config-invalid`: a value of config.json is wrong
 * - `unsupported`: asked for, and this version of tsrun does not have it
 * - `host-unsupported`: asked for, and this kernel or host cannot do it
 * - `rootfs`: the root file system is unsafe or unfit
 * - `not-found`: no such container
 * - `exists`: the id is taken
 * - `wrong-status`: the container's status does not allow the operation
 * - `not-running`: the container's process has ended
 * - `state-damaged`: the stored state cannot be read
 * - `mount`, `namespace`, `cgroup`, `device`, `console`, `process`: that part of setting up failed
 * - `command-not-found`, `command-not-executable`: the container's program
 * - `hook`: a hook failed or timed out
 * - `archive`: an archive or image that a bundle is made from is damaged, unsafe or unfit
 * - `interrupted`: a signal ended the command while it waited
 * - `log`: the log file cannot be written
 * - `system`: any other system call
 * - `internal`: a mistake in tsrun itself
 */
export type ErrorCode =
  | 'usage'
  | 'invalid-id'
  | 'config-syntax'
  | 'config-invalid'
  | 'unsupported'
  | 'host-unsupported'
  | 'rootfs'
  | 'not-found'
  | 'exists'
  | 'wrong-status'
  | 'not-running'
  | 'state-damaged'
  | 'mount'
  | 'namespace'
  | 'cgroup'
  | 'device'
  | 'console'
  | 'process'
  | 'command-not-found'
  | 'command-not-executable'
  | 'hook'
  | 'archive'
  | 'interrupted'
  | 'log'
  | 'system'
  | 'internal';

/** What a {@link TsrunError} may carry beside its sentence. */
export interface ErrorDetails {
  /** Exit status of the command; 1 unless said. */
  exitCode?: number;
  /** What made this fail; its message is worded after this one's. */
  cause?: unknown;
}

/** An error in words for a user. The message is one sentence without the program's name and without a final stop. */
export class TsrunError extends Error {
  /** Stable; see {@link ErrorCode}. */
  readonly code: ErrorCode;
  readonly exitCode: number;
  /** Failures met while undoing what was done before this error: told beside it, never instead of it. */
  readonly undoFailures: unknown[] = [];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.name = 'TsrunError';
    this.code = code;
    this.exitCode = details.exitCode ?? 1;
  }

  /** Keeps a failure of the clean-up beside this error. */
  attach(failure: unknown): this {
    this.undoFailures.push(failure);
    return this;
  }
}

/**
 * `error` as a {@link TsrunError}: itself; a failed system call that nobody gave more words; or wrapped as a mistake of
 * tsrun.
 */
export function asTsrunError(error: unknown): TsrunError {
  if (error instanceof TsrunError) return error;
  if (error instanceof SysError) return new TsrunError('system', error.message, { cause: error });
  return new TsrunError('internal', 'internal error', { cause: error });
}

/** The exit status a command ends with after `error`. */
export function exitCodeOf(error: unknown): number {
  return error instanceof TsrunError ? error.exitCode : 1;
}

// A chain longer than this is a cycle, or helps nobody.
const maxChain = 16;

// conmon forwards 8191 bytes of stderr; a message of this many characters stays below that in nearly every script.
const maxLength = 4000;
const keptAtEnd = 1000;

function messageOf(error: unknown): string {
  if (error instanceof TsrunError) return error.message;
  if (error instanceof Error) return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
  return typeof error === 'string' ? error : `a thrown ${typeof error}`;
}

function chainOf(error: unknown): string {
  let words = messageOf(error);
  let cause = error instanceof Error ? error.cause : undefined;
  for (let depth = 0; cause !== undefined && depth < maxChain; depth++) {
    const message = messageOf(cause);
    // A wrapper that already told its cause's story must not make the user read it twice.
    if (message !== '' && !words.includes(message)) words += `: ${message}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return words;
}

function undoFailuresOf(error: unknown): readonly unknown[] {
  return error instanceof TsrunError ? error.undoFailures : [];
}

function cut(line: string): string {
  if (line.length <= maxLength) return line;
  return `${line.slice(0, maxLength - keptAtEnd)} … ${line.slice(-keptAtEnd)}`;
}

/**
 * What a user reads of `error`: one line without the program's name: the sentence, its causes after colons, then what
 * could not be undone. Control characters are escaped, a very long line is cut in its middle.
 */
export function wordError(error: unknown): string {
  const known = asTsrunError(error);
  let words = chainOf(known);
  for (const failure of undoFailuresOf(known)) words += `; and then, while cleaning up: ${chainOf(failure)}`;
  return escapeControls(cut(words));
}

/** The stacks of `error` and its causes, for --debug: several lines, each escaped. */
export function stackLines(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < maxChain; depth++) {
    for (const line of (current.stack ?? current.message).split('\n')) lines.push(escapeControls(line));
    current = current.cause;
  }
  return lines;
}
