/** Puts processes into classes of service of Intel RDT: directories and files of the resctrl file system. */
import { addon } from './addon.ts';
import { O } from './constants.ts';
import { errnoText } from './errno.ts';
import { TsrunError } from './errors.ts';
import type { RdtPlan } from './plan/rdt.ts';
import { quote } from './text.ts';
import type { Undo } from './undo.ts';

const EEXIST = 17;
const EINVAL = 22;
const ENOSPC = 28;
const DIRECTORY_MODE = 0o755;
const SMALL_FILE = 64 * 1024;

/** What is kept of a container's class of service. */
export interface StoredRdt {
  /** The files that take the pids of its processes. */
  readonly tasks: readonly string[];
  /** Directories that were made for it and go with it, in that order. */
  readonly directories: readonly string[];
}

function failed(doing: string, number: number, hint = ''): TsrunError {
  return new TsrunError('host-unsupported', `linux.intelRdt: ${doing}: ${errnoText(number)}${hint}`);
}

/** Makes a directory; false where it is there. @throws {TsrunError} */
function make(directory: string): boolean {
  const made = addon.mkdir(directory, DIRECTORY_MODE);
  if (made === -EEXIST) return false;
  const full = made === -ENOSPC ? ': the CPU has no more classes of service, or monitors: see num_closids' : '';
  if (made < 0) throw failed(`make ${directory}`, -made, full);
  return true;
}

function write(path: string, text: string): void {
  const written = addon.writeFile(path, text, O.WRONLY, 0);
  const hint = written === -EINVAL ? `: ${quote(text.trim())} does not fit this CPU: see info/last_cmd_status` : '';
  if (written < 0) throw failed(`write ${path}`, -written, hint);
}

/** The lines of a file `schemata`: for each resource the values of its parts. The kernel aligns what it prints, and pads numbers with zeros. */
function schemataOf(text: string): Map<string, Map<string, string>> {
  const resources = new Map<string, Map<string, string>>();
  for (const line of text.split('\n')) {
    const [resource = '', values = ''] = line.replaceAll(/\s/g, '').split(':');
    const parts = new Map<string, string>();
    for (const part of values.split(';')) {
      const [id = '', value = ''] = part.split('=');
      parts.set(id, value.replace(/^0+(?=.)/, '').toLowerCase());
    }
    if (resource !== '') resources.set(resource, parts);
  }
  return resources;
}

/** Whether a group has what `line` says; a line need not name all parts of its resource. */
function hasLine(group: ReadonlyMap<string, ReadonlyMap<string, string>>, line: string): boolean {
  for (const [resource, wanted] of schemataOf(line))
    for (const [id, value] of wanted) if (group.get(resource)?.get(id) !== value) return false;
  return true;
}

function readSchemata(group: string): string {
  const bytes = addon.readFile(`${group}/schemata`, SMALL_FILE);
  if (typeof bytes === 'number') throw failed(`read ${group}/schemata`, -bytes);
  return new TextDecoder().decode(bytes);
}

/** A group of others may be used, but not as something that it is not. @throws {TsrunError} */
function compare({ group, expected }: RdtPlan): void {
  const found = schemataOf(readSchemata(group));
  for (const line of expected)
    if (!hasLine(found, line))
      throw new TsrunError(
        'config-invalid',
        `linux.intelRdt: the class of service ${quote(group)} is there already, and has not ${quote(line)}: give the same, or another closID`,
      );
}

/** Moves a process into the groups of a container. @throws {TsrunError} */
export function enterRdt({ tasks }: StoredRdt, pid: number): void {
  for (const file of tasks) write(file, String(pid));
}

/**
 * Makes the groups that a plan wants.
 *
 * @param note Is told of what is about to be made, before it is.
 * @throws {TsrunError}
 */
export function makeRdt(plan: RdtPlan, undo: Undo, note: (rdt: StoredRdt) => void): StoredRdt {
  const { group, missing, isOwn, schemata, monitor } = plan;
  const isThere = addon.access(group, 0) >= 0;
  if (!isThere && missing === 'refuse')
    throw new TsrunError('config-invalid', `linux.intelRdt.closID: there is no class of service ${quote(group)}`);
  const stored: StoredRdt = {
    tasks: monitor === undefined ? [`${group}/tasks`] : [`${group}/tasks`, `${monitor}/tasks`],
    directories: [...(monitor === undefined ? [] : [monitor]), ...(isOwn && !isThere ? [group] : [])],
  };
  note(stored);
  if (make(group)) undo.push(() => addon.rmdir(group));
  else compare(plan);
  for (const line of schemata) write(`${group}/schemata`, `${line}\n`);
  if (monitor !== undefined && make(monitor)) undo.push(() => addon.rmdir(monitor));
  return stored;
}

/** Removes what was made for a container; its processes have ended. */
export function removeRdt({ directories }: StoredRdt): void {
  for (const directory of directories) addon.rmdir(directory);
}

/** The directory of a container's class of service. */
function groupOf({ tasks }: StoredRdt): string {
  const [file = ''] = tasks;
  return file.slice(0, file.lastIndexOf('/'));
}

/**
 * Writes `lines` to the schemata of a container's class of service: all of them, or none.
 *
 * @returns What writes the old ones again.
 * @throws {TsrunError}
 */
export function changeSchemata(rdt: StoredRdt, lines: readonly string[]): () => void {
  const group = groupOf(rdt);
  const path = `${group}/schemata`;
  const resources = new Set(lines.map((line) => line.slice(0, line.indexOf(':') + 1).trim()));
  const before = readSchemata(group)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => resources.has(line.slice(0, line.indexOf(':') + 1)));
  const takeBack = (): void => {
    // What was there is valid; should it fail all the same, the first failure is the one to tell.
    for (const line of before) addon.writeFile(path, `${line}\n`, O.WRONLY, 0);
  };
  try {
    for (const line of lines) write(path, `${line}\n`);
  } catch (error) {
    takeBack();
    throw error;
  }
  return takeBack;
}
