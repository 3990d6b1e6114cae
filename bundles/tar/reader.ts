/** A tar archive, entry by entry, in one pass over its bytes. */
import { ArchiveError, aboutEntry } from '../error.ts';
import { MAX_EXTENDED, MAX_ID, MAX_MAJOR, MAX_MINOR, MAX_SEGMENTS, type Meter } from '../limits.ts';
import { octetsOf } from '../names.ts';
import type { ByteSource } from '../source.ts';
import { BLOCK, type Header, parseHeader, type Segment, segmentsAt } from './header.ts';
import { copyExtended, decimal, type Extended, nothingExtended, parseExtended, segmentsOf, type Time } from './pax.ts';

export type EntryKind = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo';

/** One entry of an archive. Names are octets, as the archive has them: nothing is checked. */
export interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Time;
  /** What a link leads to. */
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
  /** Bytes of a file, its holes included. */
  readonly size: number;
  /** Extended attributes by name (octets). */
  readonly attributes: ReadonlyMap<string, Uint8Array>;
  /** Whether an access control list in words came along, which nothing here understands. */
  readonly acl: boolean;
  /** Where the content begins in the stream; bytes. */
  readonly position: number;
}

const kinds: Readonly<Record<string, EntryKind>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
};

/** Types that some tar writes and that would have to be guessed at. */
const refusedTypes: Readonly<Record<string, string>> = {
  D: 'a directory of an incremental dump',
  M: 'the continuation of a file of another volume',
  A: 'an access control list of Solaris',
  E: 'an extended attribute of Solaris',
  N: 'a list of long names of an old GNU tar',
};

// A multiple of the block; large, for each piece of a file is a system call.
const BUFFER = 2 ** 18;

/** Where a file's content goes: `offset` is the place of `data` in the file. */
export type Consumer = (data: Uint8Array, offset: number) => void;

export class TarReader {
  readonly #source: ByteSource;
  readonly #meter: Meter;
  readonly #buffer = new Uint8Array(BUFFER);
  #start = 0;
  #end = 0;
  /** Bytes of the stream before `#start`. */
  #position = 0;
  #global: Extended = nothingExtended();
  /** Bytes of the current entry's content that nobody has read yet, and of padding after it. */
  #left = 0;
  #padding = 0;
  #segments: readonly Segment[] | undefined;

  constructor(source: ByteSource, meter: Meter) {
    this.#source = source;
    this.#meter = meter;
  }

  /** The next entry, or undefined at the end. @throws {ArchiveError} */
  next(): Entry | undefined {
    this.#skip(this.#left + this.#padding);
    this.#left = 0;
    this.#padding = 0;
    let extended: Extended | undefined;
    for (;;) {
      const header = this.#header();
      if (!header) {
        if (extended) throw new ArchiveError('cut off: it ends after an extended header');
        return undefined;
      }
      this.#meter.countEntry();
      switch (header.type) {
        case 'x':
        case 'X':
          extended ??= copyExtended(this.#global);
          parseExtended(this.#meta(header), extended);
          break;
        case 'g':
          parseExtended(this.#meta(header), this.#global);
          break;
        case 'L':
          extended ??= copyExtended(this.#global);
          extended.path = untilNul(this.#meta(header));
          break;
        case 'K':
          extended ??= copyExtended(this.#global);
          extended.linkPath = untilNul(this.#meta(header));
          break;
        case 'V':
          // The name of the whole archive.
          this.#skip(padded(header.size));
          break;
        default:
          return this.#entry(header, extended ?? copyExtended(this.#global));
      }
    }
  }

  /** Reads the content of the entry that next() answered last: all of it, once. @throws {ArchiveError} */
  content(consume: Consumer): void {
    const segments = this.#segments ?? [{ offset: 0, length: this.#left }];
    for (const { offset, length } of segments) {
      for (let done = 0; done < length; ) {
        const piece = this.#piece(length - done);
        consume(piece, offset + done);
        done += piece.length;
        this.#left -= piece.length;
      }
    }
  }

  /** A block, or undefined at the end of the stream. */
  #block(): Uint8Array | undefined {
    if (!this.#gather(BLOCK)) {
      if (this.#end > this.#start) throw new ArchiveError('cut off: it ends within a block');
      return undefined;
    }
    return this.#take(BLOCK);
  }

  #header(): Header | undefined {
    const isFirst = this.#position === 0;
    const block = this.#block();
    // Some tools leave the two blocks of zeros out that should end an archive; some readers ignore what follows them.
    return block && parseHeader(block, isFirst);
  }

  #entry(header: Header, extended: Extended): Entry | undefined {
    const name = extended.sparse.name ?? extended.path ?? header.name;
    let entry: Entry | undefined;
    aboutEntry(name, () => {
      entry = this.#described(name, header, extended);
    });
    return entry;
  }

  #described(name: string, header: Header, extended: Extended): Entry {
    const flat = kinds[header.type];
    if (!flat) {
      const what = refusedTypes[header.type] ?? 'of an unknown type';
      throw new ArchiveError(`${what} (${JSON.stringify(header.type)}), which is not supported`);
    }
    // So directories looked before they had a type of their own.
    const kind = flat === 'file' && name.endsWith('/') ? 'directory' : flat;
    // Writers put a size on hard links that no content follows; all else that has content and should not is read differently by
    // different tools.
    const stored = kind === 'hardlink' ? 0 : (extended.size ?? header.size);
    if (kind !== 'file' && stored > 0) throw new ArchiveError(`a ${kind} with content of ${stored} bytes`);
    this.#left = stored;
    this.#padding = padded(stored) - stored;
    const size = this.#sparse(header, extended, stored);
    return {
      name,
      kind,
      mode: header.mode,
      uid: upTo(MAX_ID, extended.uid ?? header.uid, 'user id'),
      gid: upTo(MAX_ID, extended.gid ?? header.gid, 'group id'),
      mtime: extended.mtime ?? { seconds: header.mtime, nanoseconds: 0 },
      linkName: extended.linkPath ?? header.linkName,
      major: upTo(MAX_MAJOR, header.major, 'device number'),
      minor: upTo(MAX_MINOR, header.minor, 'device number'),
      size,
      attributes: extended.attributes,
      acl: extended.acl,
      position: this.#position,
    };
  }

  /** Finds out which parts of the file the content is, and returns the file's size. */
  #sparse(header: Header, extended: Extended, stored: number): number {
    const { sparse } = extended;
    this.#segments = undefined;
    let size: number | undefined;
    let segments: Segment[] | undefined;
    if (header.sparse) {
      segments = [...header.sparse.segments];
      for (let more = header.sparse.extended; more; ) {
        const block = this.#block();
        if (!block) throw new ArchiveError('cut off: it ends within the map of a sparse file');
        segments.push(...segmentsAt(block, 0, 21));
        if (segments.length > MAX_SEGMENTS) throw new ArchiveError('a sparse file of too many parts');
        more = block[504] !== 0;
      }
      size = header.sparse.size;
    } else if (sparse.major !== undefined || sparse.minor !== undefined) {
      if (sparse.major !== 1 || sparse.minor !== 0)
        throw new ArchiveError(`a sparse file in the unknown format ${sparse.major}.${sparse.minor}`);
      segments = this.#storedMap();
      size = sparse.size;
    } else if (sparse.numbers.length > 0 || sparse.size !== undefined) {
      segments = segmentsOf(sparse.numbers);
      size = sparse.size;
    }
    if (!segments) return stored;
    if (size === undefined) throw new ArchiveError('damaged: its sparse file has no size');
    this.#segments = checkedSegments(segments, size, this.#left);
    // Holes cost nothing here, and all that they seem to be wherever the tree is copied to.
    this.#meter.countBytes(size - this.#left);
    return size;
  }

  /** The map of format 1.0, which stands before the content: decimal numbers, one to a line. */
  #storedMap(): Segment[] {
    let line = '';
    let wanted: number | undefined;
    const numbers: number[] = [];
    while (wanted === undefined || numbers.length < wanted) {
      if (this.#left < BLOCK) throw new ArchiveError('damaged: the map of its sparse file has no end');
      const block = this.#block();
      if (!block) throw new ArchiveError('cut off: it ends within the map of a sparse file');
      this.#left -= BLOCK;
      const lines = (line + octetsOf(block)).split('\n');
      line = lines.pop() ?? '';
      for (const text of lines) {
        if (wanted !== undefined && numbers.length === wanted) break;
        const value = decimal(text, 'sparse map');
        if (wanted !== undefined) numbers.push(value);
        else if (value > MAX_SEGMENTS) throw new ArchiveError('a sparse file of too many parts');
        else wanted = value * 2;
      }
      if (line.length > 32 && (wanted === undefined || numbers.length < wanted))
        throw new ArchiveError(
          'damaged: its extended header has no number of up to 53 bits where the sparse map should be',
        );
    }
    return segmentsOf(numbers);
  }

  /** The content of an entry that only describes another; it is copied. */
  #meta(header: Header): Uint8Array {
    if (header.size > MAX_EXTENDED)
      throw new ArchiveError(`an extended header of ${header.size} bytes, which is more than ${MAX_EXTENDED}`);
    const data = new Uint8Array(header.size);
    for (let at = 0; at < data.length; ) {
      const piece = this.#piece(data.length - at);
      data.set(piece, at);
      at += piece.length;
    }
    this.#skip(padded(header.size) - header.size);
    return data;
  }

  /** Some of the next `length` bytes, valid until more are asked for. */
  #piece(length: number): Uint8Array {
    if (!this.#gather(1)) throw new ArchiveError('cut off: it ends within the content of an entry');
    return this.#take(Math.min(length, this.#end - this.#start));
  }

  #skip(length: number): void {
    for (let left = length; left > 0; ) left -= this.#piece(left).length;
  }

  /** Reads until `count` bytes lie one after the other; false where the stream ends before. */
  #gather(count: number): boolean {
    if (this.#end - this.#start >= count) return true;
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < count) {
      const got = this.#source.read(this.#buffer.subarray(this.#end));
      if (got === 0) return false;
      this.#end += got;
    }
    return true;
  }

  #take(count: number): Uint8Array {
    const taken = this.#buffer.subarray(this.#start, this.#start + count);
    this.#start += count;
    this.#position += count;
    return taken;
  }
}

/** `size` and what fills the last block. */
function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

/** The number, which the kernel takes where it is not above `most`. @throws {ArchiveError} */
function upTo(most: number, value: number, what: string): number {
  if (value <= most) return value;
  throw new ArchiveError(`it has the ${what} ${value}, where the most that there is is ${most}`);
}

function untilNul(data: Uint8Array): string {
  const end = data.indexOf(0);
  return octetsOf(end < 0 ? data : data.subarray(0, end));
}

/** Segments that follow each other within the file, and together are what is stored. @throws {ArchiveError} */
function checkedSegments(segments: readonly Segment[], size: number, stored: number): readonly Segment[] {
  let end = 0;
  let total = 0;
  for (const { offset, length } of segments) {
    if (offset < end) throw new ArchiveError('damaged: parts of its sparse file overlap');
    end = offset + length;
    total += length;
    if (end > size) throw new ArchiveError('damaged: a part of its sparse file lies behind its end');
  }
  if (total !== stored)
    throw new ArchiveError(`damaged: the parts of its sparse file are ${total} bytes, of which ${stored} are there`);
  return segments;
}
