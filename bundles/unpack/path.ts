/** Names of entries as paths below a root. Pure. */
import { ArchiveError } from '../error.ts';
import { MAX_PATH } from '../limits.ts';

/** Bytes of one component, as the kernel takes them. */
const MAX_NAME = 255;

/**
 * The components of an entry's name (octets), none of which is empty, `.` or `..`. A leading `/` is the root that is unpacked to; the
 * root itself has no components.
 *
 * @throws {ArchiveError} The name leads upwards, or no file system has such names.
 */
export function componentsOf(name: string, what = 'its name'): string[] {
  if (name.length > MAX_PATH) throw new ArchiveError(`${what} is longer than ${MAX_PATH} bytes`);
  if (name === '') throw new ArchiveError(`${what} is empty`);
  const components: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') throw new ArchiveError(`${what} leads upwards by ..`);
    if (part.length > MAX_NAME) throw new ArchiveError(`a part of ${what} is longer than ${MAX_NAME} bytes`);
    components.push(part);
  }
  return components;
}

/** The components that a link at `directory` leads to, as far as can be told without looking at other links. */
export function resolveLink(directory: readonly string[], target: string): string[] {
  const components = target.startsWith('/') ? [] : [...directory];
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') components.pop();
    else components.push(part);
  }
  return components;
}
