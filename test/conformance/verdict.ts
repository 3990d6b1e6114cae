/** What one run of a program of the validation suite says: TAP on its standard output, and its exit status. */

/** The three outcomes that the table knows. */
export type Verdict = 'ok' | 'not ok' | 'skipped';

/** One run. */
export interface Outcome {
  status: number;
  /** Standard output. */
  text: string;
}

const FAILURE = /^\s*not ok\b/;
const SUCCESS = /^\s*ok\b/;
const KNOWN = /#\s*(?:TODO|SKIP)\b/i;
const SKIPPED = /#\s*SKIP\b/i;

/**
 * The verdict of a run. Programs of the life cycle end with an empty plan and exit status 0 also where they fail: then
 * they have written an error.
 */
export function verdictOf({ status, text }: Outcome): Verdict {
  if (status !== 0) return 'not ok';
  const lines = text.split('\n');
  if (lines.some((line) => FAILURE.test(line) && !KNOWN.test(line))) return 'not ok';
  if (lines.includes('1..0') && /"error":/.test(text)) return 'not ok';
  const successes = lines.filter((line) => SUCCESS.test(line));
  return successes.length > 0 && successes.every((line) => SKIPPED.test(line)) ? 'skipped' : 'ok';
}

/** The best of several runs of a program whose outcome is a matter of luck. */
export function best(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes('ok')) return 'ok';
  return verdicts.includes('not ok') ? 'not ok' : 'skipped';
}
