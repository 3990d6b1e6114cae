/** Which part of the cgroup v2 tree a caller without root's rights may use. Documentation/admin-guide/cgroup-v2.rst, "Delegation". */
import type { Config } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import type { Delegation } from '../facts.ts';
import { type CallerWishes, readText } from '../host.ts';
import { normalize } from '../plan/path.ts';
import { userManager, withManager } from './systemd.ts';

const W_OK = 2;

/** The cgroup of this process, with a leading slash; empty where it is the root. */
function ownCgroup(): string {
  for (const line of readText('/proc/self/cgroup').split('\n'))
    if (line.startsWith('0::/')) return line === '0::/' ? '' : line.slice(3);
  return '';
}

function above(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

/** "a cgroup can be delegated … by granting write access of the directory and its cgroup.procs, cgroup.threads and cgroup.subtree_control". */
function isDelegated(root: string, path: string): boolean {
  const directory = root + path;
  return addon.access(directory, W_OK) === 0 && addon.access(`${directory}/cgroup.procs`, W_OK) === 0;
}

/**
 * The cgroup to make others in. Better the one above the caller's own than that itself, where the caller's processes are in the way
 * of controllers.
 */
function baseFor(root: string, own: string): string | undefined {
  if (addon.geteuid() === 0 && isDelegated(root, '')) return '';
  if (own !== '' && isDelegated(root, above(own))) return above(own);
  return isDelegated(root, own) ? own : undefined;
}

/** Whether the caller may bring a process from its own cgroup to the one at `path`: it must write to what both are below. */
export function mayMoveTo(root: string, path: string, own = ownCgroup()): boolean {
  let common = own;
  while (common !== '' && !`${path}/`.startsWith(`${common}/`)) common = above(common);
  return addon.access(`${root}${common}/cgroup.procs`, W_OK) === 0;
}

/** Whether the caller may make the cgroup at `path`, and bring a process from its own cgroup to it. */
function mayMake(root: string, path: string, own: string): boolean {
  let existing = path;
  while (existing !== '' && addon.access(root + existing, 0) < 0) existing = above(existing);
  return isDelegated(root, existing) && mayMoveTo(root, path, own);
}

/** What the caller may do in the hierarchy at `root` (empty: there is none). */
export function probeDelegation(config: Config, root: string, { cgroupDriver, environment }: CallerWishes): Delegation {
  if (root === '') return { base: undefined, givenPath: false, managerRoot: '' };
  if (cgroupDriver === 'systemd') {
    const managerRoot = withManager(userManager(environment), (manager) => manager.rootCgroup());
    return { base: undefined, givenPath: false, managerRoot };
  }
  const own = ownCgroup();
  const configured = config.linux?.cgroupsPath ?? '';
  return {
    base: baseFor(root, own),
    givenPath: configured.startsWith('/') && mayMake(root, normalize(configured), own),
    managerRoot: '',
  };
}
