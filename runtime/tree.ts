/**
 * Trees of directories that a container made, of any depth: their paths may be longer than the kernel takes (PATH_MAX), so
 * a tree is walked by descriptors, one at a time.
 */
import { addon } from './addon.ts';
import { O, S } from './constants.ts';

/** A directory has two names, and one more for each directory in it, on file systems that count them. */
const LINKS_OF_LEAF = 2;

const through = (fd: number): string => `/proc/self/fd/${fd}`;

function openDirectory(path: string): number {
  return addon.open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
}

/** The names of the directories in a directory. */
function directoriesIn(path: string, countsLinks: boolean): string[] {
  const directories: string[] = [];
  if (countsLinks) {
    const stat = addon.stat(path, true);
    if (typeof stat === 'number' || stat.links <= LINKS_OF_LEAF) return directories;
  }
  const names = addon.readdir(path);
  for (const name of typeof names === 'number' ? [] : names) {
    const stat = addon.stat(`${path}/${name}`, false);
    if (typeof stat !== 'number' && (stat.mode & S.IFMT) === S.IFDIR) directories.push(name);
  }
  return directories;
}

/**
 * Visits every directory below one, those in another before it. What goes away meanwhile is left out.
 *
 * @param countsLinks whether the file system counts the links of directories: cgroupfs does, and most directories there
 *   have many files and no directories
 * @param visit is told a path that is good until it returns
 */
export function visitBelow(directory: string, countsLinks: boolean, visit: (path: string) => void): void {
  let fd = openDirectory(directory);
  if (fd < 0) return;
  // Of each directory on the way down: which of those in it are still to be visited, the last of them first.
  const waiting = [directoriesIn(through(fd), countsLinks)];
  for (let depth = 0; ; ) {
    const name = waiting[depth]?.at(-1);
    if (name !== undefined) {
      const child = openDirectory(`${through(fd)}/${name}`);
      if (child < 0) {
        waiting[depth]?.pop();
        continue;
      }
      addon.close(fd);
      fd = child;
      waiting[++depth] = directoriesIn(through(fd), countsLinks);
      continue;
    }
    if (depth-- === 0) break;
    waiting.pop();
    const parent = openDirectory(`${through(fd)}/..`);
    addon.close(fd);
    if (parent < 0) return;
    fd = parent;
    visit(`${through(fd)}/${waiting[depth]?.pop()}`);
  }
  addon.close(fd);
}
