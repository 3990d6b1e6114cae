import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asTsrunError, exitCodeOf, stackLines, TsrunError, wordError } from '../../runtime/errors.ts';
import { SysError } from '../../runtime/sys.ts';
import { escapeControls, quote } from '../../runtime/text.ts';

const inner = new Error('Operation not permitted');

describe('an error in words', () => {
  const rows: [string, unknown, string][] = [
    ['a sentence', new TsrunError('mount', 'mount tmpfs on /dev'), 'mount tmpfs on /dev'],
    [
      'with its cause',
      new TsrunError('mount', 'mount tmpfs on /dev', { cause: inner }),
      'mount tmpfs on /dev: Operation not permitted',
    ],
    [
      'with a chain',
      new TsrunError('process', 'create failed', { cause: new TsrunError('mount', 'mount tmpfs', { cause: inner }) }),
      'create failed: mount tmpfs: Operation not permitted',
    ],
    [
      'a cause that was told already',
      new TsrunError('mount', 'mount tmpfs: Operation not permitted', { cause: inner }),
      'mount tmpfs: Operation not permitted',
    ],
    ['a failed system call', new SysError(1, 'open', '/x'), 'open /x: Operation not permitted'],
    [
      'a mistake of the program',
      new TypeError('x is not a function'),
      'internal error: TypeError: x is not a function',
    ],
    ['a thrown string', 'oops', 'internal error: oops'],
    ['a thrown object', { secret: 1 }, 'internal error: a thrown object'],
    ['nothing', undefined, 'internal error'],
    ['control characters', new TsrunError('usage', 'a\nb\x1b[2Jc\u202ed'), 'a\\nb\\x1b[2Jc\\u{202e}d'],
    [
      'what could not be undone',
      new TsrunError('mount', 'mount tmpfs')
        .attach(new Error('rmdir /x: busy'))
        .attach(new SysError(16, 'umount', '/y')),
      'mount tmpfs; and then, while cleaning up: rmdir /x: busy; and then, while cleaning up: umount /y: Device or resource busy',
    ],
  ];
  test.each(rows)('%s', (_, error, words) => {
    expect(wordError(error)).toBe(words);
  });

  test('a cycle of causes ends', () => {
    const a = new TsrunError('system', 'a');
    a.cause = a;
    const b = new Error('b', { cause: a });
    a.cause = b;
    expect(wordError(a)).toBe('a: b');
    expect(stackLines(a).length).toBeLessThan(2000);
  });

  test('a very long one keeps its beginning and its end', () => {
    const words = wordError(new TsrunError('hook', `begin${'x'.repeat(1_000_000)}end`));
    expect(words.length).toBeLessThan(4100);
    expect(words).toMatch(/^begin.* … .*end$/);
  });

  test('whatever is thrown makes one printable line', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: 'binary' }), (thrown, text) => {
        for (const error of [thrown, new TsrunError('system', text, { cause: thrown }), new Error(text)]) {
          expect(wordError(error)).toMatch(/^[^\p{Cc}\p{Cs}]*$/u);
        }
      }),
    );
  });
});

describe('code and exit status', () => {
  test('are what the error says', () => {
    const error = new TsrunError('hook', 'x', { exitCode: 255 });
    expect([error.code, exitCodeOf(error)]).toStrictEqual(['hook', 255]);
  });
  test('are made up for anything else', () => {
    expect(asTsrunError(new SysError(1, 'open')).code).toBe('system');
    expect(asTsrunError(new RangeError('x')).code).toBe('internal');
    expect(exitCodeOf(new RangeError('x'))).toBe(1);
  });
});

describe('a foreign value', () => {
  test.each([
    ['abc', '"abc"'],
    ['', '""'],
    ['a"\\', '"a\\"\\\\"'],
    ['a\tb\r\n', '"a\\tb\\r\\n"'],
    ['\x7f\x9b', '"\\x7f\\x9b"'],
    ['\ud800', '"\\u{d800}"'],
    ['\u200b\ufeff', '"\\u{200b}\\u{feff}"'],
    ['x'.repeat(64), `"${'x'.repeat(64)}"`],
    ['x'.repeat(65), `"${'x'.repeat(64)}…"`],
    ['é'.repeat(33), `"${'é'.repeat(32)}…"`],
    ['😀'.repeat(17), `"${'😀'.repeat(16)}…"`],
    [`${'x'.repeat(62)}😀`, `"${'x'.repeat(62)}…"`],
  ])('%j', (value, shown) => {
    expect(quote(value)).toBe(shown);
  });

  test('a megabyte of controls is escaped', () => {
    expect(escapeControls('\x1b'.repeat(1_000_000))).toHaveLength(4_000_000);
  });
});
