import type { Path } from './json/error.ts';

export type Severity = 'error' | 'warning';

/** Something wrong with a configuration, before it is worded with file and position. */
export interface Finding {
  readonly severity: Severity;
  /** Where: the property concerned, or, if one is missing, the one that should be there. */
  readonly path: Path;
  /** What is wrong, without the value: "must be absolute". */
  readonly problem: string;
  /** Whether the value found at `path` is shown. */
  readonly showsValue: boolean;
  /** What to do: "give the absolute path". */
  readonly hint?: string;
}

/** Collects findings; what the checks write to. */
export class Findings {
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];

  /** The value at `path` is wrong. */
  error(path: Path, problem: string, hint?: string): void {
    this.#errors.push(finding('error', path, problem, true, hint));
  }

  /** Something is wrong that the value at `path` does not show: it is missing, or clashes with another. */
  errorAt(path: Path, problem: string, hint?: string): void {
    this.#errors.push(finding('error', path, problem, false, hint));
  }

  /** The value at `path` is questionable, and is passed on or ignored as `problem` says. */
  warning(path: Path, problem: string, hint?: string): void {
    this.#warnings.push(finding('warning', path, problem, true, hint));
  }

  /** As `warning`, without the value. */
  warningAt(path: Path, problem: string, hint?: string): void {
    this.#warnings.push(finding('warning', path, problem, false, hint));
  }

  get errors(): readonly Finding[] {
    return this.#errors;
  }

  get warnings(): readonly Finding[] {
    return this.#warnings;
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }
}

function finding(
  severity: Severity,
  path: Path,
  problem: string,
  showsValue: boolean,
  hint: string | undefined,
): Finding {
  return { severity, path, problem, showsValue, ...(hint === undefined ? {} : { hint }) };
}
