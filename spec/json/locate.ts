import type { Path } from './error.ts';
import { Scanner } from './scanner.ts';

/** Where a property is in a text. */
export interface Location {
  /** Offset of the property's key, or of an array's element. */
  readonly offset: number;
  /** The value as it is written, or undefined if the property is not there and `offset` is that of the nearest one around it. */
  readonly source: string | undefined;
}

/** Finds a property in a text that `readExactly` accepts, as far along the path as there is one. */
export function locate(text: string, path: Path): Location {
  const scanner = new Scanner(text);
  scanner.peek();
  let offset = scanner.at;
  for (const step of path) {
    const found = scanner.accept(typeof step === 'number' ? '[' : '{') ? enter(scanner, step) : undefined;
    if (found === undefined) return { offset, source: undefined };
    offset = found;
  }
  scanner.peek();
  const start = scanner.at;
  skipValue(scanner);
  return { offset, source: text.slice(start, scanner.at) };
}

/** Moves to the value of a member or an element; the offset of its key or of itself. */
function enter(scanner: Scanner, step: string | number): number | undefined {
  let index = 0;
  for (let next = scanner.peek(); next !== '' && next !== '}' && next !== ']'; next = scanner.peek()) {
    const offset = scanner.at;
    let here: string | number = index++;
    if (typeof step === 'string') {
      here = scanner.string();
      scanner.accept(':');
      scanner.peek();
    }
    if (here === step) return offset;
    skipValue(scanner);
    scanner.accept(',');
  }
  return undefined;
}

/** Skips a value without recursion. */
function skipValue(scanner: Scanner): void {
  let depth = 0;
  do {
    const next = scanner.peek();
    if (next === '"') scanner.string();
    else if (next === '-' || (next >= '0' && next <= '9')) scanner.number();
    else if (/^[a-z]$/.test(next)) scanner.word();
    else {
      scanner.at++;
      if (next === '{' || next === '[') depth++;
      else if (next === '}' || next === ']') depth--;
      else if (next === '') return;
    }
  } while (depth > 0);
}
