/** The extended headers of POSIX ("pax"): records of `LENGTH KEY=VALUE\n`, whose values may be any bytes. Pure. */
import { ArchiveError } from '../error.ts';
import { octetsOf } from '../names.ts';
import type { Segment } from './header.ts';

/** A point in time. `nanoseconds` counts forward from `seconds`, before 1970 as well. */
export interface Time {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** What extended headers say about an entry; what they leave open is as its header has it. */
export interface Extended {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: Time;
  /** Values of extended attributes by name (octets). */
  attributes: Map<string, Uint8Array>;
  /** The records of GNU tar about a sparse file. */
  sparse: SparseRecords;
  /** Whether an access control list in words came along. */
  acl: boolean;
}

export interface SparseRecords {
  major?: number;
  minor?: number;
  name?: string;
  /** The size of the file with its holes. */
  size?: number;
  /** Offsets and lengths by turns, as the records give them. */
  numbers: number[];
}

const xattrPrefixes = { star: 'SCHILY.xattr.', libarchive: 'LIBARCHIVE.xattr.' };

/** Nothing said. */
export function nothingExtended(): Extended {
  return { attributes: new Map(), sparse: { numbers: [] }, acl: false };
}

/** A decimal number without sign. */
export function decimal(text: string, what: string): number {
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new ArchiveError(`damaged: its extended header has no number of up to 53 bits where the ${what} should be`);
}

/** A time with up to nanoseconds; what is finer is cut off. */
function parseTime(text: string): Time {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text);
  if (!match) throw new ArchiveError('damaged: its extended header has no time where the time should be');
  const [, sign, whole = '', fraction = ''] = match;
  const seconds = Number(whole);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  if (sign !== '-') return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

/** The attribute's name of libarchive's records, in which what is not plain is written as `%XX`. */
function percentDecoded(name: string): string {
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function sparseRecord(sparse: SparseRecords, key: string, text: string): void {
  switch (key) {
    case 'major':
      sparse.major = decimal(text, 'sparse format');
      break;
    case 'minor':
      sparse.minor = decimal(text, 'sparse format');
      break;
    case 'name':
      sparse.name = text;
      break;
    case 'size':
    case 'realsize':
      sparse.size = decimal(text, 'size');
      break;
    case 'offset':
    case 'numbytes':
      // By turns and in this order, or the map would be another one.
      if ((sparse.numbers.length % 2 === 0) !== (key === 'offset'))
        throw new ArchiveError('damaged: the map of its sparse file is out of order');
      sparse.numbers.push(decimal(text, 'sparse map'));
      break;
    case 'map':
      sparse.numbers = text === '' ? [] : text.split(',').map((part) => decimal(part, 'sparse map'));
      break;
    // numblocks is the length of what is there anyway.
  }
}

/** The name, as long as it is one. @throws {ArchiveError} */
function attributeName(name: string): string {
  if (!name.includes('\0')) return name;
  throw new ArchiveError('an extended attribute whose name contains a NUL byte');
}

function record(extended: Extended, key: string, value: Uint8Array): void {
  if (key.startsWith(xattrPrefixes.star)) {
    // Copied: the buffer that it lies in is read into again.
    extended.attributes.set(attributeName(key.slice(xattrPrefixes.star.length)), value.slice());
    return;
  }
  const text = octetsOf(value);
  if (key.startsWith(xattrPrefixes.libarchive)) {
    const name = attributeName(percentDecoded(key.slice(xattrPrefixes.libarchive.length)));
    if (!extended.attributes.has(name)) extended.attributes.set(name, Buffer.from(text, 'base64'));
    return;
  }
  if (key.startsWith('GNU.sparse.')) {
    sparseRecord(extended.sparse, key.slice('GNU.sparse.'.length), text);
    return;
  }
  if (key.startsWith('SCHILY.acl.')) extended.acl = true;
  // An empty value takes back what a header before said.
  const absent = text === '';
  switch (key) {
    case 'path':
      if (absent) delete extended.path;
      else extended.path = text;
      break;
    case 'linkpath':
      if (absent) delete extended.linkPath;
      else extended.linkPath = text;
      break;
    case 'size':
      if (absent) delete extended.size;
      else extended.size = decimal(text, 'size');
      break;
    case 'uid':
      if (absent) delete extended.uid;
      else extended.uid = decimal(text, 'user id');
      break;
    case 'gid':
      if (absent) delete extended.gid;
      else extended.gid = decimal(text, 'group id');
      break;
    case 'mtime':
      if (absent) delete extended.mtime;
      else extended.mtime = parseTime(text);
      break;
  }
}

/**
 * Adds the records of one extended header to what others said before.
 *
 * @throws {ArchiveError} A record is cut off or has no such form.
 */
export function parseExtended(data: Uint8Array, extended: Extended): void {
  for (let at = 0; at < data.length; ) {
    const blank = data.indexOf(0x20, at);
    const digits = blank < 0 || blank - at > 10 ? '' : octetsOf(data.subarray(at, blank));
    const length = /^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const equals = data.indexOf(0x3d, blank);
    if (length === 0 || end > data.length || data[end - 1] !== 0x0a || equals < 0 || equals >= end - 1)
      throw new ArchiveError('damaged: a record of an extended header does not have the length it tells');
    const key = octetsOf(data.subarray(blank + 1, equals));
    const value = data.subarray(equals + 1, end - 1);
    if (value.includes(0) && !key.startsWith(xattrPrefixes.star))
      throw new ArchiveError(`damaged: the record ${key.slice(0, 64)} of an extended header contains a NUL byte`);
    record(extended, key, value);
    at = end;
  }
}

/** What a global header said, as the beginning of what is said about one entry. */
export function copyExtended(from: Extended): Extended {
  return { ...from, attributes: new Map(from.attributes), sparse: { numbers: [] } };
}

/** Offsets and lengths by turns, as segments. */
export function segmentsOf(numbers: readonly number[]): Segment[] {
  if (numbers.length % 2 !== 0) throw new ArchiveError('damaged: the map of its sparse file ends within a pair');
  const segments: Segment[] = [];
  for (let i = 0; i < numbers.length; i += 2) segments.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  return segments;
}
