/**
 * `archive.node`, as TypeScript sees it: loaded when a bundle is made, and by no other command.
 *
 * Names are bytes in no particular encoding: strings with one character for each byte (Latin-1), see names.ts. A failure is a
 * negative errno, as with the addon of every command.
 */
import { archivePath } from '../runtime/install.ts';
import type { Result } from '../runtime/native.ts';

/** What reads one compressed stream. */
export type Decompressor = { readonly decompressor: unique symbol };

/** The functions that `archive.node` exports. None follows a link in the last component of a name. */
export interface ArchiveAddon {
  /** openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS: no link leads out of `rootfd`. */
  openInRoot(rootfd: number, path: string, flags: number): Result;
  openAt(dirfd: number, name: string, flags: number, mode: number): Result;
  mkdirAt(dirfd: number, name: string, mode: number): Result;
  /** mknodat(2); `mode` includes the type: a device or a fifo. */
  mknodAt(dirfd: number, name: string, mode: number, major: number, minor: number): Result;
  linkAt(fromDirectory: number, from: string, toDirectory: number, to: string): Result;
  symlinkAt(target: string, dirfd: number, name: string): Result;
  readlinkAt(dirfd: number, name: string): string | number;
  unlinkAt(dirfd: number, name: string): Result;
  /** The st_mode of what a name stands for. */
  modeAt(dirfd: number, name: string): Result;
  chownAt(dirfd: number, name: string, uid: number, gid: number): Result;
  /** fchmodat(2), which follows links: not to be called on one. */
  chmodAt(dirfd: number, name: string, mode: number): Result;
  /** The time of modification, since the epoch; that of access stays. */
  setTimeAt(dirfd: number, name: string, seconds: number, nanoseconds: number): Result;
  /** lsetxattr(2). */
  setAttributeAt(dirfd: number, name: string, attribute: string, value: Uint8Array): Result;
  /** pwrite(2) until all is written. */
  writeAt(fd: number, data: Uint8Array, offset: number): Result;
  /** One pread(2). */
  readAt(fd: number, buffer: Uint8Array, offset: number): Result;
  truncate(fd: number, size: number): Result;
  /** The names in a directory, without `.` and `..`, in no order. */
  listAt(dirfd: number, name: string): string[] | number;
  /** Removes a file, or a directory with all below it; -EXDEV where something is mounted there. */
  removeTree(dirfd: number, name: string): Result;

  /**
   * A header block of tar: 0 for nothing but zeros; 1 where its checksum is right; -EBADMSG where it is not.
   */
  checkHeader(block: Uint8Array): Result;

  /** For gzip, or for Zstandard. */
  openDecompressor(zstd: boolean): Decompressor | number;
  /**
   * Takes bytes of `input` and puts bytes into `output`; how many of each it writes to `progress`.
   *
   * @returns 1 at the end of a member or frame, another of which may follow; 0 before; -EBADMSG where the data are damaged
   */
  decompress(decompressor: Decompressor, input: Uint8Array, output: Uint8Array, progress: Int32Array): Result;
  /** Gives its memory back at once. It must not be used any more. */
  closeDecompressor(decompressor: Decompressor): Result;
}

let loaded: ArchiveAddon | undefined;

/** The functions of `archive.node`. */
export function archiveAddon(): ArchiveAddon {
  if (loaded) return loaded;
  const module: { exports: Partial<ArchiveAddon> } = { exports: {} };
  process.dlopen(module, archivePath());
  loaded = module.exports as ArchiveAddon;
  return loaded;
}
