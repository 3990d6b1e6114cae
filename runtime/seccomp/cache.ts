/**
 * Compiled filters, kept in `<state root>/@seccomp/` (no container can have such an id), each in a file named by a hash of what it was
 * compiled from.
 *
 * An entry is believed where it is root's alone (or the rootless caller's), whole, and made by the same libseccomp from the same
 * profile, which it holds as text: the hash finds it, equality decides. Whatever else lies there is compiled anew and replaced.
 */
import { addon } from '../addon.ts';
import { O, S } from '../constants.ts';
import { decodeText } from '../text.ts';

/** The directory's name. */
const DIRECTORY = '@seccomp';
/** More entries are not kept; the oldest goes first. */
const MAX_ENTRIES = 64;
const MAX_SIZE = 4 * 1024 * 1024;
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS = 0o077;

const EEXIST = 17;

/** "tsrf", little endian; then the lengths of key, library and program, and a sum of all of them in 16 characters. */
const MAGIC = 0x66727374;
const HEADER_SIZE = 32;
const SUM_AT = 16;

function isOwn(path: string): boolean {
  const stat = addon.stat(path, false);
  return (
    typeof stat !== 'number' &&
    (stat.mode & S.IFMT) === S.IFDIR &&
    stat.uid === addon.geteuid() &&
    (stat.mode & OTHERS) === 0
  );
}

/** The bytes of a file that nobody else can have written. */
function readOwn(path: string): Uint8Array | undefined {
  const fd = addon.open(path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK, 0);
  if (fd < 0) return undefined;
  const stat = addon.fstat(fd);
  let bytes: Uint8Array | undefined;
  if (
    typeof stat !== 'number' &&
    (stat.mode & S.IFMT) === S.IFREG &&
    stat.uid === addon.geteuid() &&
    (stat.mode & OTHERS) === 0 &&
    stat.size <= MAX_SIZE
  ) {
    const buffer = new Uint8Array(stat.size);
    if (addon.read(fd, buffer) === stat.size) bytes = buffer;
  }
  addon.close(fd);
  return bytes;
}

/** A file told from others of its name: an upgrade replaces it. */
function identityOf(path: string): string {
  const stat = addon.stat(path, true);
  return typeof stat === 'number' ? '' : `${path}\0${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}`;
}

function isThere(library: string): boolean {
  return library !== '' && identityOf(library.slice(0, library.indexOf('\0'))) === library;
}

function encode(key: Uint8Array, library: Uint8Array, program: Uint8Array): Uint8Array {
  const entry = new Uint8Array(HEADER_SIZE + key.length + library.length + program.length);
  new Uint32Array(entry.buffer, 0, 4).set([MAGIC, key.length, library.length, program.length]);
  entry.set(key, HEADER_SIZE);
  entry.set(library, HEADER_SIZE + key.length);
  entry.set(program, HEADER_SIZE + key.length + library.length);
  new TextEncoder().encodeInto(addon.hash(entry.subarray(HEADER_SIZE)), entry.subarray(SUM_AT));
  return entry;
}

/** The program of an entry, if it is one for `key`. */
function decode(entry: Uint8Array, key: string): Uint32Array<ArrayBuffer> | undefined {
  if (entry.length < HEADER_SIZE) return undefined;
  // By index: to take a typed array apart, the engine compiles its iterator, which takes longer than all else here.
  const header = new Uint32Array(entry.buffer, 0, 4);
  const magic = header[0];
  const keyLength = header[1] ?? 0;
  const libraryLength = header[2] ?? 0;
  const programLength = header[3] ?? 0;
  const library = HEADER_SIZE + keyLength;
  const program = library + libraryLength;
  if (magic !== MAGIC || program + programLength !== entry.length || programLength === 0 || programLength % 8 !== 0)
    return undefined;
  if (decodeText(entry.subarray(SUM_AT, HEADER_SIZE)) !== addon.hash(entry.subarray(HEADER_SIZE))) return undefined;
  if (decodeText(entry.subarray(HEADER_SIZE, library)) !== key) return undefined;
  if (!isThere(decodeText(entry.subarray(library, program)))) return undefined;
  return new Uint32Array(entry.slice(program).buffer);
}

/** Makes room for one more entry. */
function makeRoom(directory: string): void {
  const names = addon.readdir(directory);
  if (typeof names === 'number' || names.length < MAX_ENTRIES) return;
  const byAge = names.map((name) => {
    const stat = addon.stat(`${directory}/${name}`, false);
    return { name, age: typeof stat === 'number' ? 0 : stat.mtimeMs };
  });
  byAge.sort((left, right) => left.age - right.age);
  for (const { name } of byAge.slice(0, names.length - MAX_ENTRIES + 1)) addon.unlink(`${directory}/${name}`);
}

/** The compiled filters below a state root. */
export class FilterCache {
  readonly #directory: string;

  constructor(root: string) {
    this.#directory = `${root}/${DIRECTORY}`;
  }

  #path(key: string): string {
    return `${this.#directory}/${addon.hash(key)}`;
  }

  /** The filter for `key`, if there is one that can be believed. Never throws. */
  read(key: string): Uint32Array<ArrayBuffer> | undefined {
    if (!isOwn(this.#directory)) return undefined;
    const entry = readOwn(this.#path(key));
    return entry && decode(entry, key);
  }

  /** Keeps a filter; what prevents that is no error, for the next container can do without. `library` is the file of libseccomp. */
  write(key: string, library: string, program: Uint32Array): void {
    const made = addon.mkdir(this.#directory, DIRECTORY_MODE);
    if ((made < 0 && made !== -EEXIST) || !isOwn(this.#directory)) return;
    makeRoom(this.#directory);
    const encoder = new TextEncoder();
    const bytes = new Uint8Array(program.buffer, program.byteOffset, program.byteLength);
    const entry = encode(encoder.encode(key), encoder.encode(identityOf(library)), bytes);
    const path = this.#path(key);
    const temporary = `${path}.${addon.getpid()}`;
    const written = addon.writeFile(temporary, entry, O.WRONLY | O.CREAT | O.EXCL, FILE_MODE);
    if (written !== entry.length || addon.rename(temporary, path) < 0) addon.unlink(temporary);
  }
}
