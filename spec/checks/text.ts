import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';

/** PATH_MAX of the kernel without the terminating NUL, in bytes. */
const MAX_PATH = 4095;

/** Removes empty and `.` components and resolves `..` against `/`, by text alone. */
export function cleanPath(path: string): string {
  const components: string[] = [];
  for (const component of path.split('/')) {
    if (component === '..') components.pop();
    else if (component !== '' && component !== '.') components.push(component);
  }
  return `/${components.join('/')}`;
}

/** Whether a path is `/` by its text; only one that ends in a dot or a slash can be. */
export function isRoot(path: string): boolean {
  return (path.endsWith('/') || path.endsWith('.')) && cleanPath(path) === '/';
}

/** Whether a text has more bytes of UTF-8; a character has three at most, so that most need no counting. */
export function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes;
}

/** Whether a path fits in a system call; an error if it does not. */
export function checkPathLength(path: string, findings: Findings, at: Path): boolean {
  if (!isLonger(path, MAX_PATH)) return true;
  findings.error(at, `longer than the ${MAX_PATH} bytes that a path may have`);
  return false;
}

/** A path that must be absolute. */
export function checkAbsolute(path: string, findings: Findings, at: Path): boolean {
  if (path === '') findings.error(at, 'empty, expected an absolute path');
  else if (!path.startsWith('/')) findings.error(at, 'not an absolute path', 'begin it with /');
  else return checkPathLength(path, findings, at);
  return false;
}

/** The highest numbers that Linux can be built for. */
export const MAX_CPU = 8191;
export const MAX_NODE = 1023;

/** One part of a list: a number, a range, or `0-31:2/4`, of every four in a range the first two. */
const LIST_PART = /^([0-9]{1,6})(?:-([0-9]{1,6})(?::([0-9]{1,6})\/([0-9]{1,6}))?)?$/;

/** A list of CPUs or memory nodes: `0-3,7`, and `0-31:2/4` as cpuset(7) has it. */
export function checkNumberList(list: string, max: number, findings: Findings, at: Path): void {
  let highest = 0;
  for (const part of list.split(',')) {
    const match = LIST_PART.exec(part);
    const [, first, last = first, used = 1, group = 1] = match ?? [];
    if (match === null || Number(first) > Number(last) || Number(used) < 1 || Number(used) > Number(group)) {
      findings.error(at, 'not a list of numbers', 'write it as 0-3,7');
      return;
    }
    highest = Math.max(highest, Number(last));
  }
  if (highest > max) findings.error(at, `a number is greater than ${max}, the highest that Linux has`);
}
