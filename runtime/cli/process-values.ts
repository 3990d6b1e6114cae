/** Values of the flags that say what a process is: its user, its variables, its capabilities, its cgroup. */

import { nearest as nearestName } from '../../spec/near-miss.ts';
import { CAPABILITIES, capabilityNumber } from '../../spec/tables.ts';
import { quote } from '../text.ts';
import { UsageError } from './usage.ts';

/** `--user`. */
export interface UserFlag {
  readonly uid: number;
  readonly gid: number;
}

/** `--cgroup`. */
export interface CgroupFlag {
  /** The v1 controllers that it is about; all hierarchies where empty. */
  readonly controllers: readonly string[];
  /** Below the container's cgroup. */
  readonly path: string;
}

/** The highest id: the one above it is no id, but "no change" to the kernel. */
const maxId = 0xffff_fffe;

/** A user or group by its number: plain decimal, and nothing that could be read as another. @throws {UsageError} */
export function id(text: string, what: string): number {
  const number = /^(?:0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : -1;
  if (number >= 0 && number <= maxId) return number;
  throw new UsageError(`${what}: not a decimal id from 0 to ${maxId}: got ${quote(text)}`);
}

/** `UID` or `UID:GID`; the group is 0 unless it is given. @throws {UsageError} */
export function user(text: string, what: string): UserFlag {
  const colon = text.indexOf(':');
  if (colon < 0) return { uid: id(text, what), gid: 0 };
  const group = text.slice(colon + 1);
  if (group === '') throw new UsageError(`${what}: no group after the colon: got ${quote(text)}`);
  return { uid: id(text.slice(0, colon), what), gid: id(group, what) };
}

/** `NAME=value`. @throws {UsageError} */
export function variable(text: string, what: string): string {
  if (text.indexOf('=') < 1) throw new UsageError(`${what}: not of the form NAME=value: got ${quote(text)}`);
  if (text.includes('\ufffd')) throw new UsageError(`${what}: not valid UTF-8: got ${quote(text)}`);
  return text;
}

/** The full name of a capability. @throws {UsageError} */
export function capability(text: string, what: string): string {
  if (capabilityNumber(text) !== undefined) return text;
  const near =
    CAPABILITIES.find((name) => name === text.toUpperCase() || name === `CAP_${text.toUpperCase()}`) ??
    nearestName(text, CAPABILITIES);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  throw new UsageError(`${what}: unknown capability: got ${quote(text)}${hint}`);
}

/** `[CONTROLLER,...:]PATH`. @throws {UsageError} */
export function cgroup(text: string, what: string): CgroupFlag {
  const colon = text.indexOf(':');
  const controllers = colon < 0 ? [] : text.slice(0, colon).split(',');
  const path = text.slice(colon + 1);
  if (controllers.includes('')) throw new UsageError(`${what}: no controller before the colon: got ${quote(text)}`);
  if (path === '') throw new UsageError(`${what}: no path: got ${quote(text)}`);
  if (path.split('/').includes('..'))
    throw new UsageError(`${what}: leads out of the container's cgroup: got ${quote(text)}`);
  return { controllers, path };
}
