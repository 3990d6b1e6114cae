/** Limits as writes to files of a cgroup: done in order, and taken back together. */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { quote } from '../text.ts';
import type { Undo } from '../undo.ts';
import { refusalOf } from './resources/refusals.ts';
import { restoringValue } from './resources/restore.ts';

const ENOENT = 2;
const EACCES = 13;
const EBUSY = 16;
const EINVAL = 22;
const EROFS = 30;
const ERANGE = 34;

/** One write as the effect layer needs it. */
export interface FileWrite {
  /** Absolute path of the file. */
  readonly path: string;
  readonly value: string;
  /** The property that asks for it. */
  readonly from: string;
  readonly controller: string;
  /** A missing file is no error. */
  readonly optional?: boolean;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** The file's name in the cgroup. */
function nameOf({ path }: FileWrite): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Where a file is not there because its controller is not: without it, a cgroup of v2 has none of its files. */
function missingController({ path, controller }: FileWrite): string | undefined {
  const controllers = readValue(`${directoryOf(path)}/cgroup.controllers`);
  if (controllers === undefined || controller === 'cgroup' || controllers.trim().split(' ').includes(controller))
    return undefined;
  return `the ${controller} controller is not delegated to this cgroup: with systemd, Delegate=${controller} of the unit above it does that (of user@.service, for a user’s own service manager)`;
}

/** What a refusal means, and what to do. */
function hintFor(number: number, write: FileWrite): string | undefined {
  const known = (number === ENOENT ? missingController(write) : undefined) ?? refusalOf(nameOf(write), number);
  if (known !== undefined) return known;
  switch (number) {
    case ENOENT:
      return 'this kernel has no such file';
    case EACCES:
      return 'the cgroup is not delegated to the caller: with systemd, Delegate=yes of its unit does that';
    case EROFS:
      return 'the cgroup file system is mounted read-only';
    case EBUSY:
      return 'what is in use now does not fit the new limit';
    case EINVAL:
    case ERANGE:
      return 'the kernel does not take this value';
    default:
      return undefined;
  }
}

function failed(number: number, write: FileWrite): TsrunError {
  const hint = hintFor(number, write);
  const text = number === ENOENT ? 'the file does not exist' : errnoText(number);
  return new TsrunError(
    'cgroup',
    `${write.from}: write ${quote(write.value)} to ${write.path} (${write.controller}): ${text}${hint === undefined ? '' : `: ${hint}`}`,
  );
}

/** Writes one value; false where the file is missing and may be. @throws {TsrunError} `cgroup` */
export function writeLimit(write: FileWrite): boolean {
  const written = addon.writeFile(write.path, write.value, O.WRONLY, 0);
  if (written >= 0) return true;
  if (written === -ENOENT && write.optional) return false;
  throw failed(-written, write);
}

/** The text of a file of a cgroup, or undefined where there is no such file. */
export function readValue(path: string): string | undefined {
  return addon.access(path, 0) < 0 ? undefined : readText(path);
}

/** The write that takes `write` back, given the text of the file before it. */
function restoring(write: FileWrite, before: string): FileWrite {
  return { ...write, value: restoringValue({ file: nameOf(write), value: write.value }, before) };
}

/** Gives a file its earlier value back. */
function restore(write: FileWrite, before: string): void {
  const earlier = restoring(write, before);
  try {
    writeLimit(earlier);
  } catch (error) {
    // Linux 6.1 takes no empty cpuset where there are processes: what the parent has means the same.
    const name = nameOf(write);
    const inherited = readValue(`${directoryOf(directoryOf(write.path))}/${name}.effective`);
    if (!name.startsWith('cpuset.') || earlier.value.trim() !== '' || inherited === undefined) throw error;
    writeLimit({ ...earlier, value: inherited.trim() });
  }
}

/**
 * Makes writes, and by `undo` takes each of them back: what was written before a failing one gets its earlier value. Of
 * each group, the first write whose file exists is made.
 */
export function writeAll(groups: readonly (readonly FileWrite[])[], undo: Undo): void {
  for (const group of groups)
    for (const write of group) {
      const before = readValue(write.path);
      if (!writeLimit(write)) continue;
      if (before !== undefined) undo.push(() => restore(write, before));
      break;
    }
}
