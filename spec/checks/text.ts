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

/** A list of CPUs or memory nodes: `0-3,7`, and `0-31:2/4` as cpuset(7) has it. */
export function checkNumberList(list: string, findings: Findings, at: Path): void {
  const isList = list.split(',').every((part) => {
    const match = /^([0-9]{1,6})(?:-([0-9]{1,6})(?::[0-9]{1,6}\/[0-9]{1,6})?)?$/.exec(part);
    return match !== null && Number(match[1]) <= Number(match[2] ?? match[1]);
  });
  if (!isList) findings.error(at, 'not a list of numbers', 'write it as 0-3,7');
}
