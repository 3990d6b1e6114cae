/**
 * The directory that a bundle is made in: a hidden one beside the place where the finished bundle appears, all at once, by
 * rename(2). Whoever makes it holds a lock (flock) on it, which ends with the process however that ends; so a later run can tell what an
 * earlier one has left behind.
 */
import { addon } from '../runtime/addon.ts';
import { LOCK, O } from '../runtime/constants.ts';
import { errno } from '../runtime/errno.ts';
import { TsrunError } from '../runtime/errors.ts';
import { check, checkValue, SysError } from '../runtime/sys.ts';
import { show } from '../runtime/text.ts';
import { octetsOfText } from './names.ts';
import { archiveAddon } from './native.ts';
import { S_IFDIR, S_IFMT } from './unpack/tree.ts';

const PREFIX = '.tsrun-bundle-';

/** An open, locked directory. */
interface Locked {
  readonly fd: number;
  readonly path: string;
}

/** Opens and locks a directory of this user; undefined where that fails, or somebody else has it. */
function lock(path: string): Locked | undefined {
  const fd = addon.open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) return undefined;
  const found = addon.fstat(fd);
  const isOurs = typeof found !== 'number' && found.uid === addon.geteuid();
  if (isOurs && addon.flock(fd, LOCK.EX | LOCK.NB) === 0) {
    const named = addon.stat(path, false);
    // Between the two calls somebody else may have removed it, for it looked left behind.
    if (typeof named !== 'number' && named.ino === found.ino && named.dev === found.dev) return { fd, path };
  }
  addon.close(fd);
  return undefined;
}

/** Removes what runs that were killed have left in `parent`. What cannot be removed stays: it harms nobody. */
function removeLeftovers(parent: string): void {
  const names = addon.readdir(parent);
  if (typeof names === 'number') return;
  for (const name of names) {
    if (!name.startsWith(PREFIX)) continue;
    const left = lock(`${parent}/${name}`);
    if (!left) continue;
    remove(left.path);
    addon.close(left.fd);
  }
}

function remove(path: string): number {
  const slash = path.lastIndexOf('/');
  const parent = addon.open(path.slice(0, slash) || '/', O.PATH | O.DIRECTORY, 0);
  if (parent < 0) return parent;
  const removed = archiveAddon().removeTree(parent, octetsOfText(path.slice(slash + 1)));
  addon.close(parent);
  return removed;
}

/** Throws where `directory` is anything but absent, or empty. */
function checkFree(directory: string): void {
  const found = addon.stat(directory, false);
  if (found === -errno.ENOENT) return;
  const { mode } = checkValue(found, 'stat', show(directory));
  const names = (mode & S_IFMT) === S_IFDIR ? addon.readdir(directory) : -errno.ENOTDIR;
  if (typeof names === 'number' || names.length > 0)
    throw new TsrunError(
      'usage',
      `bundle: ${show(directory)} exists already: remove it first, or name another directory`,
    );
}

/** A bundle in the making. */
export class Workplace {
  /** Absolute path of the hidden directory. */
  readonly path: string;
  readonly #directory: string;
  readonly #locked: Locked;

  /**
   * @param directory absolute path of the bundle to be; it must not exist, or be empty
   * @throws {TsrunError} `usage`
   */
  constructor(directory: string) {
    this.#directory = directory;
    const parent = directory.slice(0, directory.lastIndexOf('/')) || '/';
    const kind = addon.stat(parent, true);
    if (kind === -errno.ENOENT)
      throw new TsrunError(
        'usage',
        `bundle: ${show(directory)}: the directory ${show(parent)} does not exist: make it first`,
      );
    checkFree(directory);
    removeLeftovers(parent);
    for (let attempt = 0; ; attempt++) {
      const path = `${parent === '/' ? '' : parent}/${PREFIX}${addon.getpid()}-${attempt}`;
      const made = addon.mkdir(path, 0o700);
      if (made === -errno.EEXIST) continue;
      if (made < 0)
        throw new TsrunError('system', `bundle: make a directory in ${show(parent)}`, {
          cause: new SysError(-made, 'mkdir'),
        });
      const locked = lock(path);
      if (!locked) continue;
      this.#locked = locked;
      this.path = path;
      return;
    }
  }

  /** The bundle is complete: it appears under its name. */
  publish(): void {
    const renamed = addon.rename(this.path, this.#directory);
    if (renamed === -errno.ENOTEMPTY || renamed === -errno.EEXIST || renamed === -errno.ENOTDIR)
      throw new TsrunError('usage', `bundle: ${show(this.#directory)} has come to be meanwhile`);
    check(renamed, 'rename', `${show(this.path)} to ${show(this.#directory)}`);
    addon.close(this.#locked.fd);
  }

  /** Nothing is left of it. */
  abandon(): void {
    check(remove(this.path), 'remove', show(this.path));
    addon.close(this.#locked.fd);
  }
}
