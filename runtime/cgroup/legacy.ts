/**
 * Cgroups in the v1 hierarchies of a hybrid host: a controller that is bound there limits there. Processes are tracked
 * in the v2 hierarchy alone; what is here carries limits, and is removed with the container.
 */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { removeTree } from './cgroupfs.ts';
import { markParent, removeMarked } from './mark.ts';

const ENOENT = 2;
const EACCES = 13;
const EEXIST = 17;
const ENOSPC = 28;
const DIRECTORY_MODE = 0o755;
const PIDS_FILE = 16 * 1024 * 1024;
const NOT_OURS =
  'on this host cgroup v1 has that controller, whose hierarchy is root’s: run tsrun as root, boot with cgroup v2 alone (systemd.unified_cgroup_hierarchy=1), or remove the limit from linux.resources';

/** A cgroup of one v1 hierarchy. */
export interface LegacyCgroup {
  readonly controller: string;
  /** Mount point of the hierarchy. */
  readonly root: string;
  /** Below it, with a leading slash. */
  readonly path: string;
  /** Host directories above it that were made for it, the deepest first. */
  readonly parents: readonly string[];
}

/** Its host directory. */
export function legacyDirectory(cgroup: LegacyCgroup): string {
  return cgroup.root + cgroup.path;
}

/** A new cpuset has neither CPUs nor memory, and takes no process until it has: it gets its parent's. */
function inheritCpuset(directory: string): void {
  const parent = directory.slice(0, directory.lastIndexOf('/'));
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if (readText(`${directory}/${file}`).trim() !== '') continue;
    addon.writeFile(`${directory}/${file}`, readText(`${parent}/${file}`).trim(), O.WRONLY, 0);
  }
}

function isThere(directory: string): boolean {
  return typeof addon.stat(directory, false) !== 'number';
}

function exists(cgroup: LegacyCgroup): TsrunError {
  return new TsrunError(
    'cgroup',
    `linux.cgroupsPath: the cgroup ${quote(cgroup.path)} of the ${cgroup.controller} controller exists already and tsrun did not make it: name another, or remove that one (rmdir ${legacyDirectory(cgroup)})`,
  );
}

/**
 * What is to be written down before {@link makeLegacy}: whoever is killed in between leaves what can be removed, and nothing of
 * others' is taken for it.
 * @throws {TsrunError} `cgroup`: it exists.
 */
export function planLegacy(cgroup: LegacyCgroup): LegacyCgroup {
  if (isThere(legacyDirectory(cgroup))) throw exists(cgroup);
  const parents: string[] = [];
  for (let path = cgroup.path; ; ) {
    path = path.slice(0, path.lastIndexOf('/'));
    if (path === '' || isThere(cgroup.root + path)) return { ...cgroup, parents };
    parents.push(cgroup.root + path);
  }
}

/** The removal of another container may take an empty parent away while we are on the way down: so often we begin anew. */
const ATTEMPTS = 16;

/** Makes the cgroup, and tells what was made above it. @throws {TsrunError} `cgroup`: it exists, or cannot be made. */
export function makeLegacy(cgroup: LegacyCgroup, attempts = ATTEMPTS): LegacyCgroup {
  const parts = cgroup.path.split('/').slice(1);
  const parents: string[] = [];
  let current = cgroup.root;
  for (const [index, part] of parts.entries()) {
    current += `/${part}`;
    const made = addon.mkdir(current, DIRECTORY_MODE);
    if (made === -EEXIST && index === parts.length - 1) throw exists(cgroup);
    if (made < 0 && made !== -EEXIST) {
      for (const parent of parents) addon.rmdir(parent);
      if (made === -ENOENT && attempts > 1) return makeLegacy(cgroup, attempts - 1);
      const hint = made === -EACCES ? `: ${NOT_OURS}` : '';
      throw new TsrunError(
        'cgroup',
        `make the cgroup ${quote(cgroup.path)} of the ${cgroup.controller} controller: mkdir ${current}: ${errnoText(-made)}${hint}`,
      );
    }
    if (cgroup.controller === 'cpuset') inheritCpuset(current);
    if (made < 0 || index === parts.length - 1) continue;
    markParent(current);
    parents.unshift(current);
  }
  return { ...cgroup, parents };
}

/** Puts a process into the cgroup. */
export function enterLegacy(cgroup: LegacyCgroup, pid: number): void {
  const path = `${legacyDirectory(cgroup)}/cgroup.procs`;
  const written = addon.writeFile(path, String(pid), O.WRONLY, 0);
  if (written >= 0) return;
  const hint = written === -ENOSPC ? ': the cpuset has no CPUs or no memory nodes' : '';
  throw new TsrunError('cgroup', `put the process into the ${cgroup.controller} cgroup ${quote(cgroup.path)}${hint}`, {
    cause: new SysError(-written, 'write', path),
  });
}

/** The pids in the cgroup, as it tells them. */
export function processesIn(cgroup: LegacyCgroup): string[] {
  return readText(`${legacyDirectory(cgroup)}/cgroup.procs`, PIDS_FILE)
    .split('\n')
    .filter((pid) => pid !== '');
}

/** The host directory of the cgroup that a process is in, in the hierarchy of another; empty where it is not below its root. */
export function legacyDirectoryOf({ controller, root }: LegacyCgroup, pid: number): string {
  for (const line of readText(`/proc/${pid}/cgroup`).split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers.split(',').includes(controller)) return path.startsWith('/..') ? '' : root + path;
  }
  return '';
}

/**
 * Removes the cgroup, once its processes are gone, and its parents that are empty then and tsrun's own: made for it, or for
 * others that are gone, or below `base`.
 */
export function removeLegacy(cgroup: LegacyCgroup, base: string): void {
  const removed = removeTree(legacyDirectory(cgroup));
  if (removed < 0 && removed !== -ENOENT) throw new SysError(-removed, 'rmdir', legacyDirectory(cgroup));
  for (const parent of cgroup.parents) addon.rmdir(parent);
  const above: string[] = [];
  for (let path = cgroup.path; ; ) {
    path = path.slice(0, path.lastIndexOf('/'));
    if (path === '') break;
    above.unshift(cgroup.root + path);
  }
  removeMarked(above, cgroup.path.startsWith(`${base}/`));
}
