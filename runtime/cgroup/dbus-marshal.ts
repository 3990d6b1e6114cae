/**
 * Values of D-Bus as bytes, and back. D-Bus Specification, "Marshaling".
 *
 * What is written is little-endian, as both architectures we build for are; what is read may be either. Reading trusts
 * nothing: every length is checked against what is there, padding is zero, text is UTF-8 without zero bytes.
 */
import { once } from '../once.ts';
import { alignmentOf, DBusFormatError, isObjectPath, membersOf, splitSignature } from './dbus-signature.ts';
import { type DBusValue, signatureOf } from './dbus-value.ts';

/** The most bytes of one array. */
const LONGEST_ARRAY = 64 * 1024 * 1024;
/** Variants may hold variants: deeper than this is no message that anybody means. */
const DEEPEST_VARIANT = 32;

const decoder = once(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }));

/** Whether UTF-8 can say it: every surrogate is one of a pair. */
function isWellFormed(text: string): boolean {
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point >= 0xd800 && point <= 0xdfff) return false;
  }
  return true;
}

const RANGES = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x8000_0000, 0x7fff_ffff],
  u: [0, 0xffff_ffff],
} as const;

/** Bytes that grow as values are added. Offsets, and with them the padding, count from the first byte. */
export class Writer {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Room for `count` bytes, which are zero; where they begin. */
  #take(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }

  align(to: number): void {
    this.#take((to - (this.#length % to)) % to);
  }

  byte(value: number): void {
    const at = this.#take(1);
    this.#bytes[at] = value;
  }

  uint32(value: number): void {
    this.align(4);
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }

  /** Writes over a number that was written at `at`. */
  patch(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #text(type: string, text: string): void {
    if (text.includes('\0')) throw new DBusFormatError('a string holds a zero byte');
    if (!isWellFormed(text)) throw new DBusFormatError('a string holds half a character');
    if (type === 'o' && !isObjectPath(text)) throw new DBusFormatError(`${JSON.stringify(text)} is no object path`);
    if (type === 'g') splitSignature(text);
    const bytes = new TextEncoder().encode(text);
    if (type === 'g') this.byte(bytes.length);
    else this.uint32(bytes.length);
    this.raw(bytes);
    this.byte(0);
  }

  #integer(type: 'y' | 'n' | 'q' | 'i' | 'u', value: number): void {
    const [least, most] = RANGES[type];
    if (!Number.isInteger(value) || value < least || value > most)
      throw new DBusFormatError(`${value} is not an integer from ${least} to ${most}`);
    const size = alignmentOf(type);
    this.align(size);
    const at = this.#take(size);
    if (size === 1) this.#bytes[at] = value;
    else if (size === 2) this.#view.setUint16(at, value & 0xffff, true);
    else this.#view.setUint32(at, value >>> 0, true);
  }

  #long(type: 'x' | 't', value: bigint): void {
    const fits = type === 'x' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
    if (fits !== value) throw new DBusFormatError(`${value} does not fit into 64 bits`);
    this.align(8);
    const at = this.#take(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  /** What an array, of items of type `element`, holds is written by `items`. */
  array(element: string, items: () => void): void {
    this.uint32(0);
    const lengthAt = this.#length - 4;
    this.align(alignmentOf(element));
    const start = this.#length;
    items();
    const length = this.#length - start;
    if (length > LONGEST_ARRAY) throw new DBusFormatError(`an array of ${length} bytes`);
    this.patch(lengthAt, length);
  }

  #items(element: string, items: readonly DBusValue[]): void {
    if (splitSignature(`a${element}`).length !== 1) throw new DBusFormatError(`${element} is not one type`);
    const shown = element.startsWith('{') ? `(${element.slice(1, -1)})` : element;
    this.array(element, () => {
      for (const item of items) {
        const type = signatureOf(item);
        if (type !== shown) throw new DBusFormatError(`an item of type ${type} in an array of ${element}`);
        this.value(item);
      }
    });
  }

  #double(value: number): void {
    this.align(8);
    const at = this.#take(8);
    this.#view.setFloat64(at, value, true);
  }

  #structure(fields: readonly DBusValue[]): void {
    if (fields.length === 0) throw new DBusFormatError('a structure without members');
    this.align(8);
    for (const field of fields) this.value(field);
  }

  #variant(value: DBusValue): void {
    this.#text('g', signatureOf(value));
    this.value(value);
  }

  /** @throws {DBusFormatError} D-Bus cannot carry the value. */
  value(value: DBusValue): void {
    switch (value.type) {
      case 's':
      case 'o':
      case 'g':
        this.#text(value.type, value.value);
        break;
      case 'b':
        this.uint32(value.value ? 1 : 0);
        break;
      case 'x':
      case 't':
        this.#long(value.type, value.value);
        break;
      case 'd':
        this.#double(value.value);
        break;
      case 'bytes':
        this.array('y', () => this.raw(value.value));
        break;
      case 'a':
        this.#items(value.element, value.items);
        break;
      case 'r':
        this.#structure(value.fields);
        break;
      case 'v':
        this.#variant(value.value);
        break;
      default:
        this.#integer(value.type, value.value);
    }
  }
}

/** Reads values one after the other. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  /** Where the innermost array ends, or the bytes do. */
  #end: number;
  #at = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.#end = bytes.length;
  }

  get position(): number {
    return this.#at;
  }

  /** Where the next `count` bytes begin. */
  #take(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw new DBusFormatError('a value goes beyond the end of what holds it');
    this.#at += count;
    return start;
  }

  align(to: number): void {
    const count = (to - (this.#at % to)) % to;
    const start = this.#take(count);
    for (let at = start; at < this.#at; at++)
      if (this.#bytes[at] !== 0) throw new DBusFormatError('padding that is not zero');
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  uint32(): number {
    this.align(4);
    return this.#view.getUint32(this.#take(4), this.#littleEndian);
  }

  #text(type: 's' | 'o' | 'g'): string {
    const length = type === 'g' ? this.byte() : this.uint32();
    const start = this.#take(length);
    if (this.byte() !== 0) throw new DBusFormatError('a string does not end with a zero byte');
    const bytes = this.#bytes.subarray(start, start + length);
    if (bytes.includes(0)) throw new DBusFormatError('a string holds a zero byte');
    let text: string;
    try {
      text = decoder().decode(bytes);
    } catch {
      throw new DBusFormatError('a string is not UTF-8');
    }
    if (type === 'o' && !isObjectPath(text)) throw new DBusFormatError(`${JSON.stringify(text)} is no object path`);
    return text;
  }

  #array(type: string, depth: number): DBusValue {
    const element = type.slice(1);
    const length = this.uint32();
    if (length > LONGEST_ARRAY) throw new DBusFormatError(`an array of ${length} bytes`);
    this.align(alignmentOf(element));
    const start = this.#take(length);
    if (element === 'y') return { type: 'bytes', value: this.#bytes.slice(start, start + length) };
    const outer = this.#end;
    this.#at = start;
    this.#end = start + length;
    const items: DBusValue[] = [];
    while (this.#at < this.#end) items.push(this.value(element, depth));
    this.#end = outer;
    return { type: 'a', element, items };
  }

  #variant(depth: number): DBusValue {
    if (depth >= DEEPEST_VARIANT) throw new DBusFormatError('too many variants within each other');
    const [type, ...more] = splitSignature(this.#text('g'));
    if (type === undefined || more.length > 0) throw new DBusFormatError('a variant that does not hold one value');
    return { type: 'v', value: this.value(type, depth + 1) };
  }

  #boolean(): DBusValue {
    const value = this.uint32();
    if (value > 1) throw new DBusFormatError(`a boolean of ${value}`);
    return { type: 'b', value: value === 1 };
  }

  /** A value of one complete type. A dictionary entry is a structure of two members. */
  value(type: string, depth = 0): DBusValue {
    const view = this.#view;
    const little = this.#littleEndian;
    const code = type[0];
    switch (code) {
      case 's':
      case 'o':
        return { type: code, value: this.#text(code) };
      case 'g': {
        const value = this.#text(code);
        splitSignature(value);
        return { type: code, value };
      }
      case 'b':
        return this.#boolean();
      case 'a':
        return this.#array(type, depth);
      case 'v':
        return this.#variant(depth);
      case '(':
      case '{':
        this.align(8);
        return { type: 'r', fields: membersOf(type).map((member) => this.value(member, depth)) };
    }
    const size = alignmentOf(type);
    this.align(size);
    const at = this.#take(size);
    switch (code) {
      case 'y':
        return { type: code, value: view.getUint8(at) };
      case 'n':
        return { type: code, value: view.getInt16(at, little) };
      case 'q':
        return { type: code, value: view.getUint16(at, little) };
      case 'i':
        return { type: code, value: view.getInt32(at, little) };
      case 'u':
        return { type: code, value: view.getUint32(at, little) };
      case 'x':
        return { type: code, value: view.getBigInt64(at, little) };
      case 't':
        return { type: code, value: view.getBigUint64(at, little) };
      case 'd':
        return { type: code, value: view.getFloat64(at, little) };
      default:
        throw new DBusFormatError(`a value of type ${type}, which was not agreed on`);
    }
  }
}
