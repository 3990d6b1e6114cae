/** What an archive may grow to before it is taken for an attack, and the count of it. */
import { ArchiveError } from './error.ts';

export interface Limits {
  /** Bytes of all archives together, decompressed. */
  readonly bytes: number;
  /** Entries of all archives together, those that only describe others included. */
  readonly entries: number;
  /** How many times larger an archive may be than its compressed form, once it is larger than {@link RATIO_FROM}. */
  readonly ratio: number;
}

const GiB = 2 ** 30;

/** More than any common image has, and less than what fills a common disk. */
export const defaultLimits: Limits = { bytes: 64 * GiB, entries: 2_000_000, ratio: 200 };

/** Small archives of nothing but zeros are common, and harmless. */
const RATIO_FROM = 100 * 2 ** 20;

/** Bytes of one header that describes another entry: a long name, or extended attributes. */
export const MAX_EXTENDED = 2 ** 20;

/** Parts of one sparse file. */
export const MAX_SEGMENTS = 2 ** 20;

/** The most that is a user or group id; one more means "leave it as it is" to the kernel. */
export const MAX_ID = 0xffff_fffe;

/** The numbers of a device: 12 bits and 20. */
export const MAX_MAJOR = 0xfff;
export const MAX_MINOR = 0xf_ffff;

/** Bytes of a path, as the kernel takes them (PATH_MAX less the final NUL). */
export const MAX_PATH = 4095;

/** Counts what all archives of a bundle hold together. */
export class Meter {
  readonly #limits: Limits;
  #bytes = 0;
  #entries = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** @throws {ArchiveError} */
  countBytes(count: number): void {
    this.#bytes += count;
    if (this.#bytes > this.#limits.bytes)
      throw new ArchiveError(`larger than ${this.#limits.bytes} bytes: allow more with --max-size where you trust it`);
  }

  /** @throws {ArchiveError} */
  countEntry(): void {
    this.#entries++;
    if (this.#entries > this.#limits.entries)
      throw new ArchiveError(
        `more than ${this.#limits.entries} entries: allow more with --max-entries where you trust it`,
      );
  }

  /** `input` compressed bytes have become `output` so far. @throws {ArchiveError} */
  checkRatio(input: number, output: number): void {
    if (output > RATIO_FROM && output > input * this.#limits.ratio)
      throw new ArchiveError(
        `more than ${this.#limits.ratio} times larger than its compressed form: allow more with --max-ratio where you trust it`,
      );
  }
}
