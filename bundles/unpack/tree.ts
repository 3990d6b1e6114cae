/**
 * A directory tree that is being filled. Every path is resolved by the kernel within the tree's root, whatever links lie in it, and
 * ends at a descriptor; the last component is never followed.
 */
import { addon } from '../../runtime/addon.ts';
import { O } from '../../runtime/constants.ts';
import { errno } from '../../runtime/errno.ts';
import { check, SysError } from '../../runtime/sys.ts';
import { ArchiveError } from '../error.ts';
import { quoteOctets, textOf } from '../names.ts';
import { archiveAddon } from '../native.ts';
import { resolveLink } from './path.ts';

/** Directories that stay open, for what follows is mostly in the same ones. */
const OPEN_DIRECTORIES = 32;

/** As many as the kernel follows in one path. */
const MAX_LINKS = 40;

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;

/** A name in an open directory; good until the next but one is asked for. */
export interface Place {
  readonly directory: number;
  readonly name: string;
}

export class Tree {
  readonly root: number;
  readonly #open = new Map<string, number>();

  /** @param root descriptor of the tree's root; the tree's to close */
  constructor(root: number) {
    this.root = root;
  }

  close(): void {
    this.#forget();
    addon.close(this.root);
  }

  /** Where the last of `components` is; `make` makes the directories on the way that are missing. */
  place(components: readonly string[], make: boolean): Place | undefined {
    const name = components.at(-1);
    if (name === undefined) return { directory: this.root, name: '.' };
    const directory = this.#directory(components.slice(0, -1), make);
    return directory === undefined ? undefined : { directory, name };
  }

  /** The type and permissions of what is there, or undefined. */
  modeOf({ directory, name }: Place): number | undefined {
    const mode = archiveAddon().modeAt(directory, name);
    return mode === -errno.ENOENT ? undefined : check(mode, 'stat', textOf(name));
  }

  /** Removes what is there, with all below it. The place stays good to make something else at. */
  remove({ directory, name }: Place): void {
    // Any other open directory may be the one that goes, or lie behind the link that goes.
    this.#forget(directory);
    check(archiveAddon().removeTree(directory, name), 'remove', quoteOctets(name));
  }

  #forget(except?: number): void {
    for (const [path, fd] of this.#open) {
      if (fd === except) continue;
      addon.close(fd);
      this.#open.delete(path);
    }
  }

  #directory(components: readonly string[], make: boolean): number | undefined {
    if (components.length === 0) return this.root;
    const path = components.join('/');
    const known = this.#open.get(path);
    if (known !== undefined) {
      // Moved to the end, where it is the last to be closed.
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const fd = this.#find(path) ?? (make ? this.#make(components, 0) : undefined);
    if (fd === undefined) return undefined;
    for (const [oldest, old] of this.#open) {
      if (this.#open.size < OPEN_DIRECTORIES) break;
      addon.close(old);
      this.#open.delete(oldest);
    }
    this.#open.set(path, fd);
    return fd;
  }

  /** Opens a directory, or answers undefined where there is nothing. */
  #find(path: string): number | undefined {
    const fd = archiveAddon().openInRoot(this.root, path, O.PATH | O.DIRECTORY);
    if (fd >= 0) return fd;
    if (fd === -errno.ENOENT) return undefined;
    if (fd === -errno.ENOTDIR) throw new ArchiveError('it lies below something that is no directory');
    if (fd === -errno.ELOOP) throw new ArchiveError('it lies behind links that lead to each other');
    throw new SysError(-fd, 'open', quoteOctets(path));
  }

  /** Makes a directory and those above it; a link that leads nowhere gets somewhere to lead to. */
  #make(components: readonly string[], links: number): number {
    if (links > MAX_LINKS) throw new ArchiveError('it lies behind links that lead to each other');
    let fd = check(addon.dup(this.root, 3), 'dup');
    for (const [index, name] of components.entries()) {
      const above = fd;
      try {
        fd = this.#step(above, components.slice(0, index), name, links);
      } finally {
        addon.close(above);
      }
    }
    return fd;
  }

  /** Opens the directory `name` in `above`, whose path is `parents`, or makes it. */
  #step(above: number, parents: readonly string[], name: string, links: number): number {
    const opened = archiveAddon().openAt(above, name, O.PATH | O.DIRECTORY, 0);
    if (opened >= 0) return opened;
    const path = [...parents, name].join('/');
    if (opened === -errno.ENOENT) {
      check(archiveAddon().mkdirAt(above, name, 0o755), 'mkdir', quoteOctets(path));
      // The caller's umask has had its say.
      check(archiveAddon().chmodAt(above, name, 0o755), 'chmod', quoteOctets(path));
      return check(archiveAddon().openAt(above, name, O.PATH | O.DIRECTORY, 0), 'open', quoteOctets(path));
    }
    const found = this.#find(path);
    if (found !== undefined) return found;
    const target = archiveAddon().readlinkAt(above, name);
    if (typeof target !== 'string') throw new SysError(-target, 'readlink', quoteOctets(path));
    return this.#make(resolveLink(parents, target), links + 1);
  }
}
