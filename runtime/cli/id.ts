/** What may be the id of a container: it becomes the name of a directory, of a cgroup, and part of messages. */

import { quote } from '../text.ts';
import { UsageError } from './usage.ts';

const maxLength = 255;
const characters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_+.-';

/** Whether `id` can be the id of a container. */
export function isContainerId(id: string): boolean {
  if (id.length === 0 || id.length > maxLength || id[0] === '-' || id === '.' || id === '..') return false;
  // A loop, for the engine would take ten times as long to compile a regular expression that is used once.
  for (const character of id) if (!characters.includes(character)) return false;
  return true;
}

/** @throws {UsageError} `invalid-id`: names the id and the rule. */
export function checkContainerId(id: string): string {
  if (isContainerId(id)) return id;
  throw new UsageError(
    `not a container id: got ${quote(id)}; an id is 1 to ${maxLength} characters of A-Z a-z 0-9 _ + . -, does not begin with - and is not . or ..`,
    'invalid-id',
  );
}
