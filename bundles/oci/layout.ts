/** The files of an image layout (image-layout.md): a directory, or an archive of one. */
import { addon } from '../../runtime/addon.ts';
import { O, RESOLVE } from '../../runtime/constants.ts';
import { errno } from '../../runtime/errno.ts';
import { check, checkValue, SysError } from '../../runtime/sys.ts';
import { show } from '../../runtime/text.ts';
import { decompressed, formatOf } from '../decompress.ts';
import { ArchiveError } from '../error.ts';
import { newHash } from '../hash.ts';
import type { Meter } from '../limits.ts';
import { octetsOfText } from '../names.ts';
import { archiveAddon } from '../native.ts';
import { type ByteSource, metered, SourceFile, type Watcher } from '../source.ts';
import { BLOCK } from '../tar/header.ts';
import { TarReader } from '../tar/reader.ts';
import { componentsOf } from '../unpack/path.ts';
import { S_IFMT, S_IFREG } from '../unpack/tree.ts';
import { type Descriptor, digestText } from './descriptor.ts';
import { JsonNode } from './json.ts';

/** Bytes of a JSON document: as much as registries take. */
const MAX_DOCUMENT = 4 * 2 ** 20;

/** A file of a layout: part of a file of the host. */
interface Part {
  readonly file: SourceFile;
  readonly start: number;
  readonly size: number;
  close(): void;
}

/** Finds the files of a layout by their paths. */
interface Files {
  open(path: string): Part | undefined;
  close(): void;
}

/** Opens a regular file below a directory, and nothing else: not a device, not what a link leads out to. */
export function openRegular(directory: number, path: string, resolve: number): number {
  const place = addon.openat2(directory, path, O.PATH, 0, resolve);
  if (place < 0) return place;
  try {
    const { mode } = checkValue(addon.fstat(place), 'fstat', show(path));
    return (mode & S_IFMT) === S_IFREG ? addon.open(`/proc/self/fd/${place}`, O.RDONLY, 0) : -errno.EMEDIUMTYPE;
  } finally {
    addon.close(place);
  }
}

class DirectoryFiles implements Files {
  readonly #directory: number;

  constructor(path: string) {
    this.#directory = check(addon.open(path, O.PATH | O.DIRECTORY, 0), 'open', show(path));
  }

  open(path: string): Part | undefined {
    const fd = openRegular(this.#directory, path, RESOLVE.BENEATH | RESOLVE.NO_MAGICLINKS);
    if (fd === -errno.ENOENT) return undefined;
    if (fd === -errno.EMEDIUMTYPE) throw new ArchiveError(`${path} is not a regular file`);
    if (fd === -errno.EXDEV) throw new ArchiveError(`${path} is a link that leads out of the image`);
    if (fd < 0) throw new SysError(-fd, 'open', path);
    const file = new SourceFile(fd, path);
    return { file, start: 0, size: file.size, close: () => file.close() };
  }

  close(): void {
    addon.close(this.#directory);
  }
}

/** The files of an archive that is not compressed, where they lie in it. */
class ArchiveFiles implements Files {
  readonly #file: SourceFile;
  readonly #parts = new Map<string, { readonly start: number; readonly size: number }>();

  constructor(file: SourceFile, reader: TarReader) {
    this.#file = file;
    for (let entry = reader.next(); entry; entry = reader.next()) {
      if (entry.kind === 'directory') continue;
      if (entry.kind !== 'file') throw new ArchiveError(`a ${entry.kind} in an image layout`, entry.name);
      this.#parts.set(componentsOf(entry.name).join('/'), { start: entry.position, size: entry.size });
    }
  }

  open(path: string): Part | undefined {
    const part = this.#parts.get(octetsOfText(path));
    return part && { file: this.#file, ...part, close: () => {} };
  }

  close(): void {
    this.#file.close();
  }
}

/** The same bytes as they are when decompressed, in a file without a name. */
function unpackedCopy(source: ByteSource, directory: string): SourceFile {
  const fd = check(addon.open(directory, O.RDWR | O.TMPFILE, 0o600), 'open', show(directory));
  const buffer = new Uint8Array(2 ** 18);
  for (let at = 0; ; ) {
    const count = source.read(buffer);
    if (count === 0) break;
    check(archiveAddon().writeAt(fd, buffer.subarray(0, count), at), 'write', show(directory));
    at += count;
  }
  return new SourceFile(fd, directory);
}

/** What the parts of an image are read with. */
export interface Reading {
  readonly meter: Meter;
  readonly watch: Watcher;
}

/** An image layout that is read: its documents, and its layers. */
export class Layout {
  readonly #files: Files;
  readonly #reading: Reading;

  private constructor(files: Files, reading: Reading) {
    this.#files = files;
    this.#reading = reading;
  }

  static ofDirectory(path: string, reading: Reading): Layout {
    return new Layout(new DirectoryFiles(path), reading);
  }

  /** @param scratch a directory for what has to be decompressed first */
  static ofArchive(file: SourceFile, scratch: string, reading: Reading): Layout {
    const { meter, watch } = reading;
    const head = new Uint8Array(BLOCK);
    const isCompressed = formatOf(head.subarray(0, file.read(head, 0))) !== 'none';
    const plain = isCompressed ? unpackedCopy(metered(decompressed(file.stream(watch), meter), meter), scratch) : file;
    if (isCompressed) file.close();
    return new Layout(
      new ArchiveFiles(plain, new TarReader(plain.stream({ advance: () => watch.advance(0) }), meter)),
      reading,
    );
  }

  close(): void {
    this.#files.close();
  }

  /** A document that is not referred to by a digest: `oci-layout` or `index.json`. */
  named(path: string): JsonNode | undefined {
    const part = this.#files.open(path);
    return part && JsonNode.parse(this.#whole(part, path), path);
  }

  /** A document by its descriptor, verified. */
  document({ digest, size }: Descriptor, what: string): JsonNode {
    const name = `${what} ${digestText(digest)}`;
    const part = this.#blob(digest, size, name);
    const bytes = this.#whole(part, name);
    if (newHash(digest.algorithm).update(bytes).digest('hex') !== digest.hex) throw wrongDigest(name);
    return JsonNode.parse(bytes, name);
  }

  /** A layer's bytes as they lie in the image. `verify` is to be called once all are read. */
  layer({ digest, size }: Descriptor): { source: ByteSource; verify(): void; close(): void } {
    const name = `layer ${digestText(digest)}`;
    const part = this.#blob(digest, size, name);
    const hash = newHash(digest.algorithm);
    const stream = part.file.stream(this.#reading.watch, part.start, part.size);
    return {
      source: {
        read(buffer) {
          const count = stream.read(buffer);
          hash.update(buffer.subarray(0, count));
          return count;
        },
      },
      verify() {
        if (hash.digest('hex') !== digest.hex) throw wrongDigest(name);
      },
      close: () => part.close(),
    };
  }

  #blob(digest: Descriptor['digest'], size: number, name: string): Part {
    const part = this.#files.open(`blobs/${digest.algorithm}/${digest.hex}`);
    if (!part) throw new ArchiveError(`the ${name} is missing`);
    if (part.size === size) return part;
    part.close();
    throw new ArchiveError(`the ${name} has ${part.size} bytes, where its descriptor says ${size}`);
  }

  #whole(part: Part, name: string): Uint8Array {
    try {
      if (part.size > MAX_DOCUMENT) throw new ArchiveError(`${name} has ${part.size} bytes, more than ${MAX_DOCUMENT}`);
      const bytes = new Uint8Array(part.size);
      return bytes.subarray(0, part.file.read(bytes, part.start));
    } finally {
      part.close();
    }
  }
}

function wrongDigest(name: string): ArchiveError {
  return new ArchiveError(`the ${name} is damaged: its content has another digest`);
}
