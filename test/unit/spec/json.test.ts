import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonError } from '../../../spec/json/error.ts';
import { locate } from '../../../spec/json/locate.ts';
import { parseJson } from '../../../spec/json/parse.ts';
import { MAX_DEPTH, readExactly } from '../../../spec/json/reader.ts';
import { decodeText, positionOf, positionOfByte } from '../../../spec/json/text.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

/** What a reader makes of a text: its value, or the error's message and offset. */
function outcome(read: (text: string) => unknown, text: string): unknown {
  try {
    return { value: read(text) };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { message: error.message, offset: error.offset, path: error.path };
  }
}

const errorOf = (text: string) => outcome(parseJson, text) as { message: string; offset: number; path: unknown };

describe('exact values', () => {
  it.each([
    ['18446744073709551615', 18446744073709551615n],
    ['-9223372036854775808', -9223372036854775808n],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['0', 0],
    ['-0', 0],
    ['1.5', 1.5],
    ['1.0', Number.NaN],
    ['1e3', Number.NaN],
    ['1E400', Number.POSITIVE_INFINITY],
    ['"\\ud83d\\ude00"', '😀'],
    ['"\\u0000\\/\\b\\f\\n\\r\\t\\"\\\\"', '\0/\b\f\n\r\t"\\'],
    ['[]', []],
    ['{"a":[1,{"b":null}]}', { a: [1, { b: null }] }],
    [' \t\r\n[ true , false ] ', [true, false]],
  ])('%s', (text, value) => {
    expect(parseJson(text)).toStrictEqual(value);
    expect(readExactly(text)).toStrictEqual(value);
  });

  it('keeps __proto__ and constructor as plain keys', () => {
    for (const read of [parseJson, readExactly]) {
      const value = read('{"__proto__":{"polluted":1},"constructor":2,"big":10000000000000000000}') as object;
      expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'big']);
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    }
  });
});

describe('refusals', () => {
  it.each([
    ['{"a":1,}', 'trailing comma', 7],
    ['[1,]', 'trailing comma', 3],
    ['{"a":1} x', 'unexpected x, expected the end of the file', 8],
    ['{"a":1}}', "unexpected '}', expected the end of the file", 7],
    ['{"a":1', "the text ends too early, expected ',' or '}'", 6],
    ['{"a"', "the text ends too early, expected ':'", 4],
    ['{"a', 'the text ends inside a string', 1],
    ['// c\n{}', 'unexpected comment', 0],
    ['{"a":NaN}', 'unexpected NaN, expected a value', 5],
    ["{'a':1}", "unexpected ''', expected a property name in double quotes", 1],
    ['{a:1}', 'unexpected a, expected a property name in double quotes', 1],
    ['[01]', 'malformed number', 1],
    ['[1.]', 'malformed number', 1],
    ['[-]', 'malformed number', 1],
    ['[+1]', "unexpected '+', expected a value", 1],
    ['"a\nb"', 'control character U+000A inside a string', 2],
    ['"\\x"', 'unknown escape sequence in a string', 1],
    ['"\\u12"', 'unknown escape sequence in a string', 1],
    ['"\\ud800"', 'lone surrogate \\ud800 in a string', 1],
    ['"\\ud800\\u0041"', 'lone surrogate \\ud800 in a string', 1],
    ['"\\uDC00"', 'lone surrogate \\udc00 in a string', 1],
    ['\ufeff{}', 'unexpected U+FEFF, expected a value', 0],
    ['', 'the text ends too early, expected a value', 0],
  ])('%j', (text, message, offset) => {
    expect(errorOf(text)).toMatchObject({ message, offset });
  });

  it('names a key that is given twice', () => {
    expect(errorOf('{"process":[{"cwd":"/","cwd":"/tmp"}]}')).toEqual({
      message: 'the property is given twice',
      offset: 23,
      path: ['process', 0, 'cwd'],
    });
    // An escape does not hide it, nor does a key that would spoil the count of the fast path.
    expect(errorOf('{"a":1,"\\u0061":2}').path).toEqual(['a']);
    expect(errorOf('{"a\\\\":1,"cwd":2,"cwd":3}').path).toEqual(['cwd']);
    expect(errorOf('{"a" :1,"a":":x"}').path).toEqual(['a']);
  });

  it('limits the depth and does not overflow the stack', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(MAX_DEPTH))).toBeInstanceOf(Array);
    for (const depth of [MAX_DEPTH + 1, 5000, 100_000, 1_000_000]) {
      expect(errorOf(nested(depth)).message).toBe('nested deeper than 1000 levels');
      expect(errorOf('{"a":'.repeat(depth)).message).toBe('nested deeper than 1000 levels');
    }
  });

  it('comes to an end on texts made to be slow', () => {
    for (const part of ['a', '1', '\\\\', '":', '" ', ' ', '-0', '[', '\\"', '{"a":']) {
      const long = part.repeat(1_000_000 / part.length);
      outcome(parseJson, `{"a":"${long}"}`);
      outcome(parseJson, long);
      outcome(readExactly, `"${long}"`);
    }
  });
});

describe('text', () => {
  it.each([
    [[], 'the file is empty'],
    [[0xff, 0xfe, 0x7b, 0], 'the text is UTF-16 or UTF-32, expected UTF-8'],
    [[0x7b, 0, 0x7d, 0], 'the text is UTF-16 or UTF-32, expected UTF-8'],
    [[0, 0x7b], 'the text is UTF-16 or UTF-32, expected UTF-8'],
    [[0xef, 0xbb, 0xbf, 0x7b, 0x7d], 'the text begins with a byte order mark'],
    [[0x22, 0xc3, 0x28, 0x22], 'the text is not valid UTF-8'],
  ])('%j', (bytes, message) => {
    expect(() => decodeText(Uint8Array.from(bytes))).toThrow(message);
  });

  it('tells where the first wrong byte is', () => {
    const sequences = fc.constantFrom(
      [0x80],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf5],
      [0xe2, 0x82],
      [0xf0, 0x80, 0x80, 0x80],
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), sequences, fc.string(), (before, wrong, after) => {
        const start = utf8(`"${before}`);
        const bytes = Uint8Array.from([...start, ...wrong, ...utf8(`"${after}`)]);
        expect(outcomeOfBytes(bytes)).toBe(start.length);
      }),
    );
  });

  it('counts lines and characters from 1', () => {
    expect(positionOf('ab\ncd', 4)).toEqual({ line: 2, column: 2 });
    expect(positionOf('"😀é"x', 5)).toEqual({ line: 1, column: 5 });
    expect(positionOf('a\n', 2)).toEqual({ line: 2, column: 1 });
    expect(positionOfByte(utf8('é\nü'), 3)).toEqual({ line: 2, column: 1 });
  });
});

function outcomeOfBytes(bytes: Uint8Array): number | undefined {
  try {
    decodeText(bytes);
    return undefined;
  } catch (error) {
    return error instanceof JsonError && error.message !== 'the text begins with a byte order mark'
      ? error.offset
      : undefined;
  }
}

describe('locate', () => {
  const text = '{\n  "a": [1, {"b\\n": "x]"}],\n  "c": {"d": -1.5e3}\n}';

  it.each([
    [[], 0, text],
    [['a'], 4, '[1, {"b\\n": "x]"}]'],
    [['a', 0], 10, '1'],
    [['a', 1, 'b\n'], 14, '"x]"'],
    [['c', 'd'], 37, '-1.5e3'],
    [['c', 'missing'], 31, undefined],
    [['a', 7], 4, undefined],
    [['a', 0, 'x', 'y'], 10, undefined],
  ])('%j', (path, offset, source) => {
    expect(locate(text, path)).toEqual({ offset, source });
  });
});

describe('the fast path gives what the exact reader gives', () => {
  /** Texts near to JSON: real values, with the spellings and mistakes that JSON.parse handles differently. */
  const scalar = fc.oneof(
    fc.constantFrom(
      '1',
      '-0',
      '1e3',
      '1.0',
      '0.5',
      '9007199254740993',
      '18446744073709551615',
      'true',
      'null',
      '00',
      '-1',
    ),
    fc.constantFrom(
      '"\\ud800"',
      '"\\ud83d\\ude00"',
      '"\\\\"',
      '"\\""',
      '":"',
      '": "',
      '"a\\":"',
      '"1.5"',
      '", 1.5"',
      '"\\uD800\\udc00"',
    ),
    fc.string({ unit: 'binary' }).map((value) => JSON.stringify(value)),
  );
  const key = fc.oneof(
    fc.constantFrom('"a"', '"b"', '"\\u0061"', '"__proto__"', '":"', '""', '"x\\\\"', '"\\""'),
    scalar,
  );
  const space = fc.constantFrom('', ' ', '\n', '\t ', '');
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      scalar,
      fc
        .tuple(space, fc.array(tie('value'), { maxLength: 4 }))
        .map(([blank, items]) => `[${items.join(`${blank},${blank}`)}${blank}]`),
      fc
        .tuple(space, space, fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }))
        .map(
          ([before, after, members]) =>
            `{${members.map(([name, item]) => `${name}${before}:${after}${item}`).join(',')}}`,
        ),
    ),
  }));

  it('for generated texts', () => {
    fc.assert(
      fc.property(value, (text) => {
        expect(outcome(parseJson, text)).toStrictEqual(outcome(readExactly, text));
      }),
      { numRuns: 3000 },
    );
  });

  it('for texts with one character changed', () => {
    fc.assert(
      fc.property(
        value,
        fc.nat(),
        fc.constantFrom('"', '\\', ':', ',', '{', '}', '1', '\u0000', ''),
        (text, at, character) => {
          const index = at % (text.length + 1);
          const changed = text.slice(0, index) + character + text.slice(index + 1);
          expect(outcome(parseJson, changed)).toStrictEqual(outcome(readExactly, changed));
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('accepts what JSON.parse accepts, but for what it does differently', () => {
    fc.assert(
      fc.property(value, (text) => {
        const message = (outcome(readExactly, text) as { message?: string }).message;
        if (message === undefined) expect(() => JSON.parse(text)).not.toThrow();
        else if (!/twice|surrogate/.test(message)) expect(() => JSON.parse(text)).toThrow();
      }),
      { numRuns: 3000 },
    );
  });
});
