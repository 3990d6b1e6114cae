/** The end of what scratch.ts makes: whoever removes the container may be another tsrun, long after a crash. */
import { archiveAddon } from '../../bundles/native.ts';
import { addon } from '../addon.ts';
import { nobody } from '../caller.ts';
import { CLONE, O, RESOLVE } from '../constants.ts';
import { errno } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { POINT } from '../generated/wire.ts';
import { readText } from '../host.ts';
import { wholeMaps } from '../launch/map-helper.ts';
import { writeMaps } from '../launch/points.ts';
import { parseMountInfo } from '../mountinfo.ts';
import type { Step } from '../plan/types.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { startTool } from '../tool.ts';

/** Whether a value is a path that scratch.ts can have noted, and no other. */
export function isScratchPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/.*\/tsrun-sandbox-[0-9a-f]{16}$/s.test(value);
}

/** Whether `name` in the open directory is one of `owner`'s directories, and so may be ours. */
function isOwnedBy(directory: number, name: string, owner: number): boolean {
  const fd = addon.openat2(
    directory,
    name,
    O.PATH | O.DIRECTORY | O.NOFOLLOW,
    0,
    RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS,
  );
  if (fd < 0) return false;
  const found = addon.fstat(fd);
  addon.close(fd);
  return typeof found !== 'number' && found.uid === owner;
}

/** What the sandbox's other users own is out of the caller's reach, but not of that of the root of all his ids. */
function removeAsMappedRoot(path: string): void {
  const maps = wholeMaps(nobody);
  if (!maps) return;
  const from = `remove ${path}`;
  const args = ['rm', '-rf', '--', path];
  const steps: Step[] = [
    { operation: { op: 'unshare', flags: CLONE.NEWUSER }, from },
    { operation: { op: 'sync', point: POINT.MAPS }, from },
    { operation: { op: 'becomeRoot' }, from },
    { operation: { op: 'args', args }, from },
    { operation: { op: 'env', env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] }, from },
    { operation: { op: 'findExecutable' }, from },
    { operation: { op: 'descriptors' }, from },
    { operation: { op: 'exec' }, from },
  ];
  const nothing = check(addon.open('/dev/null', O.RDWR, 0), 'open', '/dev/null');
  try {
    const pid = startTool({
      steps,
      inherited: [],
      stdio: [nothing, nothing, nothing],
      caller: nobody,
      args,
      writeMaps: (first) => writeMaps(first, maps, nobody),
    });
    addon.wait(pid, true);
  } finally {
    addon.close(nothing);
  }
}

/**
 * Detaches what a sandbox with the host's mounts mounted in its root, the latest first. Its processes have ended, so that nobody moves
 * anything there; a sandbox with mounts of its own took them along.
 */
function detachMounts(path: string): void {
  const mounts = parseMountInfo(readText('/proc/self/mountinfo'));
  for (const { destination } of mounts.reverse()) if (destination.startsWith(`${path}/`)) addon.detach(destination);
}

/**
 * Removes the directory with all that is in it. One of that name that is not `owner`'s is somebody else's, and stays.
 *
 * @throws {TsrunError} `system`: something of it is left.
 */
export function removeScratch(path: string, owner: number): void {
  const slash = path.lastIndexOf('/');
  const parent = addon.open(path.slice(0, slash) || '/', O.PATH | O.DIRECTORY, 0);
  if (parent < 0) return; // with all that was in it
  const name = path.slice(slash + 1);
  try {
    if (!isOwnedBy(parent, name, owner)) return;
    detachMounts(path);
    let removed = archiveAddon().removeTree(parent, name);
    if ((removed === -errno.EACCES || removed === -errno.EPERM) && addon.geteuid() !== 0) {
      removeAsMappedRoot(path);
      removed = archiveAddon().removeTree(parent, name);
    }
    if (removed === 0 || removed === -errno.ENOENT) return;
    const why =
      removed === -errno.EXDEV ? ': something is mounted below it: unmount that, and delete the container' : '';
    throw new TsrunError('system', `remove ${quote(path)}, where the root file system was unpacked${why}`, {
      cause: new SysError(-removed, 'unlinkat'),
    });
  } finally {
    addon.close(parent);
  }
}
