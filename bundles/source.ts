/** Bytes that come one piece after the other: from a file, through a hash, through a limit. */
import type { Hash } from 'node:crypto';
import { addon } from '../runtime/addon.ts';
import { O } from '../runtime/constants.ts';
import { errno } from '../runtime/errno.ts';
import { TsrunError } from '../runtime/errors.ts';
import type { Result } from '../runtime/native.ts';
import { check, checkValue, SysError } from '../runtime/sys.ts';
import { show } from '../runtime/text.ts';
import type { Meter } from './limits.ts';
import { archiveAddon } from './native.ts';

export interface ByteSource {
  /** Puts bytes into `buffer`; 0 at the end. */
  read(buffer: Uint8Array): number;
}

/** Who is told what is read of an archive. Both throw where no more is wanted. */
export interface Watcher {
  /** So many more bytes have been read. */
  advance(bytes: number): void;
  /** A pipe is about to be read: returns when it has something, or its end. */
  wait?(fd: number): void;
}

export const nobody: Watcher = { advance: () => {} };

/** A file that is read: as a stream or at any place. */
export class SourceFile {
  readonly fd: number;
  /** Bytes; 0 for what is not a regular file. */
  readonly size: number;
  readonly #name: string;

  constructor(fd: number, name: string) {
    this.fd = fd;
    this.#name = name;
    const { size, mode } = checkValue(addon.fstat(fd), 'fstat', show(name));
    this.size = (mode & 0o170000) === 0o100000 ? size : 0;
  }

  /** The bytes from `start` on, at most `length`. */
  stream(watch: Watcher, start = 0, length = Number.POSITIVE_INFINITY): ByteSource {
    let at = start;
    const end = start + length;
    return {
      read: (buffer) => {
        const room = end - at < buffer.length ? buffer.subarray(0, end - at) : buffer;
        if (room.length === 0) return 0;
        const count = check(this.#read(watch, room, at), 'read', show(this.#name));
        at += count;
        watch.advance(count);
        return count;
      },
    };
  }

  #read(watch: Watcher, buffer: Uint8Array, at: number): Result {
    if (this.size > 0) return archiveAddon().readAt(this.fd, buffer, at);
    // What is not a regular file, such as a pipe, has no places, and can let a reader wait.
    for (;;) {
      watch.wait?.(this.fd);
      const result = addon.read(this.fd, buffer);
      if (result !== -errno.EAGAIN) return result;
    }
  }

  /** The bytes at one place, as many as there are up to the buffer's length. */
  read(buffer: Uint8Array, start: number): number {
    let length = 0;
    while (length < buffer.length) {
      const count = check(archiveAddon().readAt(this.fd, buffer.subarray(length), start + length), 'read', this.#name);
      if (count === 0) break;
      length += count;
    }
    return length;
  }

  close(): void {
    addon.close(this.fd);
  }
}

/** Opens a file of the host; `-` is standard input. @throws {TsrunError} `usage` */
export function openSource(path: string): SourceFile {
  // A pipe without a writer would be waited for.
  const fd = path === '-' ? addon.dup(0, 3) : addon.open(path, O.RDONLY | O.NONBLOCK, 0);
  if (fd < 0) throw new TsrunError('usage', `bundle: open ${show(path)}`, { cause: new SysError(-fd, 'open') });
  return new SourceFile(fd, path);
}

/** The same bytes, which `hash` has seen. */
export function hashed(source: ByteSource, hash: Hash): ByteSource {
  return {
    read(buffer) {
      const count = source.read(buffer);
      if (count > 0) hash.update(buffer.subarray(0, count));
      return count;
    },
  };
}

/** The same bytes, counted. */
export function metered(source: ByteSource, meter: Meter): ByteSource {
  return {
    read(buffer) {
      const count = source.read(buffer);
      meter.countBytes(count);
      return count;
    },
  };
}

/** Reads a source to its end, for those who watch it. */
export function drain(source: ByteSource): void {
  const buffer = new Uint8Array(2 ** 16);
  while (source.read(buffer) > 0);
}
