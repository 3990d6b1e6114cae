/**
 * A container's cgroup in the v2 hierarchy, by the file system alone. A cgroup that is there already is never taken
 * over: what is killed and removed later must be what was made here.
 */
import { addon } from '../addon.ts';
import { BPF, O } from '../constants.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import type { StoredCgroup } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { decodeText, quote } from '../text.ts';
import { visitBelow } from '../tree.ts';
import { claimCgroup, markParent, refuseBelowContainer, removeMarked } from './mark.ts';

const ENOENT = 2;
const EEXIST = 17;
const EAGAIN = 11;
const EACCES = 13;
const EBUSY = 16;
const ENODEV = 19;
const EINVAL = 22;
const EROFS = 30;
const ENOTEMPTY = 39;
const DIRECTORY_MODE = 0o755;
const NOT_DELEGATED = 'the cgroup is not delegated to the caller: with systemd, Delegate=yes of its unit does that';

/** The host directory of a cgroup. */
export function cgroupDirectory(cgroup: StoredCgroup): string {
  return cgroup.root + cgroup.path;
}

function parentsOf(cgroup: StoredCgroup): string[] {
  const parents: string[] = [];
  let directory = cgroup.root;
  for (const part of cgroup.path.split('/').slice(1, -1)) {
    directory += `/${part}`;
    parents.push(directory);
  }
  return parents;
}

/** Is told of each directory above the container's cgroup that has to be made, before it is; and that it is not ours, if somebody else was faster. */
type NoteParent = (directory: string, isOurs: boolean) => void;

function makeParents(cgroup: StoredCgroup, noteParent: NoteParent): void {
  for (const parent of parentsOf(cgroup)) {
    if (typeof addon.stat(parent, false) !== 'number') continue;
    noteParent(parent, true);
    const made = addon.mkdir(parent, DIRECTORY_MODE);
    if (made >= 0) {
      markParent(parent);
      continue;
    }
    noteParent(parent, false);
    if (made !== -EEXIST && made !== -ENOENT) throw failed(cgroup, -made, parent);
  }
}

/** What a refused mkdir means, and what to do. */
function hintForMkdir(number: number): string {
  switch (number) {
    case EACCES:
      return `: ${NOT_DELEGATED}`;
    case EAGAIN:
      return ': a limit of cgroups is reached: look at cgroup.max.descendants and cgroup.max.depth of those above it';
    case ENOENT:
      return ': something removes its parents';
    case EINVAL:
      return ': the name of a cgroup cannot hold a line feed';
    case EROFS:
      return ': the cgroup file system is mounted read-only: remount it, or use --cgroup-manager disabled';
    default:
      return '';
  }
}

function failed(cgroup: StoredCgroup, number: number, directory: string): TsrunError {
  return new TsrunError(
    'cgroup',
    `make the cgroup ${quote(cgroup.path)}: mkdir ${directory}: ${errnoText(number)}${hintForMkdir(number)}`,
  );
}

/** @throws {TsrunError} `config-invalid`: the cgroup is below that of another container. */
export function refuseNested(cgroup: StoredCgroup): void {
  refuseBelowContainer(cgroup.path, parentsOf(cgroup));
}

/** Claims the cgroup, which was just made. @throws {TsrunError} It is removed again then. */
function claim(cgroup: StoredCgroup): void {
  const directory = cgroupDirectory(cgroup);
  try {
    if (!claimCgroup(directory))
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: the cgroup ${quote(cgroup.path)} holds one that was made meanwhile: name another`,
      );
    refuseNested(cgroup);
  } catch (error) {
    // Where the other one is still there, this goes with it.
    markParent(directory);
    addon.rmdir(directory);
    throw error;
  }
}

/**
 * Makes the cgroup.
 * @throws {TsrunError} `cgroup`: it exists, or cannot be made; `config-invalid`: see {@link refuseNested}.
 */
export function makeCgroup(cgroup: StoredCgroup, noteParent: NoteParent): void {
  const directory = cgroupDirectory(cgroup);
  // The removal of another container may take an empty parent away between the two calls: then once more.
  for (let attempt = 0; ; attempt++) {
    const made = addon.mkdir(directory, DIRECTORY_MODE);
    if (made >= 0) {
      claim(cgroup);
      return;
    }
    if (made === -EEXIST)
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: the cgroup ${quote(cgroup.path)} exists already and tsrun did not make it: name another, or remove that one (rmdir ${directory})`,
      );
    if (made !== -ENOENT || attempt === 16) throw failed(cgroup, -made, directory);
    makeParents(cgroup, noteParent);
  }
}

/** What a refused controller means, and what to do. */
function hintForController(number: number, directory: string): string {
  switch (number) {
    case EBUSY:
      return `${directory} has processes of its own, and cgroup v2 wants them in leaves: name another parent in linux.cgroupsPath`;
    case ENOENT:
      return 'it is not available there: its parent does not delegate it (with systemd: Delegate=yes of the unit)';
    case EACCES:
      return NOT_DELEGATED;
    case EROFS:
      return 'the cgroup file system is mounted read-only: remount it';
    default:
      return errnoText(number);
  }
}

/** A controller that was enabled for the children of a cgroup. */
export interface EnabledController {
  /** The file that says so: cgroup.subtree_control. */
  readonly path: string;
  readonly controller: string;
}

function cannotEnable(controller: string, path: string, reason: string): TsrunError {
  return new TsrunError('cgroup', `linux.resources: enable the ${controller} controller in ${path}: ${reason}`);
}

/**
 * Enables controllers for the children of every cgroup on the way, from the root of the hierarchy down.
 *
 * @param enabledNow Told of each that was not enabled before, so that it can be taken back.
 * @throws {TsrunError} `cgroup`, naming the controller and the place
 */
export function enableControllers(
  cgroup: StoredCgroup,
  controllers: readonly string[],
  enabledNow: (enabled: EnabledController) => void = () => undefined,
): void {
  if (controllers.length === 0) return;
  for (const directory of [cgroup.root, ...parentsOf(cgroup)]) {
    const path = `${directory}/cgroup.subtree_control`;
    const enabled = new Set(readText(path).trim().split(' '));
    for (const controller of controllers) {
      if (enabled.has(controller)) continue;
      // Some controllers the kernel enables above processes all the same, and makes the cgroup a threaded one by that.
      if (directory !== cgroup.root && readText(`${directory}/cgroup.procs`) !== '')
        throw cannotEnable(controller, path, hintForController(EBUSY, directory));
      const written = addon.writeFile(path, `+${controller}`, O.WRONLY, 0);
      if (written < 0) throw cannotEnable(controller, path, hintForController(-written, directory));
      enabledNow({ path, controller });
    }
  }
}

/** Takes back what {@link enableControllers} enabled; where somebody uses it by now, it stays. */
export function disableControllers(enabled: readonly EnabledController[]): void {
  for (const { path, controller } of [...enabled].reverse()) addon.writeFile(path, `-${controller}`, O.WRONLY, 0);
}

/** Opens the cgroup, for a process to be born in. */
export function openCgroup(cgroup: StoredCgroup): number {
  const directory = cgroupDirectory(cgroup);
  return check(addon.open(directory, O.RDONLY | O.DIRECTORY, 0), 'open', directory);
}

/** What the kernel lets a cgroup's owner write, where the kernel itself does not say (/sys/kernel/cgroup/delegate). */
const DELEGATED = ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads'];

/** Gives the cgroup to a user, who may make others below it: cgroups(7) "Cgroups delegation". Its limits stay the caller's. */
export function giveCgroup(cgroup: StoredCgroup, uid: number): void {
  const directory = cgroupDirectory(cgroup);
  const listed = addon.readFile('/sys/kernel/cgroup/delegate', 65536);
  const files = typeof listed === 'number' ? DELEGATED : decodeText(listed).trim().split('\n');
  check(addon.chown(directory, uid, -1), 'chown', directory);
  for (const file of files) {
    const path = `${directory}/${file}`;
    const given = addon.chown(path, uid, -1);
    // Not every file is there, as memory.* where the controller is not enabled.
    if (given !== -ENOENT) check(given, 'chown', path);
  }
}

/** Attaches the device program. */
export function attachDeviceProgram(cgroupFd: number, instructions: Uint8Array): void {
  const program = check(addon.bpfLoadDevice(instructions), 'bpf', 'BPF_PROG_LOAD');
  check(addon.bpfAttachDevice(program, cgroupFd, BPF.ALLOW_MULTI, -1), 'bpf', 'BPF_PROG_ATTACH');
  addon.close(program);
}

/** The number by which the cgroup that is there now is known: no later one of the same path has it. */
export function cgroupNumber(cgroup: StoredCgroup): number | undefined {
  const stat = addon.stat(cgroupDirectory(cgroup), false);
  return typeof stat === 'number' ? undefined : stat.ino;
}

/** Whether what is there now is the container's cgroup: it may be gone, and somebody may have made another in its place. */
export function isStill(cgroup: StoredCgroup, number: number | undefined): boolean {
  return number !== undefined && (cgroup.number === undefined || cgroup.number === number);
}

/** What the kernel answers of a cgroup that is gone, or goes at this moment: to open(2), and to write(2) of what is open. */
const isGone = (result: number): boolean => result === -ENOENT || result === -ENODEV;

/** Kills every process of the cgroup and of those below it. */
export function killCgroup(cgroup: StoredCgroup): void {
  const path = `${cgroupDirectory(cgroup)}/cgroup.kill`;
  const file = addon.open(path, O.WRONLY, 0);
  if (isGone(file)) return;
  check(file, 'open', path);
  // Looked at after the file was opened: where the cgroup is the container's even now, the file is, too.
  const written = isStill(cgroup, cgroupNumber(cgroup)) ? addon.write(file, '1') : 0;
  addon.close(file);
  if (!isGone(written)) check(written, 'write', path);
}

/** The pids in the cgroup and in those below it. */
export function pidsOf(cgroup: StoredCgroup): number[] {
  if (!isStill(cgroup, cgroupNumber(cgroup))) return [];
  const pids: number[] = [];
  const visit = (directory: string): void => {
    const bytes = addon.readFile(`${directory}/cgroup.procs`, 16 * 1024 * 1024);
    if (typeof bytes === 'number') return;
    for (const line of decodeText(bytes).split('\n')) if (line !== '') pids.push(Number(line));
  };
  visit(cgroupDirectory(cgroup));
  visitBelow(cgroupDirectory(cgroup), true, visit);
  return pids;
}

/** Removes a cgroup, and those that the container made below it. */
export function removeTree(directory: string): number {
  const removed = addon.rmdir(directory);
  if (removed !== -EBUSY && removed !== -ENOTEMPTY) return removed;
  visitBelow(directory, true, addon.rmdir);
  return addon.rmdir(directory);
}

const REMOVE_TIMEOUT_MS = 10_000;

/**
 * Removes the parents that are empty and tsrun's own: those that were made for this cgroup, those that were made for others
 * that are gone, and all below `base`.
 */
export function removeParents(cgroup: StoredCgroup, base: string): void {
  for (const parent of cgroup.parents) addon.rmdir(parent);
  removeMarked(parentsOf(cgroup), cgroup.path.startsWith(`${base}/`));
}

/**
 * Removes the cgroup and those that the container made below it, waiting for killed processes to be gone; then its
 * parents, where that leaves them empty and they are tsrun's own.
 */
export function removeCgroup(cgroup: StoredCgroup, base: string): void {
  const directory = cgroupDirectory(cgroup);
  const deadline = addon.monotonicMs() + REMOVE_TIMEOUT_MS;
  for (let pause = 1; isStill(cgroup, cgroupNumber(cgroup)); pause = Math.min(pause * 2, 50)) {
    const removed = removeTree(directory);
    if (removed >= 0 || removed === -ENOENT) break;
    if (removed !== -EBUSY || addon.monotonicMs() > deadline) throw new SysError(-removed, 'rmdir', directory);
    addon.poll(new Int32Array(0), pause);
  }
  removeParents(cgroup, base);
}
