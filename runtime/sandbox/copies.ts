/** What `--copy-up` can copy: a directory that the sandbox sees. Looked at before anything is made. */
import { addon } from '../addon.ts';
import { UsageError } from '../cli/usage.ts';
import { O, RESOLVE, S } from '../constants.ts';
import { errno } from '../errno.ts';
import { check } from '../sys.ts';
import { replaced } from './facts.ts';
import type { FreshWish, SandboxRequest } from './request.ts';

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** The mode of what is at an absolute path in the root file system; a negative errno where there is nothing. */
function modeIn(root: number, path: string): number {
  const fd = addon.openat2(root, path, O.PATH, 0, RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS);
  if (fd < 0) return fd;
  const found = addon.fstat(fd);
  addon.close(fd);
  return typeof found === 'number' ? found : found.mode;
}

function checkCopy({ flag, target }: FreshWish, root: number, isHost: boolean): void {
  const own = isHost && replaced.find((name) => isBelow(target, `/${name}`));
  if (own)
    throw new UsageError(
      `${flag}: a sandbox has a /${own} of its own, in which there is nothing of the host's to copy: use --bind SRC:${target}, or --tmpfs`,
    );
  const mode = modeIn(root, target);
  if (mode === -errno.ENOENT)
    throw new UsageError(`${flag}: there is no such directory to copy: --tmpfs makes an empty one where that can be`);
  if (mode === -errno.ENOTDIR || (mode >= 0 && (mode & S.IFMT) !== S.IFDIR))
    throw new UsageError(
      `${flag}: not a directory: copy the one that it is in, or use --bind with a copy of the file as its source`,
    );
}

/**
 * Checks the directories to be copied. What lies below another flag's target is seen only in the sandbox.
 *
 * @throws {UsageError}
 */
export function checkCopies({ fresh, binds, rootfs }: SandboxRequest): void {
  const copies = fresh.filter(({ copy }) => copy);
  if (copies.length === 0) return;
  const path = rootfs?.path ?? '/';
  const root = check(addon.open(path, O.PATH | O.DIRECTORY, 0), 'open', path);
  try {
    for (const wish of copies) {
      const covers = [...binds, ...fresh].filter((other) => other !== wish).map(({ target }) => target);
      if (!covers.some((target) => isBelow(wish.target, target))) checkCopy(wish, root, rootfs === undefined);
    }
  } finally {
    addon.close(root);
  }
}
