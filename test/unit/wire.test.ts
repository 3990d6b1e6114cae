/** The plan's bytes, read back by a decoder written from docs/wire-format.md and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MESSAGE, OPERATIONS, type Operation, POINT } from '../../runtime/generated/wire.ts';
import { type DescriptorCounts, decodeMessages, encodeMessage, encodePlan, MESSAGE_MAX } from '../../runtime/wire.ts';

const ABSENT = 0xffff_ffff;
const RECORD = 104;
const HEADER = 32;

interface Decoded {
  counts: DescriptorCounts;
  operations: Record<string, unknown>[];
}

/** A reader that believes nothing: every offset is checked, and the pool must be used to its end. */
function decode(bytes: Uint8Array): Decoded {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  expect([u32(0), u32(4), u32(8)]).toEqual([0x4c504354, 1, bytes.length]);
  const [count, poolOffset, poolSize] = [u32(12), u32(16), u32(20)];
  expect(poolOffset).toBe(HEADER + count * RECORD);
  expect(poolOffset + poolSize).toBe(bytes.length);
  expect(bytes.at(-1)).toBe(0);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const string = (offset: number): { text: string; next: number } => {
    expect(offset).toBeLessThan(poolSize);
    const end = bytes.indexOf(0, poolOffset + offset);
    return { text: decoder.decode(bytes.subarray(poolOffset + offset, end)), next: end + 1 - poolOffset };
  };
  const strings = (offset: number, length: number): string[] => {
    const list: string[] = [];
    let next = offset;
    for (let i = 0; i < length; i++) {
      const found = string(next);
      list.push(found.text);
      next = found.next;
    }
    return list;
  };
  const numbers = (offset: number, length: number): number[] => {
    expect(offset + 4 * length).toBeLessThanOrEqual(poolSize);
    return Array.from({ length }, (_, i) => u32(poolOffset + offset + 4 * i));
  };
  const operations = Array.from({ length: count }, (_, index) => {
    const at = HEADER + index * RECORD;
    const [name, shape] = Object.entries(OPERATIONS).find(([, { kind }]) => kind === u32(at)) ?? [];
    if (!shape) throw new Error(`no operation ${u32(at)}`);
    const operation: Record<string, unknown> = { op: name };
    for (let i = 0; i < 4; i++) {
      const offset = u32(at + 4 + 4 * i);
      const field = shape.strings[i];
      if (offset === ABSENT) continue;
      if (field === undefined) throw new Error('a string that belongs to nothing');
      operation[field] = string(offset).text;
    }
    expect(u32(at + 20)).toBe(0);
    for (let i = 0; i < 8; i++) {
      const value = view.getBigInt64(at + 24 + 8 * i, true);
      const field = shape.numbers[i];
      if (field !== undefined) operation[field] = value;
      else expect(value).toBe(0n);
    }
    for (let i = 0; i < 2; i++) {
      const [offset, length] = [u32(at + 88 + 8 * i), u32(at + 92 + 8 * i)];
      const field = shape.lists[i];
      if (field === undefined) expect(length).toBe(0);
      else operation[field] = shape.numericList ? numbers(offset, length) : strings(offset, length);
    }
    return operation;
  });
  return { counts: { preserved: u32(24), inherited: u32(28) }, operations };
}

/** What an operation is after a way through bytes: every number a bigint, every absent one zero. */
function canonical(operation: Operation): Record<string, unknown> {
  const shape = OPERATIONS[operation.op];
  const fields = operation as unknown as Record<string, unknown>;
  const result: Record<string, unknown> = { op: operation.op };
  for (const name of shape.strings) if (fields[name] !== undefined) result[name] = fields[name];
  for (const name of shape.numbers) result[name] = BigInt.asIntN(64, BigInt((fields[name] as number | bigint) ?? 0));
  for (const name of shape.lists) result[name] = fields[name] ?? [];
  return result;
}

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((value) => value.replaceAll('\0', ''));
const integer = fc.oneof(
  fc.integer({ min: -1, max: 0x7fffffff }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n }),
  fc.constantFrom(0, -1, 0xffffffff, 2 ** 53 - 1, -(2 ** 53) + 1, (1n << 64n) - 1n),
);
const absent = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const operation: fc.Arbitrary<Operation> = fc.constantFrom(...Object.entries(OPERATIONS)).chain(([name, shape]) => {
  const list = shape.numericList
    ? fc.array(fc.integer({ min: 0, max: 0xffffffff }), { maxLength: 8 })
    : fc.array(text, { maxLength: 8 });
  const fields: Record<string, fc.Arbitrary<unknown>> = { op: fc.constant(name) };
  for (const field of shape.strings) fields[field] = absent(text);
  for (const field of shape.numbers) fields[field] = absent(integer);
  for (const field of shape.lists) fields[field] = list;
  return fc.record(fields) as fc.Arbitrary<unknown> as fc.Arbitrary<Operation>;
});

describe('a plan', () => {
  test('says the same after a way through bytes', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 12 }),
        fc.nat(1000),
        fc.nat(64),
        (operations, preserved, inherited) => {
          const decoded = decode(encodePlan(operations, { preserved, inherited }));
          expect(decoded).toEqual({ counts: { preserved, inherited }, operations: operations.map(canonical) });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('holds strings of every length, across the growth of its pool', () => {
    for (const length of [0, 1, 8190, 8191, 8192, 8193, 100_000]) {
      const args = ['é'.repeat(length), 'after'];
      expect(decode(encodePlan([{ op: 'args', args }], { preserved: 0, inherited: 0 })).operations).toEqual([
        { op: 'args', args },
      ]);
    }
  });

  test('holds equal strings once', () => {
    const path = 'x'.repeat(500);
    const bytes = encodePlan(
      Array.from({ length: 20 }, () => ({ op: 'mask' as const, path })),
      { preserved: 0, inherited: 0 },
    );
    expect(bytes.length).toBeLessThan(HEADER + 20 * RECORD + 600);
  });

  test('of no operations is whole', () => {
    expect(decode(encodePlan([], { preserved: 0, inherited: 0 })).operations).toEqual([]);
  });

  test('of one operation has these bytes', () => {
    const bytes = encodePlan([{ op: 'join', fd: 2, type: 0x40000000 }], { preserved: 1, inherited: 3 });
    const view = new DataView(bytes.buffer);
    const words = Array.from({ length: 12 }, (_, index) => view.getUint32(index * 4, true));
    expect(words).toEqual([0x4c504354, 1, 137, 1, 136, 1, 1, 3, 10, ABSENT, ABSENT, ABSENT]);
    expect(view.getBigInt64(HEADER + 24, true)).toBe(2n);
    expect(view.getBigInt64(HEADER + 32, true)).toBe(0x40000000n);
  });
});

describe('messages', () => {
  const message = (type: number, op: number, value: number, detail: string): Uint8Array => {
    const body = new TextEncoder().encode(detail);
    const bytes = new Uint8Array(16 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, true);
    view.setUint32(4, op, true);
    view.setInt32(8, value, true);
    view.setUint32(12, body.length, true);
    bytes.set(body, 16);
    return bytes;
  };
  const concatenated = (...parts: readonly Uint8Array[]): Uint8Array =>
    Uint8Array.from(parts.flatMap((part) => [...part]));

  test('for init are a header alone', () => {
    expect(encodeMessage(MESSAGE.CONTINUE, POINT.HOOKS)).toEqual(message(MESSAGE.CONTINUE, 0, POINT.HOOKS, ''));
  });

  test('are read one after the other', () => {
    const bytes = concatenated(message(7, 12, 1, 'mount\n/dev'), message(8, 3, -1, ''), message(10, 4, 0, ''));
    const { messages, used } = decodeMessages(bytes);
    expect(used).toBe(bytes.length);
    expect(messages.map(({ detail, ...rest }) => ({ ...rest, detail: new TextDecoder().decode(detail) }))).toEqual([
      { type: 7, operation: 12, value: 1, detail: 'mount\n/dev' },
      { type: 8, operation: 3, value: -1, detail: '' },
      { type: 10, operation: 4, value: 0, detail: '' },
    ]);
  });

  test('that are cut short wait for their rest', () => {
    const whole = concatenated(message(10, 4, 0, ''), message(7, 12, 1, 'mount\n/dev'));
    for (let length = 0; length < whole.length; length++) {
      const { messages, used } = decodeMessages(whole.subarray(0, length));
      expect(messages.length).toBe(length < 16 ? 0 : 1);
      expect(used).toBe(length < 16 ? 0 : 16);
    }
  });

  test('of any bytes are no crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { messages, used } = decodeMessages(bytes);
        expect(used).toBeLessThanOrEqual(bytes.length);
        expect(messages.reduce((sum, { detail }) => sum + 16 + detail.length, 0)).toBe(used);
      }),
    );
  });

  test('fit into the buffer that is kept for them', () => {
    expect(MESSAGE_MAX).toBe(16 + 4096);
  });
});
