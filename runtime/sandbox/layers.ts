/**
 * How the host's root becomes writable without being written to: an overlay over each of the largest directories that have
 * no mounts below them. An overlay of `/` as a whole would show nothing of the other file systems, and the kernel refuses it to
 * callers without privileges, for the mounts below a directory may hide what they must not see. Pure.
 */
import type { MountInfo } from '../mountinfo.ts';
import { type RootEntry, replaced } from './facts.ts';

/** An entry of the host's tree, and what stands for it in a sandbox. */
export interface Layer {
  /** Absolute. */
  readonly path: string;
  /** `directory`: one of the sandbox's own, in which others of these are. */
  readonly kind: 'overlay' | 'directory' | 'bind' | 'link';
  /** Where a link leads. */
  readonly target?: string;
}

/** How the walk looks at the host. */
export interface Tree {
  list(directory: string): readonly RootEntry[];
  /** Whether the caller can see which names are in a directory. */
  canList(directory: string): boolean;
  /** Whether the caller can get at what it knows the name of. */
  canSearch(directory: string): boolean;
}

/** File systems with files that are only files: what is written elsewhere has a meaning of its own. */
const ordinary: ReadonlySet<string> = new Set([
  ...['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'bcachefs', 'zfs', 'jfs', 'reiserfs'],
  ...['tmpfs', 'ramfs', 'overlay', 'squashfs', 'erofs', 'iso9660', '9p', 'virtiofs'],
]);

/** Options of an overlay are a text in which these mean something. */
const inexpressible = /[:,\\"]/;

/** An option takes no longer value. fsconfig(2) */
const MAX_VALUE = 200;

function isBelow(path: string, directory: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`) && path !== directory;
}

/**
 * Takes the host's tree apart.
 *
 * @param apart Directories that no overlay may be above, and that the sandbox does not see: where it is kept.
 */
export function hostLayers(mounts: readonly MountInfo[], tree: Tree, apart: readonly string[] = []): Layer[] {
  const layers: Layer[] = [];
  const typeAt = (path: string): string | undefined => {
    let best: MountInfo | undefined;
    for (const mount of mounts) {
      const { destination } = mount;
      if (path !== destination && !isBelow(path, destination)) continue;
      if (!best || destination.length >= best.destination.length) best = mount;
    }
    return best?.type;
  };
  const mustSplit = (path: string): boolean =>
    mounts.some(({ destination }) => isBelow(destination, path)) || apart.some((other) => isBelow(other, path));
  const visit = (directory: string): void => {
    for (const { name, kind, target = '' } of tree.list(directory)) {
      const path = directory === '/' ? `/${name}` : `${directory}/${name}`;
      if ((directory === '/' && replaced.includes(name)) || apart.includes(path)) continue;
      if (kind === 'link') layers.push({ path, kind, target });
      else if (kind === 'file') layers.push({ path, kind: 'bind' });
      else if (!tree.canSearch(path)) layers.push({ path, kind: 'directory' });
      else if (!tree.canList(path)) layers.push({ path, kind: 'bind' });
      else if (mustSplit(path)) {
        layers.push({ path, kind: 'directory' });
        visit(path);
      } else {
        const fits = ordinary.has(typeAt(path) ?? '') && !inexpressible.test(path) && path.length < MAX_VALUE;
        layers.push({ path, kind: fits ? 'overlay' : 'bind' });
      }
    }
  };
  visit('/');
  return layers;
}
