/**
 * The plan as bytes, and the messages between the host and init: native/plan.def is the one source of their numbers,
 * docs/wire-format.md shows them.
 */
import { OPERATIONS, type Operation, type OperationShape } from './generated/wire.ts';

const MAGIC = 0x4c50_4354;
const VERSION = 1;
const HEADER_SIZE = 32;
const STRINGS = 4;
const NUMBERS = 8;
const LISTS = 2;
const RECORD_SIZE = 8 + 4 * STRINGS + 8 * NUMBERS + 8 * LISTS;
const ABSENT = 0xffff_ffff;

type Numbers = readonly number[] | Uint32Array;
type Field = string | number | bigint | readonly string[] | Numbers | undefined;

/** Bytes that records point into; equal strings are stored once. */
class Pool {
  #bytes = new Uint8Array(8192);
  #size = 0;
  readonly #encoder = new TextEncoder();
  readonly #known = new Map<string, number>();

  get size(): number {
    return this.#size;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(size: number): void {
    if (this.#size + size <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + size));
    grown.set(this.bytes);
    this.#bytes = grown;
  }

  #append(text: string): number {
    const at = this.#size;
    this.#reserve(text.length * 3 + 1);
    this.#size += this.#encoder.encodeInto(text, this.#bytes.subarray(at)).written;
    this.#bytes[this.#size++] = 0;
    return at;
  }

  string(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const at = this.#append(text);
    this.#known.set(text, at);
    return at;
  }

  strings(list: readonly string[]): number {
    const at = this.#size;
    for (const text of list) this.#append(text);
    return at;
  }

  numbers(list: Numbers): number {
    const at = this.#size;
    this.#reserve(list.length * 4 + 1);
    if (list instanceof Uint32Array) {
      // At once, for a seccomp filter has some thousand words, which are in the order of this machine.
      this.#bytes.set(new Uint8Array(list.buffer, list.byteOffset, list.byteLength), at);
      this.#size += list.byteLength;
      return at;
    }
    const view = new DataView(this.#bytes.buffer);
    for (const number of list) {
      view.setUint32(this.#size, number, true);
      this.#size += 4;
    }
    return at;
  }

  /** Ends the pool: what starts in it must end in it. */
  close(): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = 0;
  }
}

/** The two words of a 64-bit number. */
function writeNumber(words: Uint32Array, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    const bits = BigInt.asUintN(64, value);
    words[at] = Number(bits & 0xffff_ffffn);
    words[at + 1] = Number(bits >> 32n);
    return;
  }
  words[at] = value;
  // Most numbers are small, and the upper half is zero already.
  if (value < 0 || value > 0xffff_ffff) words[at + 1] = Math.floor(value / 0x1_0000_0000);
}

/** Writes a record into words that are zero. */
function writeRecord(words: Uint32Array, at: number, operation: Operation, shape: OperationShape, pool: Pool): void {
  const fields = operation as unknown as Readonly<Record<string, Field>>;
  words[at] = shape.kind;
  for (let i = 0; i < STRINGS; i++) {
    const name = shape.strings[i];
    const value = name === undefined ? undefined : fields[name];
    words[at + 1 + i] = typeof value === 'string' ? pool.string(value) : ABSENT;
  }
  let offset = at + 1 + STRINGS + 1; // one is reserved
  for (const name of shape.numbers) {
    const value = fields[name];
    if (typeof value === 'number' || typeof value === 'bigint') writeNumber(words, offset, value);
    offset += 2;
  }
  offset = at + 1 + STRINGS + 1 + 2 * NUMBERS;
  for (const name of shape.lists) {
    const list = fields[name] as readonly string[] | Numbers | undefined;
    if (list !== undefined && list.length > 0) {
      words[offset] = shape.numericList ? pool.numbers(list as Numbers) : pool.strings(list as readonly string[]);
      words[offset + 1] = list.length;
    }
    offset += 2;
  }
}

/** The descriptors that follow init's own; see DESCRIPTOR.FIRST. */
export interface DescriptorCounts {
  /** `--preserve-fds`. */
  preserved: number;
  /** Namespaces to join, in the order of their index. */
  inherited: number;
}

/** Encodes operations for init; docs/wire-format.md is the format. Strings must not hold a zero byte. */
export function encodePlan(operations: readonly Operation[], counts: DescriptorCounts): Uint8Array {
  const poolOffset = HEADER_SIZE + operations.length * RECORD_SIZE;
  // Words in the order of this machine: both architectures we build for are little-endian.
  const words = new Uint32Array(poolOffset / 4);
  const pool = new Pool();
  for (const [index, operation] of operations.entries())
    writeRecord(words, (HEADER_SIZE + index * RECORD_SIZE) / 4, operation, OPERATIONS[operation.op], pool);
  pool.close();
  const size = poolOffset + pool.size;
  words.set([MAGIC, VERSION, size, operations.length, poolOffset, pool.size, counts.preserved, counts.inherited]);
  const plan = new Uint8Array(size);
  plan.set(new Uint8Array(words.buffer));
  plan.set(pool.bytes, poolOffset);
  return plan;
}

/** A message of the handshake or of the reply fifo. */
export interface Message {
  /** One of MESSAGE. */
  type: number;
  /** Index of the operation that init was at. */
  operation: number;
  /** An errno, a point or a wait status, as the type says. */
  value: number;
  detail: Uint8Array;
}

const MESSAGE_HEADER = 16;
/** Large enough for every message. */
export const MESSAGE_MAX = MESSAGE_HEADER + 4096;

/** A message for init: only type and value matter there. */
export function encodeMessage(type: number, value: number): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setInt32(8, value, true);
  return bytes;
}

/** The messages at the start of `bytes`, and how many bytes they took; the rest is the beginning of another. */
export function decodeMessages(bytes: Uint8Array): { messages: Message[]; used: number } {
  const messages: Message[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + MESSAGE_HEADER <= bytes.length) {
    const length = view.getUint32(at + 12, true);
    const end = at + MESSAGE_HEADER + length;
    if (end > bytes.length) break;
    messages.push({
      type: view.getUint32(at, true),
      operation: view.getUint32(at + 4, true),
      value: view.getInt32(at + 8, true),
      detail: bytes.slice(at + MESSAGE_HEADER, end),
    });
    at = end;
  }
  return { messages, used: at };
}
