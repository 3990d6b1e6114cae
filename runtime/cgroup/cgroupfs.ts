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
import { quote } from '../text.ts';

const ENOENT = 2;
const EEXIST = 17;
const EAGAIN = 11;
const EACCES = 13;
const EBUSY = 16;
const EROFS = 30;
const ENOTEMPTY = 39;
const DIRECTORY_MODE = 0o755;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
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

/** Is told of each directory above the container's cgroup that had to be made. */
type ParentMade = (directory: string) => void;

function makeParents(cgroup: StoredCgroup, parentMade: ParentMade): void {
  for (const parent of parentsOf(cgroup)) {
    const made = addon.mkdir(parent, DIRECTORY_MODE);
    if (made >= 0) parentMade(parent);
    else if (made !== -EEXIST && made !== -ENOENT) throw failed(cgroup, -made, parent);
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

/**
 * Makes the cgroup.
 * @throws {TsrunError} `cgroup`: it exists, or cannot be made.
 */
export function makeCgroup(cgroup: StoredCgroup, parentMade: ParentMade): void {
  const directory = cgroupDirectory(cgroup);
  // The removal of another container may take an empty parent away between the two calls: then once more.
  for (let attempt = 0; ; attempt++) {
    const made = addon.mkdir(directory, DIRECTORY_MODE);
    if (made >= 0) return;
    if (made === -EEXIST)
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: the cgroup ${quote(cgroup.path)} exists already and tsrun did not make it: name another, or remove that one (rmdir ${directory})`,
      );
    if (made !== -ENOENT || attempt === 16) throw failed(cgroup, -made, directory);
    makeParents(cgroup, parentMade);
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
  parentMade: ParentMade = () => undefined,
  enabledNow: (enabled: EnabledController) => void = () => undefined,
): void {
  if (controllers.length === 0) return;
  makeParents(cgroup, parentMade);
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

/** Attaches the device program. */
export function attachDeviceProgram(cgroupFd: number, instructions: Uint8Array): void {
  const program = check(addon.bpfLoadDevice(instructions), 'bpf', 'BPF_PROG_LOAD');
  check(addon.bpfAttachDevice(program, cgroupFd, BPF.ALLOW_MULTI, -1), 'bpf', 'BPF_PROG_ATTACH');
  addon.close(program);
}

/** Kills every process of the cgroup and of those below it. */
export function killCgroup(cgroup: StoredCgroup): void {
  const path = `${cgroupDirectory(cgroup)}/cgroup.kill`;
  const written = addon.writeFile(path, '1', O.WRONLY, 0);
  if (written < 0 && written !== -ENOENT) throw new SysError(-written, 'write', path);
}

/** The pids in the cgroup and in those below it. */
export function pidsOf(cgroup: StoredCgroup): number[] {
  const pids: number[] = [];
  const visit = (directory: string): void => {
    const bytes = addon.readFile(`${directory}/cgroup.procs`, 16 * 1024 * 1024);
    if (typeof bytes === 'number') return;
    for (const line of new TextDecoder().decode(bytes).split('\n')) if (line !== '') pids.push(Number(line));
    for (const child of childrenOf(directory)) visit(child);
  };
  visit(cgroupDirectory(cgroup));
  return pids;
}

function childrenOf(directory: string): string[] {
  const names = addon.readdir(directory);
  if (typeof names === 'number') return [];
  return names
    .map((name) => `${directory}/${name}`)
    .filter((path) => {
      const stat = addon.stat(path, false);
      return typeof stat !== 'number' && (stat.mode & S_IFMT) === S_IFDIR;
    });
}

function removeTree(directory: string): number {
  let removed = addon.rmdir(directory);
  if (removed !== -EBUSY && removed !== -ENOTEMPTY) return removed;
  for (const child of childrenOf(directory)) removeTree(child);
  removed = addon.rmdir(directory);
  return removed;
}

const REMOVE_TIMEOUT_MS = 10_000;

/** Removes the parents that are empty and tsrun's own: those that were made for this cgroup, and all below `base`. */
export function removeParents(cgroup: StoredCgroup, base: string): void {
  for (const parent of cgroup.parents) addon.rmdir(parent);
  if (!cgroup.path.startsWith(`${base}/`)) return;
  for (const parent of parentsOf(cgroup).reverse()) {
    const removed = addon.rmdir(parent);
    // An interrupted `create` may not have come to the deeper ones.
    if (removed < 0 && removed !== -ENOENT) break;
  }
}

/**
 * Removes the cgroup and those that the container made below it, waiting for killed processes to be gone; then its
 * parents, where that leaves them empty and they are tsrun's own.
 */
export function removeCgroup(cgroup: StoredCgroup, base: string): void {
  const directory = cgroupDirectory(cgroup);
  const deadline = addon.monotonicMs() + REMOVE_TIMEOUT_MS;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    const removed = removeTree(directory);
    if (removed >= 0 || removed === -ENOENT) break;
    if (removed !== -EBUSY || addon.monotonicMs() > deadline) throw new SysError(-removed, 'rmdir', directory);
    addon.poll(new Int32Array(0), pause);
  }
  removeParents(cgroup, base);
}
