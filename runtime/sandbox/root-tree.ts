/**
 * Fills the directory that a sandbox's mounts are made in. It may be one that was kept, in which an earlier sandbox wrote what
 * it wanted: everything is made relative to descriptors, and no link in it is followed.
 */
import { addon } from '../addon.ts';
import { O, RESOLVE, S } from '../constants.ts';
import { errno } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { check } from '../sys.ts';
import { show } from '../text.ts';
import { MAX_EDITED } from './edited.ts';
import type { RootTree } from './mounts.ts';

const PERMISSIONS = 0o7777;

/** What the kernel gives the file of a descriptor, whatever its name has come to be. */
const through = (fd: number): string => `/proc/self/fd/${fd}`;

class Directory {
  readonly #fd: number;
  /** Absolute. */
  readonly #path: string;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /** Does something to the directory `path`, absolute in this one. @throws {TsrunError} `usage`: there is something else. */
  at<T>(path: string, act: (through: string) => T): T {
    const relative = path === '' ? '.' : path.slice(1);
    const fd = addon.openat2(
      this.#fd,
      relative,
      O.PATH | O.DIRECTORY,
      0,
      RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS,
    );
    if (fd === -errno.ELOOP || fd === -errno.ENOTDIR) {
      const found = fd === -errno.ELOOP ? 'a link' : 'a file';
      throw new TsrunError(
        'usage',
        `--upper: ${show(this.#path + path)} is ${found}, and the sandbox needs a directory there: remove it`,
      );
    }
    check(fd, 'openat2', this.#path + path);
    try {
      return act(through(fd));
    } finally {
      addon.close(fd);
    }
  }

  /** Makes what `act` makes under a name that may be taken already; whether it was not. */
  #make(path: string, call: string, act: (name: string) => number): boolean {
    const slash = path.lastIndexOf('/');
    const made = this.at(path.slice(0, slash), (parent) => act(`${parent}${path.slice(slash)}`));
    if (made === -errno.EEXIST) return false;
    check(made, call, this.#path + path);
    return true;
  }

  /** Whether the directory is new. */
  makeDirectory(path: string, mode: number): boolean {
    const isNew = this.#make(path, 'mkdir', (name) => addon.mkdir(name, mode));
    if (!isNew) this.at(path, () => {});
    return isNew;
  }

  /** The type of what is there; undefined where nothing is. */
  typeOf(path: string): number | undefined {
    const fd = addon.openat2(
      this.#fd,
      path.slice(1),
      O.PATH | O.NOFOLLOW,
      0,
      RESOLVE.BENEATH | RESOLVE.NO_SYMLINKS | RESOLVE.NO_MAGICLINKS,
    );
    if (fd === -errno.ELOOP) return S.IFLNK;
    if (fd < 0) return undefined;
    const found = addon.fstat(fd);
    addon.close(fd);
    return typeof found === 'number' ? undefined : found.mode & S.IFMT;
  }

  /** Makes a file, unless the name is taken. */
  makeFile(path: string, content: Uint8Array, mode: number): void {
    const isNew = this.#make(path, 'open', (name) =>
      addon.writeFile(name, content, O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW, 0o600),
    );
    if (!isNew) return;
    const slash = path.lastIndexOf('/');
    this.at(path.slice(0, slash), (parent) => check(addon.chmod(`${parent}${path.slice(slash)}`, mode), 'chmod', path));
  }

  makeLink(path: string, target: string): void {
    this.#make(path, 'symlink', (name) => addon.symlink(target, name));
  }
}

/** A directory that stands for one of the host's, and is like it: an overlay shows the mode and the owner that it has here. */
function makeLike(root: Directory, path: string): void {
  if (!root.makeDirectory(path, 0o700)) return; // kept from before
  const like = addon.stat(path, true);
  if (typeof like === 'number') return; // gone meanwhile
  const { mode, uid, gid } = like;
  root.at(path, (at) => {
    if (addon.geteuid() === 0) check(addon.chown(at, uid, gid), 'chown', path);
    check(addon.chmod(at, (mode & PERMISSIONS) | 0o700), 'chmod', path);
  });
}

/** Makes the directories on the way to `path`, and itself. */
function makeAll(root: Directory, path: string): void {
  for (let slash = path.indexOf('/', 1); slash >= 0; slash = path.indexOf('/', slash + 1))
    root.makeDirectory(path.slice(0, slash), 0o755);
  root.makeDirectory(path, 0o755);
}

/** Whether an overlay shows nothing of the host's directory there: it was removed, and made anew. */
function isOpaque(root: Directory, path: string): boolean {
  return root.at(path, (at) => addon.xattrSize(at, 'user.overlay.opaque')) > 0;
}

/**
 * Copies a file of the host, as the caller's own. What an earlier sandbox put there stays as it is, and so does what it removed, the
 * directories on the way among it.
 */
function makeCopy(root: Directory, path: string): void {
  for (let slash = path.indexOf('/', 1); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const above = path.slice(0, slash);
    const type = root.typeOf(above);
    if (type === undefined) makeLike(root, above);
    else if (type !== S.IFDIR || isOpaque(root, above)) return;
  }
  if (root.typeOf(path) !== undefined) return;
  const content = addon.readFile(path, MAX_EDITED);
  const found = addon.stat(path, false);
  // Gone meanwhile, or grown.
  if (typeof content !== 'number' && typeof found !== 'number') root.makeFile(path, content, found.mode & 0o777);
}

/**
 * Makes what mounts need.
 *
 * @param fd `tree.path`, open; the caller's to close.
 * @throws {TsrunError} `usage`: something else is in the way.
 */
export function makeTree(fd: number, tree: RootTree): void {
  const root = new Directory(fd, tree.path);
  for (const { path, kind, target = '' } of tree.entries) {
    if (kind === 'overlay' || kind === 'directory') makeLike(root, path);
    if (kind === 'link') root.makeLink(path, target);
  }
  for (const path of tree.copies) makeCopy(root, path);
  for (const work of tree.works) makeAll(root, work.slice(tree.path.length));
}
