/** What a row of hints is, and words for groups of operations and calls. */
import type { Operation } from '../generated/wire.ts';

/** A failed operation as init tells it. */
export interface Failure {
  readonly operation: Operation;
  readonly errno: number;
  readonly syscall: string;
  /** What the call was about; empty where there is nothing to name. */
  readonly object: string;
}

type Name = Operation['op'];
type FailureOf<N extends Name> = Failure & { readonly operation: Extract<Operation, { op: N }> };

/** One row of the table. */
export interface Row {
  /** For the test that covers it. */
  readonly name: string;
  hint(failure: Failure): string | undefined;
}

/** In place of system calls: every one. */
export const anything: readonly string[] = [];

/**
 * A row of the table.
 *
 * @param operations The operations it is about; all where empty.
 * @param calls The system calls; all where empty.
 * @param errnos The error numbers; all where empty.
 * @param says The hint, or undefined where a look at the operation shows that the row does not fit.
 */
export function row<N extends Name>(
  name: string,
  operations: readonly N[],
  calls: readonly string[],
  errnos: readonly number[],
  says: string | ((failure: FailureOf<N>) => string | undefined),
): Row {
  const fits = (failure: Failure): failure is FailureOf<N> =>
    (operations.length === 0 || operations.some((op) => op === failure.operation.op)) &&
    (calls.length === 0 || calls.includes(failure.syscall)) &&
    (errnos.length === 0 || errnos.includes(failure.errno));
  return {
    name,
    hint: (failure) => (fits(failure) ? (typeof says === 'string' ? says : says(failure)) : undefined),
  };
}

/** Every operation that resolves a path in the root file system. */
export const inRoot = [
  'mount',
  'mountOld',
  'bind',
  'remount',
  'device',
  'symlink',
  'mask',
  'readonlyPath',
  'console',
] as const;
/** The same, and those of the working directory. */
export const resolves = [...inRoot, 'makeCwd', 'chdir'] as const;
/** Calls that look up or make a path. */
export const makesPaths = ['openat2', 'mkdirat', 'mknodat', 'symlinkat', 'fchmodat', 'fchownat'];
/** Calls that make or attach a mount. */
export const makesMounts = ['open_tree', 'move_mount', 'fsmount', 'mount', 'pivot_root'];
