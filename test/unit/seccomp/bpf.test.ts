/** The interpreter of filters, against the kernel's documents and by hand. */
import { describe, expect, test } from 'vitest';
import { runFilter } from '../../../runtime/seccomp/bpf.ts';
import { ARCHITECTURE, RET } from '../../../runtime/seccomp/numbers.ts';

const call = { number: 42, architecture: ARCHITECTURE.X86_64, args: [0x1234_5678_9abc_def0n, 7n, -1n] };

/** Instructions as `[code, k, jt, jf]`. */
function program(...instructions: readonly (readonly [number, number, number?, number?])[]): Uint32Array {
  return new Uint32Array(
    instructions.flatMap(([code, k, jt = 0, jf = 0]) => [(code | (jt << 16) | (jf << 24)) >>> 0, k]),
  );
}

const RET_A: readonly [number, number] = [0x16, 0];

describe('a filter', () => {
  test.each([
    ['a constant', [[0x06, RET.ALLOW]], RET.ALLOW],
    ['the number', [[0x20, 0], RET_A], 42],
    ['the architecture', [[0x20, 4], RET_A], ARCHITECTURE.X86_64],
    ['the lower half of an argument', [[0x20, 16], RET_A], 0x9abc_def0],
    ['the upper half of an argument', [[0x20, 20], RET_A], 0x1234_5678],
    ['a negative argument', [[0x20, 36], RET_A], 0xffff_ffff],
    ['an argument that is not given', [[0x20, 56], RET_A], 0],
    ['the length of the data', [[0x80, 0], RET_A], 64],
    [
      'jeq, taken',
      [
        [0x20, 0],
        [0x15, 42, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      2,
    ],
    [
      'jeq, not taken',
      [
        [0x20, 0],
        [0x15, 41, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      1,
    ],
    [
      'jgt is unsigned',
      [
        [0x00, 0x8000_0000],
        [0x25, 0x7fff_ffff, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      2,
    ],
    [
      'jgt of equals',
      [
        [0x20, 0],
        [0x25, 42, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      1,
    ],
    [
      'jge of equals',
      [
        [0x20, 0],
        [0x35, 42, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      2,
    ],
    [
      'jset of the highest bit',
      [
        [0x00, 0x8000_0000],
        [0x45, 0x8000_0000, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      2,
    ],
    [
      'ja',
      [
        [0x05, 2],
        [0x06, 1],
        [0x06, 2],
        [0x06, 3],
      ],
      3,
    ],
    ['and', [[0x20, 16], [0x54, 0xff00_0000], RET_A], 0x9a00_0000],
    ['or', [[0x20, 0], [0x44, 0x8000_0000], RET_A], 0x8000_002a],
    ['exclusive or', [[0x20, 0], [0xa4, 0xffff_ffff], RET_A], 0xffff_ffd5],
    ['addition that wraps', [[0x00, 0xffff_ffff], [0x04, 2], RET_A], 1],
    ['subtraction that wraps', [[0x00, 1], [0x14, 2], RET_A], 0xffff_ffff],
    ['multiplication that wraps', [[0x00, 0x1_0001], [0x24, 0x1_0001], RET_A], 0x0002_0001],
    ['division', [[0x00, 7], [0x34, 2], RET_A], 3],
    ['division by zero', [[0x00, 7], [0x01, 0], [0x3c, 0], RET_A], 0],
    ['shifts', [[0x00, 1], [0x64, 31], [0x74, 30], RET_A], 2],
    ['negation', [[0x00, 1], [0x84, 0], RET_A], 0xffff_ffff],
    ['memory and x', [[0x20, 0], [0x02, 3], [0x00, 5], [0x61, 3], [0x0c, 0], RET_A], 47],
    ['tax and txa', [[0x20, 0], [0x07, 0], [0x00, 0], [0x87, 0], RET_A], 42],
    [
      'a comparison with x',
      [
        [0x01, 42],
        [0x20, 0],
        [0x1d, 0, 1, 0],
        [0x06, 1],
        [0x06, 2],
      ],
      2,
    ],
  ] as const)('answers with %s', (_, instructions, answer) => {
    expect(runFilter(program(...instructions), call)).toBe(answer);
  });

  test('that does not end is no filter', () => {
    expect(() => runFilter(program([0x20, 0]), call)).toThrow(RangeError);
    expect(() => runFilter(program([0x05, 9]), call)).toThrow(RangeError);
  });
});
