/**
 * Cgroups in the v1 hierarchies of a hybrid host: a controller that is bound there limits there. Processes are tracked
 * in the v2 hierarchy alone; what is here carries limits, and is removed with the container.
 */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const ENOENT = 2;
const EEXIST = 17;
const ENOSPC = 28;
const DIRECTORY_MODE = 0o755;

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

/** Makes the cgroup, and tells what was made above it. @throws {TsrunError} `cgroup`: it exists, or cannot be made. */
export function makeLegacy(cgroup: LegacyCgroup): LegacyCgroup {
  const directory = legacyDirectory(cgroup);
  const parts = cgroup.path.split('/').slice(1);
  const parents: string[] = [];
  let current = cgroup.root;
  for (const [index, part] of parts.entries()) {
    current += `/${part}`;
    const made = addon.mkdir(current, DIRECTORY_MODE);
    if (made === -EEXIST && index === parts.length - 1)
      throw new TsrunError(
        'cgroup',
        `linux.cgroupsPath: the cgroup ${quote(cgroup.path)} of the ${cgroup.controller} controller exists already and tsrun did not make it: name another, or remove that one (rmdir ${directory})`,
      );
    if (made < 0 && made !== -EEXIST)
      throw new TsrunError('cgroup', `make the cgroup ${quote(cgroup.path)} of the ${cgroup.controller} controller`, {
        cause: new SysError(-made, 'mkdir', current),
      });
    if (cgroup.controller === 'cpuset') inheritCpuset(current);
    if (made >= 0 && index < parts.length - 1) parents.unshift(current);
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

/** Removes the cgroup, once its processes are gone, and its parents below `base` that are empty then. */
export function removeLegacy(cgroup: LegacyCgroup, base: string): void {
  const removed = addon.rmdir(legacyDirectory(cgroup));
  if (removed < 0 && removed !== -ENOENT) throw new SysError(-removed, 'rmdir', legacyDirectory(cgroup));
  for (const parent of cgroup.parents) addon.rmdir(parent);
  if (!cgroup.path.startsWith(`${base}/`)) return;
  for (let path = cgroup.path; path.length > 1; ) {
    path = path.slice(0, path.lastIndexOf('/'));
    if (path === '') return;
    const parent = addon.rmdir(cgroup.root + path);
    // An interrupted `create` may not have come to the deeper ones.
    if (parent < 0 && parent !== -ENOENT) return;
  }
}
