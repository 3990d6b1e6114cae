/** From a compressed stream to what it holds. */
import { TsrunError } from '../runtime/errors.ts';
import { SysError } from '../runtime/sys.ts';
import { ArchiveError } from './error.ts';
import type { Meter } from './limits.ts';
import { archiveAddon, type Decompressor } from './native.ts';
import type { ByteSource } from './source.ts';

const INPUT = 2 ** 17;
const ENOMEM = 12;

type Format = 'gzip' | 'zstd' | 'none';

interface Magic {
  readonly bytes: readonly number[];
  readonly format: Format | { readonly refused: string };
}

const magics: readonly Magic[] = [
  { bytes: [0x1f, 0x8b], format: 'gzip' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], format: 'zstd' },
  // A frame to be skipped, with which some tools begin their Zstandard files.
  ...Array.from({ length: 16 }, (_, i): Magic => ({ bytes: [0x50 + i, 0x2a, 0x4d, 0x18], format: 'zstd' })),
  { bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], format: { refused: 'xz' } },
  { bytes: [0x42, 0x5a, 0x68], format: { refused: 'bzip2' } },
  { bytes: [0x04, 0x22, 0x4d, 0x18], format: { refused: 'lz4' } },
  { bytes: [0x5d, 0, 0], format: { refused: 'lzma' } },
  { bytes: [0x1f, 0x9d], format: { refused: 'compress' } },
  { bytes: [0x50, 0x4b, 3, 4], format: { refused: 'zip' } },
];

/** How a stream is compressed, by how it begins. @throws {ArchiveError} In a way that is not supported. */
export function formatOf(head: Uint8Array): Format {
  for (const { bytes, format } of magics)
    if (bytes.every((byte, at) => head[at] === byte)) {
      if (typeof format === 'string') return format;
      throw new ArchiveError(
        `${format.refused} is not supported: decompress it first, or compress it with gzip or zstd`,
      );
    }
  return 'none';
}

/** A compressed stream, decompressed as it is read. */
class Decompressed implements ByteSource {
  readonly #source: ByteSource;
  readonly #format: Format;
  readonly #meter: Meter;
  readonly #decompressor: Decompressor;
  readonly #progress = new Int32Array(2);
  readonly #buffer = new Uint8Array(INPUT);
  #input: Uint8Array;
  #taken = 0;
  #given = 0;
  /** Between two members or frames, or before the first. */
  #between = true;
  #ended = false;

  constructor(source: ByteSource, format: Format, head: Uint8Array, meter: Meter) {
    this.#source = source;
    this.#format = format;
    this.#input = head;
    this.#meter = meter;
    const decompressor = archiveAddon().openDecompressor(format === 'zstd');
    if (typeof decompressor === 'number') throw new SysError(-decompressor, 'open a decompressor');
    this.#decompressor = decompressor;
  }

  read(buffer: Uint8Array): number {
    for (;;) {
      if (this.#ended) return 0;
      if (this.#input.length === 0 && !this.#fill()) return 0;
      if (this.#between && !this.#skipPadding()) continue;
      const given = this.#step(buffer);
      if (given > 0) return given;
    }
  }

  /** False at the end of the stream. */
  #fill(): boolean {
    const count = this.#source.read(this.#buffer);
    this.#input = this.#buffer.subarray(0, count);
    if (count > 0) return true;
    if (!this.#between) throw new ArchiveError(`cut off: its ${this.#format} stream has no end`);
    this.#ended = true;
    archiveAddon().closeDecompressor(this.#decompressor);
    return false;
  }

  /** Zeros may fill up a tape's last block; neither format begins with one. False where nothing else is there. */
  #skipPadding(): boolean {
    let at = 0;
    if (this.#taken > 0) while (this.#input[at] === 0) at++;
    this.#input = this.#input.subarray(at);
    return this.#input.length > 0;
  }

  #step(buffer: Uint8Array): number {
    const result = archiveAddon().decompress(this.#decompressor, this.#input, buffer, this.#progress);
    const [taken = 0, given = 0] = this.#progress;
    if (result === -ENOMEM) throw new TsrunError('system', 'decompress', { cause: new SysError(ENOMEM, 'malloc') });
    if (result < 0) throw new ArchiveError(`damaged: its ${this.#format} stream cannot be decompressed`);
    this.#between = result === 1;
    this.#input = this.#input.subarray(taken);
    this.#taken += taken;
    this.#given += given;
    this.#meter.checkRatio(this.#taken, this.#given);
    return given;
  }
}

/** What `source` holds: itself, or what it is the compressed form of. @throws {ArchiveError} */
export function decompressed(source: ByteSource, meter: Meter): ByteSource {
  // Enough to tell all formats apart.
  const head = new Uint8Array(BLOCK);
  let length = 0;
  for (let count = -1; count !== 0 && length < head.length; length += count) count = source.read(head.subarray(length));
  let rest = head.subarray(0, length);
  const format = formatOf(rest);
  if (format !== 'none') return new Decompressed(source, format, rest, meter);
  return {
    read(buffer) {
      if (rest.length === 0) return source.read(buffer);
      const part = rest.subarray(0, buffer.length);
      buffer.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
  };
}

const BLOCK = 512;
