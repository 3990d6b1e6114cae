import { JsonError } from './error.ts';

/**
 * The tokens of JSON (RFC 8259) in a text: what the exact reader and the search for a property's position share.
 * Every pattern is a sticky one without alternatives that could match twice, so that the time is linear.
 */
export class Scanner {
  readonly text: string;
  /** Offset of the next character. */
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** The next character after white space, not consumed; '' at the end. */
  peek(): string {
    this.#match(WHITE_SPACE);
    return this.text[this.at] ?? '';
  }

  /** Consumes one character if it comes next after white space. */
  accept(character: string): boolean {
    if (this.peek() !== character) return false;
    this.at++;
    return true;
  }

  /** Consumes a string and returns its value. @throws JsonError */
  string(): string {
    const start = this.at;
    this.at++;
    let value = '';
    for (;;) {
      value += this.#match(PLAIN_CHARACTERS);
      const next = this.text[this.at];
      if (next === '"') break;
      if (next === '\\') value += this.#escape();
      else if (next === undefined) throw new JsonError('the text ends inside a string', start);
      else {
        throw new JsonError(
          `control character U+${hex4(next)} inside a string`,
          this.at,
          `write \\u${hex4(next).toLowerCase()}`,
        );
      }
    }
    this.at++;
    return value;
  }

  /** Consumes a number and returns its characters, '' if there is none. @throws JsonError */
  number(): string {
    const start = this.at;
    const literal = this.#match(NUMBER);
    const after = this.text[this.at] ?? '';
    if (literal === '' || /[0-9.eE+-]/.test(after)) throw new JsonError('malformed number', start);
    return literal;
  }

  /** Consumes `true`, `false` or `null`. @throws JsonError for any other word or character. */
  word(): boolean | null {
    const word = this.#match(WORD);
    if (word === 'true') return true;
    if (word === 'false') return false;
    if (word === 'null') return null;
    this.at -= word.length;
    throw this.unexpected('expected a value');
  }

  /** The error for the next character, which is not what the grammar wants here. */
  unexpected(expected: string): JsonError {
    const character = this.peek();
    if (character === '') return new JsonError(`the text ends too early, ${expected}`, this.at);
    if (character === '/' || character === '#') {
      return new JsonError('unexpected comment', this.at, 'JSON has no comments');
    }
    const word = this.#match(WORD);
    this.at -= word.length;
    const what = word === '' ? showCharacter(this.text.codePointAt(this.at) ?? 0) : cut(word);
    return new JsonError(`unexpected ${what}, ${expected}`, this.at);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  #escape(): string {
    const start = this.at;
    const letter = this.text[start + 1] ?? '';
    this.at += 2;
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) return simple;
    if (letter !== 'u') throw new JsonError('unknown escape sequence in a string', start);
    const unit = this.#codeUnit(start);
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    if (unit < 0xdc00 && this.text.startsWith('\\u', this.at)) {
      this.at += 2;
      const low = this.#codeUnit(start);
      if (low >= 0xdc00 && low <= 0xdfff) return String.fromCharCode(unit, low);
    }
    throw new JsonError(`lone surrogate \\u${hex4(String.fromCharCode(unit)).toLowerCase()} in a string`, start);
  }

  #codeUnit(start: number): number {
    const digits = this.#match(HEX4);
    if (digits === '') throw new JsonError('unknown escape sequence in a string', start);
    return Number.parseInt(digits, 16);
  }
}

const WHITE_SPACE = /[ \t\n\r]*/y;
const PLAIN_CHARACTERS = /[^"\\\x00-\x1f]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[A-Za-z]*/y;
const HEX4 = /[0-9A-Fa-f]{4}/y;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function hex4(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
}

function showCharacter(point: number): string {
  if (point > 0x20 && point < 0x7f) return `'${String.fromCodePoint(point)}'`;
  return `U+${point.toString(16).toUpperCase().padStart(4, '0')}`;
}

function cut(word: string): string {
  return word.length > 32 ? `${word.slice(0, 32)}…` : word;
}
