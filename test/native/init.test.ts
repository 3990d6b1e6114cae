/** init takes its plan for input: nothing in it may crash, hang or silence it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MESSAGE, OPERATIONS, type Operation, POINT } from '../../runtime/generated/wire.ts';
import { encodePlan } from '../../runtime/wire.ts';
import {
  type Ending,
  init,
  runOperations,
  runPlan,
  runPlans,
  type Sent,
  sanitizedInit,
  wholePlan,
} from './init-sandbox.ts';

const EBADMSG = 74;
const HEADER = 32;
const RECORD = 104;
const none = { preserved: 0, inherited: 0 };

/** Three operations with strings, numbers and lists of both sorts. Nothing is done before `args`. */
const smallPlan: readonly Operation[] = [
  { op: 'args', args: ['/program', 'x'] },
  { op: 'groups', gids: [1, 2] },
  { op: 'symlink', target: 'a', path: '/b', replace: 0 },
];

function refused({ how, code, messages }: Ending): Sent {
  expect({ how, code }).toEqual({ how: 'exit', code: 1 });
  expect(messages).toHaveLength(1);
  const [message] = messages;
  if (!message) throw new Error('no message');
  expect(message).toMatchObject({ type: MESSAGE.ERROR, value: EBADMSG });
  return message;
}

/** `smallPlan` with something changed in its bytes. */
function changed(change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = encodePlan(smallPlan, none);
  change(new DataView(bytes.buffer), bytes);
  return bytes;
}

const u32 = (at: number, value: number) => changed((view) => view.setUint32(at, value, true));
const add = (at: number, value: number) =>
  changed((view) => view.setUint32(at, view.getUint32(at, true) + value, true));
/** Where fields of record `index` are. */
const kind = (index: number) => HEADER + index * RECORD;
const string = (index: number, field: number) => kind(index) + 4 + 4 * field;
const number = (index: number, field: number) => kind(index) + 24 + 8 * field;
const list = (index: number, field: number) => kind(index) + 88 + 8 * field;

describe('a whole plan', () => {
  const conversation = [
    [MESSAGE.SYNC, POINT.PLACED],
    [MESSAGE.SYNC, POINT.SOURCES],
    [MESSAGE.SYNC, POINT.HOOKS],
    [MESSAGE.READY, 0],
    [MESSAGE.ALIVE, 0],
    [MESSAGE.STARTED, 0],
    [MESSAGE.EXEC_FAILED, 2],
  ];

  test('is done, and the program’s first bytes are told', () => {
    const { how, code, messages } = runOperations(wholePlan);
    expect({ how, code }).toEqual({ how: 'exit', code: 127 });
    expect(messages.map(({ type, value }) => [type, value])).toEqual(conversation);
    expect(messages.at(-1)?.detail).toBe('/program\n#!/nowhere\n');
  });

  test('is done with the sanitizers as well', () => {
    const { messages } = runOperations(wholePlan, sanitizedInit());
    expect(messages.map(({ type, value }) => [type, value])).toEqual(conversation);
  });

  test('is done by a second stage', () => {
    const { code, messages } = runOperations([{ op: 'fork', flags: 0x20000000 }, ...wholePlan]);
    expect(code).toBe(127);
    expect(messages[0]).toMatchObject({
      type: MESSAGE.SYNC,
      value: POINT.CHILD,
      detail: expect.stringMatching(/^\d+$/),
    });
    expect(messages.slice(1).map(({ type, value }) => [type, value])).toEqual(conversation);
  });

  test.each([
    ['/init', expect.stringMatching(/^tsrun: .*the file of tsrun's init.*\n$/), 0x7e00],
    ['/missing', 'execve: No such file or directory', 0x7f00],
  ])('ends at the failed hook %s', (path, output, status) => {
    const hook: Operation = { op: 'hook', path, timeoutMs: 5000, args: ['hook'], env: [] };
    const { messages } = runOperations([hook, ...wholePlan]);
    expect(messages).toEqual([{ type: MESSAGE.HOOK_FAILED, operation: 0, value: status, detail: output }]);
  });
});

describe('a malformed plan', () => {
  const rows: readonly (readonly [name: string, plan: Uint8Array, what: string, operation: number])[] = [
    ['empty', new Uint8Array(0), 'size', 0],
    ['a header alone', encodePlan([], none).subarray(0, HEADER), 'total size', 0],
    ['no operations', encodePlan([], none), 'no operations', 0],
    ['another magic', u32(0, 0x4c504353), 'magic', 0],
    ['an older version', u32(4, 0), 'version', 0],
    ['a newer version', u32(4, 2), 'version', 0],
    ['a size that is not its own', add(8, 1), 'total size', 0],
    ['one byte more', changed(() => {}).slice(0, -1), 'total size', 0],
    ['trailing bytes', Uint8Array.from([...encodePlan(smallPlan, none), 0]), 'total size', 0],
    ['trailing bytes that the size counts', Uint8Array.from([...add(8, 4), 0, 0, 0, 0]), 'pool size', 0],
    ['more operations than there are', add(12, 1), 'pool offset', 0],
    ['fewer operations than there are', add(12, -1), 'pool offset', 0],
    ['2^32 − 1 operations', u32(12, 0xffffffff), 'pool offset', 0],
    ['as many operations as make the offset wrap', u32(12, 0x80000003), 'pool offset', 0],
    ['a pool elsewhere', add(16, 4), 'pool offset', 0],
    ['a pool that ends early', add(20, -1), 'pool size', 0],
    ['a pool that ends late', add(20, 1), 'pool size', 0],
    ['a pool without its end', changed((_, bytes) => bytes.set([1], bytes.length - 1)), 'pool terminator', 0],
    ['too many preserved descriptors', u32(24, 65537), 'descriptor count', 0],
    ['too many inherited descriptors', u32(28, 65), 'descriptor count', 0],
    ['an operation of number 0', u32(kind(0), 0), 'unknown operation', 0],
    ['an unknown operation', u32(kind(1), 999), 'unknown operation', 1],
    ['an operation of number 2^32 − 1', u32(kind(2), 0xffffffff), 'unknown operation', 2],
    ['a reserved field', u32(kind(0) + 20, 1), 'reserved field', 0],
    ['a string beyond the pool', u32(string(2, 0), 1 << 20), 'string offset', 2],
    [
      'a string just beyond the pool',
      changed((view) => view.setUint32(string(2, 1), view.getUint32(20, true), true)),
      'string offset',
      2,
    ],
    ['a string of the largest offset', u32(string(2, 0), 0xfffffffe), 'string offset', 2],
    ['a missing string', u32(string(2, 0), 0xffffffff), 'strings of an operation', 2],
    ['a string too many', u32(string(2, 2), 0), 'strings of an operation', 2],
    ['a string where none belongs', u32(string(0, 0), 0), 'strings of an operation', 0],
    ['a number where none belongs', u32(number(0, 0), 1), 'numbers of an operation', 0],
    ['a number too many', u32(number(2, 7), 1), 'numbers of an operation', 2],
    ['a list beyond the pool', u32(list(0, 0), 1 << 20), 'list offset', 0],
    ['a list of more strings than there are', u32(list(0, 0) + 4, 1000), 'list size', 0],
    ['a list of 2^32 − 1 strings', u32(list(0, 0) + 4, 0xffffffff), 'list size', 0],
    ['a list of more numbers than there are', u32(list(1, 0) + 4, 1000), 'list size', 1],
    ['a list of 2^30 numbers', u32(list(1, 0) + 4, 1 << 30), 'list size', 1],
    ['a list of 2^32 − 1 numbers', u32(list(1, 0) + 4, 0xffffffff), 'list size', 1],
    ['a list where none belongs', u32(list(2, 0) + 4, 1), 'unexpected list', 2],
    ['a second list where one belongs', u32(list(0, 1) + 4, 1), 'unexpected list', 0],
  ];
  test.each(rows)('%s', (_, plan, what, operation) => {
    const message = refused(runPlan(plan));
    expect(message.detail).toBe(`plan\n${what}`);
    expect(message.operation).toBe(operation);
  });

  test('without EXEC at its end', () => {
    const message = refused(runOperations([{ op: 'umask', mask: 0 }]));
    expect(message).toMatchObject({ operation: 1, detail: 'plan\nit ends without EXEC' });
  });

  test.each<[string, Operation, string]>([
    ['a namespace of no descriptor', { op: 'join', fd: 0, type: 0 }, 'descriptor index'],
    ['a namespace before the first', { op: 'join', fd: -1, type: 0 }, 'descriptor index'],
    ['a namespace of index 2^63', { op: 'join', fd: 1n << 63n, type: 0 }, 'descriptor index'],
    ['a root of no source', { op: 'rootfs', path: '/root', fd: 0 }, 'source index'],
    ['a bind mount of no source', { op: 'bind', source: 'x', target: 'y', fd: 7 }, 'source index'],
  ])('that names %s', (_, operation, what) => {
    expect(refused(runOperations([operation])).detail).toBe(`plan\n${what}`);
  });

  test('that asks the host after it let go of it', () => {
    const { messages } = runOperations([{ op: 'ready' }, { op: 'alive' }, { op: 'sync', point: POINT.HOOKS }]);
    expect(messages.at(-1)).toMatchObject({ type: MESSAGE.ERROR, value: EBADMSG, operation: 2 });
  });

  test('cut short anywhere', () => {
    const whole = encodePlan(smallPlan, none);
    const cuts = Array.from({ length: whole.length }, (_, length) => whole.subarray(0, length));
    for (const [length, ending] of runPlans(cuts).entries())
      expect(refused(ending).detail).toBe(length < HEADER ? 'plan\nsize' : 'plan\ntotal size');
  });

  test('cut short anywhere, with a size that says so', () => {
    const whole = encodePlan(smallPlan, none);
    const cuts = Array.from({ length: whole.length - HEADER }, (_, at) => {
      const bytes = whole.slice(0, HEADER + at);
      new DataView(bytes.buffer).setUint32(8, bytes.length, true);
      return bytes;
    });
    for (const ending of runPlans(cuts)) expect(refused(ending).detail).toBe('plan\npool size');
  });

  // Operations whose state others must have made: alone, each must say what is missing.
  const alone = Object.entries(OPERATIONS).map(([op, shape]) => {
    const fields: [string, unknown][] = [
      ...shape.strings.map((name): [string, unknown] => [name, '/x']),
      ...shape.numbers.map((name): [string, unknown] => [name, 0]),
      ...shape.lists.map((name): [string, unknown] => [name, []]),
    ];
    return { op, operation: Object.fromEntries([['op', op], ...fields]) as unknown as Operation };
  });
  test.each(alone)('$op alone is no crash', ({ operation }) => {
    for (const program of [init, sanitizedInit()]) {
      const ending = runOperations([operation], program);
      expect(ending.how).toBe('exit');
      expect(ending.messages.length).toBeGreaterThan(0);
    }
  });
});

/** What init may say last. */
const lastWords: ReadonlySet<number> = new Set([MESSAGE.ERROR, MESSAGE.HOOK_FAILED, MESSAGE.EXEC_FAILED]);

const encoded = encodePlan(wholePlan, none);

interface Flip {
  at: number;
  value: number;
}

const flip: fc.Arbitrary<Flip> = fc.record({
  at: fc.oneof(
    fc.nat(encoded.length - 1),
    fc.nat(HEADER - 1),
    // Of records, the fields that mean something more often than the zeros.
    fc.tuple(fc.nat(wholePlan.length - 1), fc.nat(RECORD - 1)).map(([index, byte]) => HEADER + index * RECORD + byte),
    fc
      .tuple(fc.nat(wholePlan.length - 1), fc.constantFrom(0, 4, 8, 24, 32, 40, 88, 92))
      .map(([index, byte]) => HEADER + index * RECORD + byte),
  ),
  value: fc.oneof(
    fc.nat(255),
    fc.constantFrom(0, 1, 0x7f, 0x80, 0xff),
    fc.constantFrom(...Object.values(OPERATIONS).map((shape) => shape.kind)),
  ),
});

function flipped(flips: readonly Flip[]): Uint8Array {
  const bytes = encoded.slice();
  for (const { at, value } of flips) bytes[at] = value;
  return bytes;
}

const operation: fc.Arbitrary<Operation> = fc.constantFrom(...wholePlan);

describe('a plan with random bytes', () => {
  const programs = [
    ['init', init, 25],
    ['init with the sanitizers', sanitizedInit(), 8],
  ] as const;

  test.each(programs)(
    'ends with a reason: %s',
    (_, program, runs) => {
      fc.assert(
        fc.property(fc.array(fc.array(flip, { minLength: 1, maxLength: 4 }), { maxLength: 40 }), (cases) => {
          for (const [index, { how, messages }] of runPlans(cases.map(flipped), program).entries()) {
            expect({ case: cases[index], how }).toEqual({ case: cases[index], how: 'exit' });
            expect(lastWords).toContain(messages.at(-1)?.type);
          }
        }),
        { numRuns: runs },
      );
    },
    120_000,
  );

  test.each(programs)(
    'in any order ends with a reason: %s',
    (_, program, runs) => {
      fc.assert(
        fc.property(fc.array(fc.array(operation, { maxLength: 12 }), { maxLength: 40 }), (cases) => {
          const plans = cases.map((operations) => encodePlan(operations, none));
          for (const [index, { how, messages }] of runPlans(plans, program).entries()) {
            expect({ case: cases[index], how }).toEqual({ case: cases[index], how: 'exit' });
            expect(lastWords).toContain(messages.at(-1)?.type);
          }
        }),
        { numRuns: runs },
      );
    },
    120_000,
  );
});

describe('a label', () => {
  /** The name of a thread stands in for a label: another file of a process's own that keeps what is written, cut to 15 characters. */
  const named = (label: string, kept?: string): Ending =>
    runOperations([
      { op: 'procHandle' },
      { op: 'label', path: 'self/comm', label, ...(kept === undefined ? {} : { kept }) },
      { op: 'done' },
    ]);
  const done = { type: MESSAGE.DONE };
  const lost = { type: MESSAGE.ERROR, value: 61, detail: 'read\nself/comm' };

  test.each<[label: string, kept: string | undefined, said: object]>([
    ['profile', 'profile', done],
    ['profile (enforce)', 'profile', done],
    ['profile', '', done],
    ['a-label-that-is-cut', undefined, done],
    ['a-label-that-is-cut', 'a-label-that-is-cut', lost],
    ['profiles', 'profile', lost],
    ['another', 'profile', lost],
    ['prof', 'profile', lost],
  ])('%j of which %j is to be kept', (label, kept, said) => {
    expect(named(label, kept).messages.at(-1)).toMatchObject(said);
  });
});
