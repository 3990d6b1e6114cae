/**
 * What a command says of itself: the error to stderr and to the log file, warnings and debug messages where they were
 * asked for. Callers parse this output, so its shape is fixed:
 *
 * - A command that fails appends one line to a JSON log, and one only: `{"level":"error","msg":…,"time":…,"code":…}`,
 *   with `warnings` (and `debug`) in it where there were any. (One caller reads the whole file as one object.)
 * - A command that succeeds appends nothing at the default level, and writes nothing to stderr.
 * - The error also goes to stderr as `tsrun: …`.
 *
 * Without a log file the log is stderr, in the format asked for. With one, warnings and debug messages go to the file
 * alone, for some callers read stderr as output.
 */

import { errno, errnoText } from './errno.ts';
import { asTsrunError, type ErrorCode, exitCodeOf, stackLines, TsrunError, wordError } from './errors.ts';
import type { Addon } from './native.ts';
import { escapeControls, quote } from './text.ts';

export type LogLevel = 'error' | 'warning' | 'debug';

/** Where and how to log; see --log, --log-format, --log-level and --debug. */
export interface LogOptions {
  /** Appended to, and made (0644) where it is missing; relative to the caller's directory. */
  file: string | undefined;
  format: 'text' | 'json';
  level: LogLevel;
}

/** The effects of a log. */
export interface LogOutput {
  open: Addon['open'];
  write: Addon['write'];
  now(): Date;
}

// Linux, x86-64 and arm64 alike: O_WRONLY | O_CREAT | O_NOCTTY | O_APPEND | O_NONBLOCK | O_CLOEXEC. Not blocking, so
// that a FIFO without reader is an error and not a wait for ever.
const openFlags = 0o1 | 0o100 | 0o400 | 0o2000 | 0o4000 | 0o2000000;
const openMode = 0o644;
const stderr = 2;

/** One line of a log, its keys in the order of a JSON log. */
interface LogRecord {
  level: LogLevel;
  msg: string;
  /** RFC 3339, UTC. */
  time: string;
  code?: ErrorCode;
  warnings?: string[];
  debug?: string[];
}

interface Entry extends LogRecord {
  level: 'warning' | 'debug';
}

/** Warnings that nobody has looked for yet. */
interface Unfound {
  readonly find: () => readonly string[];
  /** When they would have been told. */
  readonly at: Date;
}

function entryOf(level: Entry['level'], message: string, at: Date): Entry {
  return { level, msg: escapeControls(message), time: at.toISOString() };
}

/** The log of one command. */
export class Log {
  readonly #options: LogOptions;
  readonly #output: LogOutput;
  readonly #fd: number | undefined;
  /** What waits for the end of the command, because a failure would have to hold it in its one object. */
  readonly #waiting: (Entry | Unfound)[] = [];
  /** Those of them that are written at any level. */
  readonly #told = new Set<Entry>();

  /** @throws {TsrunError} `log`: the file cannot be opened. */
  constructor(options: LogOptions, output: LogOutput) {
    this.#options = options;
    this.#output = output;
    if (options.file === undefined) return;
    const fd = output.open(options.file, openFlags, openMode);
    if (fd < 0) {
      // The usual words for ENOENT make callers report that the container's program is missing.
      const reason = -fd === errno.ENOENT ? 'its directory is missing' : errnoText(-fd);
      throw new TsrunError('log', `--log: cannot open ${quote(options.file)} for appending: ${reason}`);
    }
    this.#fd = fd;
  }

  /** Whether {@link debug} does anything: ask before an expensive message is put together. */
  get debugging(): boolean {
    return this.#options.level === 'debug';
  }

  /** Something a user may want to know, though it stops nothing. */
  warn(message: string): void {
    this.#note('warning', message);
  }

  /** A warning about the user's own data, written at any level: for commands whose output nobody parses. */
  tell(message: string): void {
    const entry = entryOf('warning', message, this.#output.now());
    this.#waiting.push(entry);
    this.#told.add(entry);
  }

  /**
   * Warnings that take time to find: `find` is called when they are written, which most callers do not ask for. The
   * command goes on as if there were none, so what they depend on must not change.
   */
  warnLater(find: () => readonly string[]): void {
    this.#waiting.push({ find, at: this.#output.now() });
  }

  /** A step of the command, for --debug. */
  debug(message: string): void {
    if (this.debugging) this.#note('debug', message);
  }

  /** The command succeeded: writes the warnings and debug messages that are wanted. Can be called again later. */
  succeed(): void {
    for (const entry of this.#wanted()) this.#writeRecord(entry);
    this.#waiting.length = 0;
    this.#told.clear();
  }

  /** The command failed: tells the error, once, and returns the exit status. */
  fail(error: unknown): number {
    const known = asTsrunError(error);
    const message = wordError(known);
    const logged = this.#write(this.#fd ?? stderr, this.#failure(known, message));
    this.#waiting.length = 0;
    if (this.#fd !== undefined) {
      let words = `tsrun: ${message}\n`;
      if (!logged) words += `tsrun: this error could not be written to ${quote(this.#options.file ?? '')}\n`;
      this.#write(stderr, words);
    }
    return exitCodeOf(known);
  }

  /** Everything that waits, unfound warnings among it. Debug messages are not noted unless they are wanted. */
  #found(): Entry[] {
    const entries: Entry[] = [];
    for (const waiting of this.#waiting)
      if ('find' in waiting)
        for (const message of waiting.find()) entries.push(entryOf('warning', message, waiting.at));
      else entries.push(waiting);
    return entries;
  }

  /** What is written beside an error, or without one. */
  #wanted(): Entry[] {
    return this.#options.level === 'error' ? [...this.#told] : this.#found();
  }

  #note(level: Entry['level'], message: string): void {
    const entry = entryOf(level, message, this.#output.now());
    // Debug messages are for somebody who watches; only the one-object rule of a JSON log makes them wait.
    if (level === 'debug' && this.#options.format === 'text') this.#writeRecord(entry);
    else this.#waiting.push(entry);
  }

  #writeRecord(record: LogRecord): void {
    this.#write(this.#fd ?? stderr, this.#format(record));
  }

  /** Everything the log gets for a failure, in one piece. */
  #failure(error: TsrunError, message: string): string {
    const record: LogRecord = {
      level: 'error',
      msg: message,
      time: this.#output.now().toISOString(),
      code: error.code,
    };
    const stack = this.debugging ? stackLines(error) : [];
    if (this.#options.format === 'text') {
      const before = this.#wanted().map((entry) => this.#format(entry));
      return [...before, this.#format(record), ...stack.map((line) => `${line}\n`)].join('');
    }
    const entries = this.#found();
    const folded = (level: Entry['level']): string[] =>
      entries.filter((entry) => entry.level === level).map((entry) => entry.msg);
    const warnings = folded('warning');
    if (warnings.length > 0) record.warnings = warnings;
    if (this.debugging) record.debug = [...folded('debug'), ...stack];
    return this.#format(record);
  }

  #format(record: LogRecord): string {
    if (this.#options.format === 'json') return `${JSON.stringify(record)}\n`;
    if (this.#fd === undefined) return `tsrun: ${record.level === 'error' ? '' : `${record.level}: `}${record.msg}\n`;
    const code = record.code === undefined ? '' : ` code=${record.code}`;
    return `time=${record.time} level=${record.level}${code} msg=${JSON.stringify(record.msg)}\n`;
  }

  /** Whether `text` was written. */
  #write(fd: number, text: string): boolean {
    return this.#output.write(fd, text) >= 0;
  }
}
