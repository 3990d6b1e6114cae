/** What `state`, `list` and `mounts list` print. All are read by programs: nothing here depends on a terminal. */

import type { State } from '../spec/state.ts';
import type { MountInfo } from './mountinfo.ts';
import { escapeControls } from './text.ts';

/** The state of a container as `state` and `list` report it: the specification's, and what callers read beside it. */
export interface StateReport extends State {
  /** 0 when the process has ended. */
  readonly pid: number;
  /** Absolute path of the root file system. */
  readonly rootfs: string;
  /** When the container was created: RFC 3339. */
  readonly created: string;
  /** Name of the user who owns the container, or the number where it has none. */
  readonly owner: string;
}

// Stated here once, so that a stored state's order of keys, or a key it should not show, never gets out.
function ordered(report: StateReport): StateReport {
  const { ociVersion, id, pid, status, bundle, rootfs, created, annotations, owner } = report;
  return { ociVersion, id, pid, status, bundle, rootfs, created, ...(annotations && { annotations }), owner };
}

/** The JSON of `state`, indented. */
export function renderState(report: StateReport): string {
  return `${JSON.stringify(ordered(report), null, 2)}\n`;
}

const headings = ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'];
const mountHeadings = ['DESTINATION', 'TYPE', 'SOURCE', 'OPTIONS'];
const smallestColumn = 12;
const gap = 3;

function characters(text: string): number {
  let number = 0;
  for (const _ of text) number++;
  return number;
}

/** Lines with aligned columns; the last column is not padded. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(smallestColumn, ...rows.map((row) => characters(row[column] ?? '') + gap)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - characters(cell)),
      )
      .join('');
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** What `list` prints: ids alone, a table with a heading, or one line of JSON (an array, also when it is empty). */
export function renderList(reports: readonly StateReport[], format: 'table' | 'json' | 'quiet'): string {
  if (format === 'quiet') return reports.map((report) => `${report.id}\n`).join('');
  if (format === 'json') return `${JSON.stringify(reports.map(ordered))}\n`;
  return table([
    headings,
    ...reports.map(({ id, pid, status, bundle, created, owner }) =>
      [id, String(pid), status, bundle, created, owner].map(escapeControls),
    ),
  ]);
}

/** What `mounts list` prints: a table with a heading, or one line of JSON. A part of a file system is shown behind its source. */
export function renderMounts(mounts: readonly MountInfo[], format: 'table' | 'json'): string {
  if (format === 'json') return `${JSON.stringify(mounts)}\n`;
  return table([
    mountHeadings,
    ...mounts.map(({ destination, type, source, root, options }) =>
      [destination, type, root === '/' ? source : `${source}[${root}]`, options.join(',')].map(escapeControls),
    ),
  ]);
}
