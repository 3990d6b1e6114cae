/**
 * What a failed operation of init most likely means, and what to do: the errno alone is often misleading. A table: the
 * first row that fits is taken, and each has a test.
 */
import { mountRows } from './failure-hints/mounts.ts';
import { namespaceRows } from './failure-hints/namespaces.ts';
import { processRows } from './failure-hints/process.ts';
import { rootfsRows } from './failure-hints/rootfs.ts';
import type { Failure, Row } from './failure-hints/row.ts';

export { namespaceHint } from './failure-hints/namespaces.ts';
export type { Failure } from './failure-hints/row.ts';

/** Built when something failed: a command that succeeds does not pay for it. */
const build = (): readonly Row[] => [...namespaceRows(), ...mountRows(), ...rootfsRows(), ...processRows()];

let table: readonly Row[] | undefined;

function rows(): readonly Row[] {
  table ??= build();
  return table;
}

/** The names of all rows, for the test that wants an example of each. */
export function hintNames(): string[] {
  return rows().map(({ name }) => name);
}

/** The name of the row that words `failure`, and its words; undefined where the errno says enough. */
export function findHint(failure: Failure): { name: string; hint: string } | undefined {
  for (const { name, hint } of rows()) {
    const words = hint(failure);
    if (words !== undefined) return { name, hint: words };
  }
  return undefined;
}

/** What `failure` most likely means and what to do; undefined where nothing better is known than the errno. */
export function hintFor(failure: Failure): string | undefined {
  return findHint(failure)?.hint;
}
