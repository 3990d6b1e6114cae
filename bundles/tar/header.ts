/** One header block of a tar archive: 512 bytes in the layout of POSIX (ustar), of GNU tar, or of Unix version 7. */
import { ArchiveError } from '../error.ts';
import { octetsOf } from '../names.ts';
import { archiveAddon } from '../native.ts';

/** Headers and contents come in blocks of so many bytes. */
export const BLOCK = 512;

/** A part of a sparse file that has content. Bytes. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** What a header block says. Names are octets. */
export interface Header {
  readonly name: string;
  /** Permission bits, setuid, setgid and sticky among them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes that follow, before padding. */
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  /** The type flag; `0` for the regular files of version 7. */
  readonly type: string;
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
  /** Of a sparse file in the old GNU format: its first segments, whether blocks with more follow, its size. */
  readonly sparse:
    | { readonly segments: readonly Segment[]; readonly extended: boolean; readonly size: number }
    | undefined;
}

const SPACE = 32;
const ZERO = 48;
const SEVEN = 55;

/** A text that ends at its first NUL, or with the field. */
function text(block: Uint8Array, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return octetsOf(end < 0 ? field : field.subarray(0, end));
}

/** A number in base 256: two's complement, big-endian, the highest bit set to tell it from octal digits. */
function base256(field: Uint8Array, what: string): number {
  const [first = 0] = field;
  let value = first & 0x40 ? -1n : 0n;
  value = (value << 6n) | BigInt(first & 0x3f);
  for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw new ArchiveError(`damaged: its header has a ${what} of more than 53 bits`);
  return Number(value);
}

/** Octal digits, perhaps between blanks and NULs; undefined for anything else. An empty field is 0. */
function octal(field: Uint8Array): number | undefined {
  let at = 0;
  while (field[at] === SPACE || field[at] === 0) at++;
  let value = 0;
  for (; at < field.length; at++) {
    const byte = field[at] ?? 0;
    if (byte < ZERO || byte > SEVEN) break;
    value = value * 8 + (byte - ZERO);
  }
  for (; at < field.length; at++) if (field[at] !== SPACE && field[at] !== 0) return undefined;
  return value;
}

/** A number of a header, in octal digits or in base 256. */
function number(block: Uint8Array, start: number, length: number, what: string): number {
  const field = block.subarray(start, start + length);
  if (((field[0] ?? 0) & 0x80) !== 0) return base256(field, what);
  const value = octal(field);
  if (value !== undefined) return value;
  throw new ArchiveError(`damaged: its header has no number where the ${what} should be`);
}

/** Numbers of which a negative one makes no sense. */
function natural(block: Uint8Array, start: number, length: number, what: string): number {
  const value = number(block, start, length, what);
  if (value < 0) throw new ArchiveError(`damaged: its header has a negative ${what}`);
  return value;
}

/** Up to `count` pairs of offset and length from `start` on; the first empty pair ends them. */
export function segmentsAt(block: Uint8Array, start: number, count: number): Segment[] {
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const at = start + i * 24;
    if (block[at] === 0 && block[at + 12] === 0) break;
    segments.push({
      offset: natural(block, at, 12, 'sparse offset'),
      length: natural(block, at + 12, 12, 'sparse length'),
    });
  }
  return segments;
}

const gnuMagic = 'ustar  ';

/**
 * The header, or undefined for a block of zeros, two of which end an archive.
 *
 * @param isFirst whether an archive begins with it, if this is one
 * @throws {ArchiveError}
 */
export function parseHeader(block: Uint8Array, isFirst: boolean): Header | undefined {
  const checked = archiveAddon().checkHeader(block);
  if (checked === 0) return undefined;
  if (checked < 0)
    throw new ArchiveError(
      isFirst ? 'it is no tar archive, or its first header is damaged' : 'damaged: a header has a wrong checksum',
    );
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156] ?? 0);
  const isGnu = text(block, 257, 8) === gnuMagic;
  // Any other magic, and none at all, is read as POSIX, but for the prefix: that is the last field that was added.
  const isPosix = !isGnu && text(block, 257, 6) === 'ustar';
  const prefix = isPosix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: natural(block, 100, 8, 'mode') & 0o7777,
    uid: natural(block, 108, 8, 'user id'),
    gid: natural(block, 116, 8, 'group id'),
    size: natural(block, 124, 12, 'size'),
    mtime: number(block, 136, 12, 'time'),
    type,
    linkName: text(block, 157, 100),
    major: type === '3' || type === '4' ? natural(block, 329, 8, 'device number') : 0,
    minor: type === '3' || type === '4' ? natural(block, 337, 8, 'device number') : 0,
    sparse:
      type === 'S'
        ? {
            segments: segmentsAt(block, 386, 4),
            extended: block[482] !== 0,
            size: natural(block, 483, 12, 'size'),
          }
        : undefined,
  };
}
