/** Results of the native addon: a value, or an error in words. */

import { errnoName, errnoText } from './errno.ts';
import type { Result } from './native.ts';

const EMFILE = 24;

/** A system call that failed. The message is `<syscall> <object>: <text>`, as in `open /x: No such file or directory`. */
export class SysError extends Error {
  /** The positive error number. */
  readonly errno: number;
  /** The call's name, such as `openat2`. */
  readonly syscall: string;
  /** What it was called on: a path, a descriptor's meaning, a pid; absent where there is nothing to name. */
  readonly object: string | undefined;

  constructor(errno: number, syscall: string, object?: string) {
    const text = errno === EMFILE ? `${errnoText(errno)}: raise the caller's limit (ulimit -n)` : errnoText(errno);
    super(`${object === undefined ? syscall : `${syscall} ${object}`}: ${text}`);
    this.errno = errno;
    this.syscall = syscall;
    this.object = object;
  }

  /** The error's symbol, such as `ENOENT`. */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** `result` where it is a success; throws a {@link SysError} otherwise. */
export function check(result: Result, syscall: string, object?: string): number {
  if (result < 0) throw new SysError(-result, syscall, object);
  return result;
}

/** The same for calls that answer with something else than a number, or with a negative errno. */
export function checkValue<T>(result: T | number, syscall: string, object?: string): T {
  if (typeof result === 'number') throw new SysError(-result, syscall, object);
  return result;
}
