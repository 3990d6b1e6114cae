/** D-Bus values and messages as bytes: by example, by property, and with every kind of damage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Reader, Writer } from '../../../runtime/cgroup/dbus-marshal.ts';
import { decodeMessage, encodeCall, MESSAGE, messageLength, PRELUDE } from '../../../runtime/cgroup/dbus-message.ts';
import { alignmentOf, DBusFormatError, isObjectPath, splitSignature } from '../../../runtime/cgroup/dbus-signature.ts';
import { type DBusValue, signatureOf } from '../../../runtime/cgroup/dbus-value.ts';

function write(...values: DBusValue[]): Uint8Array {
  const writer = new Writer();
  for (const value of values) writer.value(value);
  return writer.bytes();
}

function read(bytes: Uint8Array, signature: string, little = true): DBusValue[] {
  const reader = new Reader(bytes, little);
  const values = splitSignature(signature).map((type) => reader.value(type));
  expect(reader.position).toBe(bytes.length);
  return values;
}

const text = (value: string): DBusValue => ({ type: 's', value });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('signatures', () => {
  it.each([
    ['', []],
    ['sa(sv)u', ['s', 'a(sv)', 'u']],
    ['a{sv}', ['a{sv}']],
    ['(i(ss)aay)v', ['(i(ss)aay)', 'v']],
  ])('%s', (signature, types) => {
    expect(splitSignature(signature)).toEqual(types);
  });

  it.each(['a', '(', '()', '(s', 's)', 'z', '{sv}', 'a{s}', 'a{vs}', 'a{sss}', 'a{(s)s}', 'm', 'a()', '(a)'])(
    'refuses %s',
    (signature) => {
      expect(() => splitSignature(signature)).toThrow(DBusFormatError);
    },
  );

  it('refuses what is too deep or too long', () => {
    expect(splitSignature(`${'a'.repeat(32)}y`)).toHaveLength(1);
    expect(() => splitSignature(`${'a'.repeat(34)}y`)).toThrow(/within each other/);
    expect(() => splitSignature(`${'('.repeat(34)}y${')'.repeat(34)}`)).toThrow(/within each other/);
    expect(() => splitSignature('y'.repeat(256))).toThrow(/longer than 255/);
  });

  it('knows object paths', () => {
    for (const path of ['/', '/a', '/org/freedesktop/systemd1/unit/a_2dscope']) expect(isObjectPath(path)).toBe(true);
    for (const path of ['', 'a', '//', '/a/', '/a-b', '/a//b', '/ü']) expect(isObjectPath(path)).toBe(false);
  });
});

describe('values as bytes', () => {
  it.each<[string, DBusValue[], string]>([
    ['a string', [text('ab')], '02000000616200'],
    [
      'numbers, each aligned',
      [
        { type: 'y', value: 1 },
        { type: 'u', value: 2 },
      ],
      '0100000002000000',
    ],
    [
      'a 64-bit number after a byte',
      [
        { type: 'y', value: 1 },
        { type: 't', value: 2n ** 64n - 1n },
      ],
      '0100000000000000ffffffffffffffff',
    ],
    [
      'an empty array of structures: its padding is there',
      [{ type: 'a', element: '(sv)', items: [] }],
      '0000000000000000',
    ],
    ['bytes', [{ type: 'bytes', value: Uint8Array.of(1, 2, 3) }], '03000000010203'],
    ['a variant', [{ type: 'v', value: { type: 'b', value: true } }], '0162000001000000'],
    ['a negative number', [{ type: 'n', value: -2 }], 'feff'],
  ])('%s', (_, values, expected) => {
    expect(hex(write(...values))).toBe(expected);
  });

  it.each<[string, DBusValue]>([
    ['a zero byte', text('a\0b')],
    ['half a character', text('a\ud800')],
    ['an object path that is none', { type: 'o', value: 'x' }],
    ['a signature that is none', { type: 'g', value: '(' }],
    ['a number out of range', { type: 'u', value: -1 }],
    ['a fraction', { type: 'i', value: 1.5 }],
    ['more than 64 bits', { type: 't', value: 2n ** 64n }],
    ['a negative unsigned number', { type: 't', value: -1n }],
    ['an item of another type', { type: 'a', element: 'u', items: [text('a')] }],
    ['an array of two types', { type: 'a', element: 'uu', items: [] }],
    ['an empty structure', { type: 'r', fields: [] }],
  ])('refuses %s', (_, value) => {
    expect(() => write(value)).toThrow(DBusFormatError);
  });
});

// Whole numbers of characters: half a surrogate pair cannot be sent.
const string = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0'));
const path = fc
  .array(fc.string({ unit: fc.constantFrom('a', 'Z', '0', '_'), minLength: 1, maxLength: 5 }), { maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`);

const basic: fc.Arbitrary<DBusValue> = fc.oneof(
  string.map((value): DBusValue => ({ type: 's', value })),
  path.map((value): DBusValue => ({ type: 'o', value })),
  fc.constantFrom('', 's', 'a{sv}', '(ii)').map((value): DBusValue => ({ type: 'g', value })),
  fc.boolean().map((value): DBusValue => ({ type: 'b', value })),
  fc.integer({ min: 0, max: 255 }).map((value): DBusValue => ({ type: 'y', value })),
  fc.integer({ min: -0x8000, max: 0x7fff }).map((value): DBusValue => ({ type: 'n', value })),
  fc.integer({ min: 0, max: 0xffff }).map((value): DBusValue => ({ type: 'q', value })),
  fc.integer().map((value): DBusValue => ({ type: 'i', value })),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value): DBusValue => ({ type: 'u', value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): DBusValue => ({ type: 'x', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): DBusValue => ({ type: 't', value })),
  fc.double({ noNaN: true }).map((value): DBusValue => ({ type: 'd', value })),
  fc.uint8Array().map((value): DBusValue => ({ type: 'bytes', value })),
);

const { value: anyValue } = fc.letrec<{ value: DBusValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    basic,
    tie('value').map((value): DBusValue => ({ type: 'v', value })),
    fc.array(tie('value'), { minLength: 1, maxLength: 4 }).map((fields): DBusValue => ({ type: 'r', fields })),
    // Items of one type: the same value some times. An array of bytes has a form of its own.
    fc
      .tuple(tie('value'), fc.nat(3))
      .filter(([value]) => value.type !== 'y')
      .map(
        ([value, count]): DBusValue => ({ type: 'a', element: signatureOf(value), items: Array(count).fill(value) }),
      ),
  ),
}));

const sendable = fc
  .array(anyValue, { maxLength: 4 })
  .filter((values) => values.map(signatureOf).join('').length <= 255);

describe('what is written', () => {
  it('is read again as it was', () => {
    fc.assert(
      fc.property(sendable, (values) => {
        const signature = values.map(signatureOf).join('');
        expect(read(write(...values), signature)).toEqual(values);
      }),
    );
  });

  it('is refused, never misread, where any part is missing', () => {
    fc.assert(
      fc.property(sendable, fc.nat(), (values, cut) => {
        const bytes = write(...values);
        if (bytes.length === 0) return;
        const part = bytes.subarray(0, cut % bytes.length);
        expect(() => read(part, values.map(signatureOf).join(''))).toThrow(DBusFormatError);
      }),
    );
  });
});

it('reads bytes that are anything at all without any other error', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.constantFrom('s', 'a(sv)', 'v', 'a{sv}', 'ao', 'g'),
      (bytes, type) => {
        try {
          new Reader(bytes, true).value(type);
        } catch (error) {
          expect(error).toBeInstanceOf(DBusFormatError);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

it('reads the other byte order', () => {
  expect(read(Uint8Array.of(0, 0, 0, 2, 0x61, 0x62, 0), 's', false)).toEqual([text('ab')]);
  expect(alignmentOf('a{sv}')).toBe(4);
});

describe('damaged values', () => {
  it.each([
    ['an array longer than what is there', 'ay', 'ff000000aa'],
    ['an item beyond the end of its array', 'au', '0600000001000000020000'],
    ['a string without its zero byte', 's', '01000000616100'],
    ['a string with a zero byte in it', 's', '0300000061006100'],
    ['a string that is not UTF-8', 's', '01000000ff00'],
    ['a boolean of 2', 'b', '02000000'],
    ['a path that is none', 'o', '010000006100'],
    ['a variant of two values', 'v', '027575000100000002000000'],
    ['a variant of none', 'v', '0000'],
    ['padding that is not zero', '(yu)', '0100010002000000'],
    ['an array longer than 64 MiB', 'ay', '00000010'],
  ])('%s', (_, type, bytes) => {
    expect(() => read(Uint8Array.from(Buffer.from(bytes, 'hex')), type)).toThrow(DBusFormatError);
  });

  it('variants without an end', () => {
    const bytes = new Uint8Array(4095);
    for (let at = 0; at < bytes.length; at += 3) bytes.set([1, 0x76, 0], at);
    expect(() => new Reader(bytes, true).value('v')).toThrow(/too many variants/);
  });
});

describe('messages', () => {
  const call = {
    destination: 'org.freedesktop.systemd1',
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'StopUnit',
    body: [text('web.scope'), text('replace')],
  };

  it('are written as the specification says', () => {
    const bytes = encodeCall(call, 7);
    expect(messageLength(bytes.subarray(0, PRELUDE))).toBe(bytes.length);
    expect(decodeMessage(bytes)).toEqual({
      type: MESSAGE.CALL,
      serial: 7,
      replySerial: 0,
      path: call.path,
      interface: call.interface,
      member: call.member,
      errorName: '',
      sender: '',
      body: call.body,
    });
    expect(bytes[2]).toBe(0);
    expect(encodeCall(call, 7, false)[2]).toBe(1);
  });

  it('with any body are read as they were written', () => {
    fc.assert(
      fc.property(sendable, (body) => {
        expect(decodeMessage(encodeCall({ ...call, body }, 1)).body).toEqual(body);
      }),
    );
  });

  it('with a flipped byte are read or refused, and nothing else happens', () => {
    const bytes = encodeCall({ ...call, body: [{ type: 'a', element: '(sv)', items: [] }] }, 1);
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        try {
          decodeMessage(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(DBusFormatError);
        }
      }
  });

  it.each([
    ['a byte order that is none', (bytes: Uint8Array) => bytes.fill(0x6d, 0, 1)],
    ['another version', (bytes: Uint8Array) => bytes.fill(2, 3, 4)],
    ['a body beyond every limit', (bytes: Uint8Array) => bytes.fill(0xff, 4, 8)],
    ['header fields beyond every limit', (bytes: Uint8Array) => bytes.fill(0xff, 12, 16)],
    ['no serial', (bytes: Uint8Array) => bytes.fill(0, 8, 12)],
    ['a type that needs other fields', (bytes: Uint8Array) => bytes.fill(MESSAGE.RETURN, 1, 2)],
    ['one byte too many', (bytes: Uint8Array) => Uint8Array.from([...bytes, 0])],
    ['one byte too few', (bytes: Uint8Array) => bytes.slice(0, -1)],
  ])('are refused with %s', (_, damage) => {
    expect(() => decodeMessage(damage(encodeCall(call, 1)))).toThrow(DBusFormatError);
  });
});
