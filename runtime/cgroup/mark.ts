/**
 * Marks on cgroups that tsrun made. That on a container's own, in the v2 hierarchy, tells others that what is made below it
 * would be killed and removed together with that container. That on the ones above it, in every hierarchy, tells whoever
 * goes last that nobody else made them.
 *
 * They keep tsrun's own commands from each other, and nobody else out: who owns a cgroup can change them, and so can the
 * container that was given its own. That one can let others be made below it, which end with it, or remove what is empty.
 */
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { quote } from '../text.ts';

// The kernel has user.* attributes for cgroups (since Linux 5.7), so that whoever a cgroup is delegated to can set them.
const NAME = 'user.tsrun';
const PARENT = 'user.tsrun.parent';
const ENOENT = 2;
/** A directory without any in it. */
const LINKS_OF_LEAF = 2;
/** How long another `create` gets to find our mark and to take back what it made below it. */
const PATIENCE_MS = 100;

/** Marks the cgroup of a container. Where that cannot be done it is not known as one: no reason not to make it. */
export function markCgroup(directory: string): void {
  addon.setxattr(directory, NAME, '1');
}

/**
 * Marks a cgroup that was just made.
 * @returns false where somebody has made another one below it before that, and stays; then it is not marked
 */
export function claimCgroup(directory: string): boolean {
  markCgroup(directory);
  // Whoever makes one below looks for the mark after that, and we look below after the mark: one of us sees the other.
  const end = addon.monotonicMs() + PATIENCE_MS;
  for (;;) {
    const stat = addon.stat(directory, false);
    if (typeof stat === 'number' || stat.links <= LINKS_OF_LEAF) return true;
    if (addon.monotonicMs() > end) break;
    addon.poll(new Int32Array(0), 1);
  }
  addon.removexattr(directory, NAME);
  return false;
}

/** @throws {TsrunError} `config-invalid`: one of the directories is the cgroup of a container. */
export function refuseBelowContainer(path: string, parents: readonly string[]): void {
  for (const parent of parents)
    if (addon.xattrSize(parent, NAME) >= 0)
      throw new TsrunError(
        'config-invalid',
        `linux.cgroupsPath: ${quote(path)} is below ${parent}, the cgroup of another container, and would end with that one: name a path that is not below it`,
      );
}

/** Marks a directory that was just made above a container's cgroup. Without the mark it is removed by its maker alone. */
export function markParent(directory: string): void {
  addon.setxattr(directory, PARENT, '1');
}

/**
 * Removes the cgroups above one, the deepest first, as far as they are empty and tsrun's own.
 *
 * @param parents Host directories, the highest first.
 * @param allOurs They are below the base, where tsrun alone makes cgroups.
 */
export function removeMarked(parents: readonly string[], allOurs: boolean): void {
  for (let index = parents.length - 1; index >= 0; index--) {
    const parent = parents[index] ?? '';
    const mark = allOurs ? 0 : addon.xattrSize(parent, PARENT);
    // An interrupted `create` may not have come to the deeper ones.
    if (mark === -ENOENT) continue;
    if (mark < 0) return;
    const removed = addon.rmdir(parent);
    if (removed < 0 && removed !== -ENOENT) return;
  }
}
