/** Errors of the command line, and the near misses they offer. */

import { type ErrorCode, TsrunError } from '../errors.ts';
import type { GlobalOptions } from './global.ts';

/** The command line is wrong, or asks for what this version refuses. Thrown before anything was done. */
export class UsageError extends TsrunError {
  /** The global options as far as they were understood: where to log this very error. */
  global: GlobalOptions | undefined;

  constructor(message: string, code: ErrorCode = 'usage', exitCode = 1) {
    super(code, message, { exitCode });
    this.name = 'UsageError';
  }
}

// Names are short; whoever types more than this did not mistype one of them.
const maxTyped = 32;
// Of a shorter word half is changed at once.
const minTyped = 3;

/** The number of single-character changes (swaps of neighbours count as one) between `a` and `b`. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

/** The name that was probably meant by `typed`: the only one it begins, or one with at most a third of it changed. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  if (typed.length < minTyped || typed.length > maxTyped) return undefined;
  const lower = typed.toLowerCase();
  const begun = names.filter((name) => name.startsWith(lower));
  if (begun.length === 1) return begun[0];
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const name of names) {
    const changes = distance(lower, name);
    if (changes < bestDistance) {
      best = name;
      bestDistance = changes;
    }
  }
  return best;
}
