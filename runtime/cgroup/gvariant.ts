/**
 * The part of GVariant's text format that properties of a unit need: booleans, numbers, strings, byte strings and
 * arrays of these, with or without their type. What is read must have the type that is expected; a number without a
 * type takes it.
 */
import { once } from '../once.ts';
import type { DBusValue } from './dbus-value.ts';

/** A text that is not a value, or not of the expected type; the message goes behind the place where the text stands. */
export class VariantError extends Error {}

const keywords: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};

const names = once(() => new Map(Object.entries(keywords).map(([name, signature]) => [signature, name])));

const ranges = once(
  (): Readonly<Record<string, readonly [bigint, bigint]>> => ({
    y: [0n, 0xffn],
    n: [-0x8000n, 0x7fffn],
    q: [0n, 0xffffn],
    i: [-0x8000_0000n, 0x7fff_ffffn],
    u: [0n, 0xffff_ffffn],
    x: [-(2n ** 63n), 2n ** 63n - 1n],
    t: [0n, 2n ** 64n - 1n],
  }),
);

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};

/** A type as the text format names it: `uint64`, `array of string`. */
function nameOf(signature: string): string {
  return signature.startsWith('a') ? `array of ${nameOf(signature.slice(1))}` : (names().get(signature) ?? signature);
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What a sticky expression matches here, after white space; consumed. */
  take(expression: RegExp): string | undefined {
    for (const pattern of [/\s*/y, expression]) {
      pattern.lastIndex = this.#at;
      const match = pattern.exec(this.#text);
      if (match === null) return undefined;
      this.#at += match[0].length;
      if (pattern === expression) return match[0];
    }
    return undefined;
  }

  get atEnd(): boolean {
    return this.#text.slice(this.#at).trim() === '';
  }
}

/**
 * Reads a value.
 * @param signature what it must be: one of `b y n q i u x t d s o g`, or `a` and one of them
 * @throws {VariantError}
 */
export function parseVariant(text: string, signature: string): DBusValue {
  const reader = new Reader(text);
  const value = readValue(reader, signature);
  if (!reader.atEnd) throw new VariantError(`more than one value, expected ${nameOf(signature)}`);
  return value;
}

function readValue(reader: Reader, signature: string): DBusValue {
  checkType(reader, signature);
  if (signature === 'ay') {
    const bytes = reader.take(/b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/y);
    if (bytes !== undefined) return { type: 'bytes', value: byteString(bytes.slice(2, -1)) };
  }
  if (signature.startsWith('a')) return arrayOf(reader, signature.slice(1));
  switch (signature) {
    case 'b': {
      const word = reader.take(/(?:true|false)\b/y);
      if (word === undefined) break;
      return { type: 'b', value: word === 'true' };
    }
    case 's':
    case 'o':
    case 'g': {
      const quoted = reader.take(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/y);
      if (quoted === undefined) break;
      return { type: signature, value: unescaped(quoted.slice(1, -1)) };
    }
    case 'd': {
      const number = reader.take(/[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.])/y);
      if (number === undefined) break;
      return { type: 'd', value: Number(number) };
    }
    default: {
      const number = reader.take(/[-+]?(?:0x[0-9a-fA-F]+|[0-9]+)(?![\w.])/y);
      if (number === undefined) break;
      return integer(number, signature);
    }
  }
  throw new VariantError(`expected ${nameOf(signature)}`);
}

/** A type before the value, as a keyword or behind `@`: it must be the expected one. */
function checkType(reader: Reader, signature: string): void {
  const keyword = reader.take(/(?:boolean|u?int(?:16|32|64)|byte|double|string|objectpath|signature)\b/y);
  const given = keyword === undefined ? reader.take(/@[a-z]+/y)?.slice(1) : keywords[keyword];
  if (given !== undefined && given !== signature)
    throw new VariantError(`expected ${nameOf(signature)}, found ${nameOf(given)}`);
}

function integer(text: string, signature: string): DBusValue {
  const digits = text.replace(/^[-+]/, '');
  // As everywhere in C, a leading zero means octal: refused, as hardly anyone means it.
  if (/^0[0-9]/.test(digits)) throw new VariantError(`expected ${nameOf(signature)} without leading zeros`);
  const value = text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
  const [least, most] = ranges()[signature] ?? [0n, -1n];
  if (value < least || value > most) throw new VariantError(`expected ${nameOf(signature)}, from ${least} to ${most}`);
  switch (signature) {
    case 'x':
    case 't':
      return { type: signature, value };
    case 'y':
    case 'n':
    case 'q':
    case 'i':
    case 'u':
      return { type: signature, value: Number(value) };
    default:
      throw new VariantError(`expected ${nameOf(signature)}`);
  }
}

function arrayOf(reader: Reader, element: string): DBusValue {
  const items: DBusValue[] = [];
  if (reader.take(/\[/y) === undefined) throw new VariantError(`expected array of ${nameOf(element)}`);
  let ended = reader.take(/\]/y) !== undefined;
  while (!ended) {
    items.push(readValue(reader, element));
    ended = reader.take(/\]/y) !== undefined;
    if (!ended && reader.take(/,/y) === undefined)
      throw new VariantError(`expected , or ] in array of ${nameOf(element)}`);
  }
  if (element !== 'y') return { type: 'a', element, items };
  return { type: 'bytes', value: Uint8Array.from(items, (item) => (item.type === 'y' ? item.value : 0)) };
}

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/gs, (all, short, long, one) => {
    if (one !== undefined) return escapes[one] ?? one;
    const point = Number.parseInt(short ?? long, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw new VariantError(`no such character: ${all}`);
    return String.fromCodePoint(point);
  });
}

/** A byte string ends with a zero byte, which its text does not show. */
function byteString(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, octal, one, plain] of text.matchAll(/\\(?:([0-3]?[0-7]{1,2})|(.))|([^\\])/gsu)) {
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8));
    else bytes.push(...new TextEncoder().encode(one === undefined ? plain : (escapes[one] ?? one)));
  }
  return Uint8Array.of(...bytes, 0);
}
