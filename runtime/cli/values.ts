/** Values of flags with a grammar of their own: whole numbers of 64 bits, sizes, times. */

import type { Int64 } from '../../spec/config.ts';
import { quote } from '../text.ts';
import { UsageError } from './usage.ts';

const maxInt64 = 2n ** 63n - 1n;
// More digits than any number of 64 bits has: what is longer is not worth a conversion.
const maxDigits = 20;

/** A number where it is exact as one. */
function narrow(value: bigint): Int64 {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

/** A whole decimal number, exactly. @throws {UsageError} */
export function integer(text: string, min: Int64, max: Int64, what: string): Int64 {
  if (text.length <= maxDigits + 1 && /^(?:0|-?[1-9][0-9]*)$/.test(text)) {
    const value = BigInt(text);
    if (value >= min && value <= max) return narrow(value);
  }
  throw new UsageError(`${what}: not a whole number from ${min} to ${max}: got ${quote(text)}`);
}

const units = 'kmgtp';

/**
 * Bytes: a number, perhaps with a fraction, and a unit of 1024 (`64M`, `64MB`, `64MiB`, `1.5g`; case does not matter),
 * rounded down; or -1 for no limit.
 *
 * @throws {UsageError}
 */
export function size(text: string, what: string): Int64 {
  if (text === '-1') return -1;
  const match = text.length <= 64 ? /^([0-9]+)(?:\.([0-9]+))? ?([kmgtp]?)i?b?$/i.exec(text) : null;
  if (match !== null) {
    const [, whole = '', fraction = '', unit = ''] = match;
    const scale = 1024n ** BigInt(unit === '' ? 0 : units.indexOf(unit.toLowerCase()) + 1);
    const bytes = (BigInt(whole + fraction) * scale) / 10n ** BigInt(fraction.length);
    if (bytes <= maxInt64) return narrow(bytes);
  }
  throw new UsageError(`${what}: not a size: got ${quote(text)}; give bytes, a size such as 64M, or -1 for no limit`);
}

const millisecondsOf: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

// As far as one wait of poll(2) goes.
const maxMilliseconds = 2 ** 31 - 1;

/** A time in the form of Go's durations (`5s`, `500ms`, `1m30s`), in milliseconds. @throws {UsageError} */
export function duration(text: string, what: string): number {
  let milliseconds = 0;
  let read = 0;
  if (text.length <= 64) {
    for (const match of text.matchAll(/([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
      if (match.index !== read) break;
      read += match[0].length;
      milliseconds += Number(match[1]) * (millisecondsOf[match[2] ?? ''] ?? 0);
    }
  }
  if (read > 0 && read === text.length && milliseconds >= 1 && milliseconds <= maxMilliseconds) return milliseconds;
  throw new UsageError(`${what}: not a time from 1ms to 596h: got ${quote(text)}; give one such as 5s or 500ms`);
}
