import { JsonError } from './error.ts';
import { Scanner } from './scanner.ts';

/** What a JSON document can hold. Integers beyond 2^53 are bigints. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | { [key: string]: JsonValue };

/** How deep arrays and objects may nest. */
export const MAX_DEPTH = 1000;

/**
 * Reads a JSON text exactly: integers beyond 2^53 become bigints, a key given twice is an error, and so are lone surrogates.
 * A number with a fraction or an exponent that happens to be whole (`1.0`, `1e3`) becomes NaN: no property of the
 * configuration is a fraction, and none of them may be written as one.
 *
 * @throws JsonError with the character's offset
 */
export function readExactly(text: string): JsonValue {
  return new Reader(text).document();
}

class Reader {
  readonly #scanner: Scanner;
  readonly #path: (string | number)[] = [];

  constructor(text: string) {
    this.#scanner = new Scanner(text);
  }

  document(): JsonValue {
    const value = this.#value();
    if (this.#scanner.peek() !== '') throw this.#scanner.unexpected('expected the end of the file');
    return value;
  }

  #value(): JsonValue {
    const scanner = this.#scanner;
    const next = scanner.peek();
    if (next === '"') return scanner.string();
    if (next === '{' || next === '[') {
      if (this.#path.length >= MAX_DEPTH) {
        throw new JsonError(`nested deeper than ${MAX_DEPTH} levels`, scanner.at);
      }
      scanner.at++;
      return next === '{' ? this.#object() : this.#array();
    }
    if (next === '-' || (next >= '0' && next <= '9')) return exactNumber(scanner.number());
    return scanner.word();
  }

  #array(): JsonValue[] {
    const scanner = this.#scanner;
    const values: JsonValue[] = [];
    if (scanner.accept(']')) return values;
    do {
      if (values.length > 0 && scanner.peek() === ']') throw trailingComma(scanner);
      this.#path.push(values.length);
      values.push(this.#value());
      this.#path.pop();
    } while (scanner.accept(','));
    if (!scanner.accept(']')) throw scanner.unexpected("expected ',' or ']'");
    return values;
  }

  #object(): { [key: string]: JsonValue } {
    const scanner = this.#scanner;
    const object: { [key: string]: JsonValue } = {};
    if (scanner.accept('}')) return object;
    let first = true;
    do {
      const next = scanner.peek();
      if (!first && next === '}') throw trailingComma(scanner);
      if (next !== '"') throw scanner.unexpected('expected a property name in double quotes');
      const start = scanner.at;
      const key = scanner.string();
      this.#path.push(key);
      if (Object.hasOwn(object, key))
        throw new JsonError('the property is given twice', start, undefined, [...this.#path]);
      if (!scanner.accept(':')) throw scanner.unexpected("expected ':'");
      const value = this.#value();
      // An assignment to __proto__ would change the prototype instead.
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
      } else object[key] = value;
      this.#path.pop();
      first = false;
    } while (scanner.accept(','));
    if (!scanner.accept('}')) throw scanner.unexpected("expected ',' or '}'");
    return object;
  }
}

function trailingComma(scanner: Scanner): JsonError {
  return new JsonError('trailing comma', scanner.at, `remove the comma before '${scanner.peek()}'`);
}

function exactNumber(literal: string): number | bigint {
  const value = Number(literal);
  if (/[.eE]/.test(literal)) return Number.isInteger(value) ? Number.NaN : value;
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return BigInt(literal);
}
