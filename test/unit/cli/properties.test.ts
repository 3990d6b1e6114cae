import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isContainerId } from '../../../runtime/cli/id.ts';
import { parse, type Request } from '../../../runtime/cli/parse.ts';
import { commands, globalFlags, refusedCommands } from '../../../runtime/cli/spec.ts';
import { UsageError } from '../../../runtime/cli/usage.ts';
import { wordError } from '../../../runtime/errors.ts';

/** The request, or the error if it is the one kind that may come. */
function attempt(words: readonly string[]): Request | UsageError {
  try {
    return parse(words);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

const flagWords = [
  ...Object.values(globalFlags),
  ...Object.values(commands).flatMap((spec) => Object.values(spec.flags)),
].flatMap((flag) => [
  `--${flag.name}`,
  `-${flag.name}`,
  `--${flag.name}=`,
  ...('short' in flag ? [`-${flag.short}`] : []),
]);

/** Words that nearly are a command line. */
const likelyWord = fc.oneof(
  fc.constantFrom(...flagWords, ...Object.keys(commands), ...refusedCommands, '--', '-', '---', '--help', '-h', 'help'),
  fc.constantFrom('c1', 'true', 'json', '9', 'KILL', '/x', 'a=b'),
  fc.tuple(fc.constantFrom(...flagWords), fc.string({ maxLength: 8 })).map(([flag, value]) => `${flag}=${value}`),
  fc.string({ unit: 'binary', maxLength: 12 }),
);

describe('any words at all', () => {
  test('make a request, or one error in one printable line', () => {
    fc.assert(
      fc.property(fc.array(likelyWord, { maxLength: 8 }), (words) => {
        const result = attempt(words);
        if (!(result instanceof UsageError)) return;
        expect(wordError(result)).toMatch(/^[^\p{Cc}\p{Cs}]+$/u);
        expect(wordError(result).length).toBeLessThan(400);
        expect(result.global).toBeDefined();
      }),
      { numRuns: 5000 },
    );
  });

  test('a request holds no id outside the grammar and no path that is empty or has a NUL', () => {
    fc.assert(
      fc.property(fc.array(likelyWord, { maxLength: 6 }), (words) => {
        const result = attempt(words);
        if (result instanceof UsageError) return;
        for (const [key, value] of Object.entries(result)) {
          if (typeof value !== 'string') continue;
          expect(value).not.toBe('');
          expect(value).not.toContain('\0');
          if (key === 'id') expect(isContainerId(value)).toBe(true);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('an id is what the grammar says', () => {
    const unit = fc.constantFrom('a', 'Z', '5', '_', '+', '.', '-', '/', ' ', '\0', 'é', 'ａ', '😀', '\ud800');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 6 }), (id) => {
        const expected = /^(?!-)[A-Za-z0-9_+.-]{1,255}$/.test(id) && !id.endsWith('\n') && id !== '.' && id !== '..';
        expect(isContainerId(id)).toBe(expected);
      }),
    );
  });
});

describe('a megabyte is read in no time', () => {
  const size = 1_000_000;
  const long: [string, string[]][] = [
    ['command', ['a'.repeat(size)]],
    ['flag', ['create', `--${'a'.repeat(size)}`, 'c1']],
    ['dashes', ['create', '-'.repeat(size), 'c1']],
    ['equals signs', ['create', `--bundle${'='.repeat(size)}`, 'c1']],
    ['global flag', [`--${'o'.repeat(size)}`, 'state', 'c1']],
    ['id', ['create', 'a'.repeat(size)]],
    ['signal', ['kill', 'c1', 'SIG'.repeat(size / 3)]],
    ['number', ['create', '--preserve-fds', '9'.repeat(size), 'c1']],
    ['choice', ['list', '--format', 'table'.repeat(size / 5)]],
    ['path', ['create', '--bundle', '/'.repeat(size), 'c1']],
    ['root', ['--root', '/..'.repeat(1300), 'state', 'c1']],
    ['controls', ['create', '\x1b'.repeat(size)]],
    ['surrogates', ['create', '\ud800'.repeat(size)]],
    ['many words', ['create', ...Array.from({ length: size / 10 }, () => 'c1')]],
    ['many flags', ['run', ...Array.from({ length: size / 10 }, () => '-d'), 'c1']],
  ];
  test.each(long)('%s', (_, words) => {
    const before = performance.now();
    const result = attempt(words);
    if (result instanceof UsageError) expect(wordError(result).length).toBeLessThan(400);
    // A second is some hundred times what it takes; anything that is not linear takes hours.
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
