import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { DBusValue } from '../../../runtime/cgroup/dbus-value.ts';
import { parseVariant } from '../../../runtime/cgroup/gvariant.ts';
import { annotatedProperties } from '../../../runtime/cgroup/systemd-annotations.ts';
import { TsrunError } from '../../../runtime/errors.ts';

const strings = (...values: string[]): DBusValue => ({
  type: 'a',
  element: 's',
  items: values.map((value) => ({ type: 's', value })),
});

describe('the text format of GVariant', () => {
  test.each<[text: string, signature: string, value: DBusValue]>([
    ['true', 'b', { type: 'b', value: true }],
    [' boolean false ', 'b', { type: 'b', value: false }],
    ['15', 'i', { type: 'i', value: 15 }],
    ['-0x10', 'i', { type: 'i', value: -16 }],
    ['+5', 'y', { type: 'y', value: 5 }],
    ['uint64 18446744073709551615', 't', { type: 't', value: 2n ** 64n - 1n }],
    ['18446744073709551615', 't', { type: 't', value: 2n ** 64n - 1n }],
    ['@x -9223372036854775808', 'x', { type: 'x', value: -(2n ** 63n) }],
    ['@t 0', 't', { type: 't', value: 0n }],
    ['byte 0xff', 'y', { type: 'y', value: 255 }],
    ['1.5e3', 'd', { type: 'd', value: 1500 }],
    ['double 2', 'd', { type: 'd', value: 2 }],
    ["'inactive-or-failed'", 's', { type: 's', value: 'inactive-or-failed' }],
    ['"it\\"s \\u00e9 \\U0001f600 \\n"', 's', { type: 's', value: 'it"s é 😀 \n' }],
    ["objectpath '/a'", 'o', { type: 'o', value: '/a' }],
    ['[\'a\', "b"]', 'as', strings('a', 'b')],
    ['[]', 'as', strings()],
    ['@as [ ]', 'as', strings()],
    ['[0x01, 255]', 'ay', { type: 'bytes', value: Uint8Array.of(1, 255) }],
    ['[byte 1, 2]', 'ay', { type: 'bytes', value: Uint8Array.of(1, 2) }],
    ["b'a\\001\\\\'", 'ay', { type: 'bytes', value: Uint8Array.of(97, 1, 92, 0) }],
    ['b"\\xé"', 'ay', { type: 'bytes', value: Uint8Array.of(120, 0xc3, 0xa9, 0) }],
  ])('%s as %s', (text, signature, value) => {
    expect(parseVariant(text, signature)).toEqual(value);
  });

  test.each<[text: string, signature: string, message: string]>([
    ['', 's', 'expected string'],
    ['kill', 's', 'expected string'],
    ["'a", 's', 'expected string'],
    ["'a' 'b'", 's', 'more than one value, expected string'],
    ['5', 's', 'expected string'],
    ["'5'", 'i', 'expected int32'],
    ['5.5', 'i', 'expected int32'],
    ['5x', 'i', 'expected int32'],
    ['010', 'i', 'expected int32 without leading zeros'],
    ['uint32 5', 't', 'expected uint64, found uint32'],
    ['@u 5', 't', 'expected uint64, found uint32'],
    ['-1', 't', 'expected uint64, from 0 to 18446744073709551615'],
    ['256', 'y', 'expected byte, from 0 to 255'],
    ['2147483648', 'i', 'expected int32, from -2147483648 to 2147483647'],
    ['truer', 'b', 'expected boolean'],
    ['1', 'b', 'expected boolean'],
    ["['a' 'b']", 'as', 'expected , or ] in array of string'],
    ["['a',]", 'as', 'expected string'],
    ["['a'", 'as', 'expected , or ] in array of string'],
    ["'a'", 'as', 'expected array of string'],
    ["'\\ud800'", 's', 'no such character: \\ud800'],
    ["'\\U00110000'", 's', 'no such character: \\U00110000'],
    ['@as 5', 't', 'expected uint64, found array of string'],
  ])('%s is no %s', (text, signature, message) => {
    expect(() => parseVariant(text, signature)).toThrow(message);
  });

  it('reads every number as it is', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(parseVariant(`uint64 ${value}`, 't')).toEqual({ type: 't', value });
        expect(parseVariant(`0x${value.toString(16)}`, 't')).toEqual({ type: 't', value });
      }),
    );
  });

  it('reads or refuses every text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("'", '"', '\\', 'b', '[', ']', ',', '0', 'x', 'u', ' ', '@', 'é', '\n') }),
        fc.constantFrom('s', 't', 'as', 'ay', 'b', 'd', 'i'),
        (text, signature) => {
          try {
            parseVariant(text, signature);
          } catch (error) {
            expect((error as Error).constructor.name).toBe('VariantError');
          }
        },
      ),
    );
  });
});

function refusal(name: string, text: string): string {
  try {
    annotatedProperties({ [`org.systemd.property.${name}`]: text });
    return 'accepted';
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return error.message.replace(`annotations["org.systemd.property.${name}"]: `, '');
  }
}

describe('annotations', () => {
  it('takes what is safe, and nothing of other annotations', () => {
    expect(
      annotatedProperties({
        'org.example.a': 'x',
        'org.systemd.property.KillSignal': '15',
        'org.systemd.property.TimeoutStopUSec': 'uint64 10000000',
        'org.systemd.property.CollectMode': "'inactive-or-failed'",
        'org.systemd.property.After': "['podman.service']",
        'org.systemd.property.SendSIGHUP': 'true',
        'org.systemd.property.AllowedCPUs': '[byte 0x03]',
      }),
    ).toEqual([
      { name: 'KillSignal', value: { type: 'i', value: 15 } },
      { name: 'TimeoutStopUSec', value: { type: 't', value: 10_000_000n } },
      { name: 'CollectMode', value: { type: 's', value: 'inactive-or-failed' } },
      { name: 'After', value: strings('podman.service') },
      { name: 'SendSIGHUP', value: { type: 'b', value: true } },
      { name: 'AllowedCPUs', value: { type: 'bytes', value: Uint8Array.of(3) } },
    ]);
    expect(annotatedProperties()).toEqual([]);
  });

  test.each([
    ['TimeoutStopSec', '5', 5_000_000n],
    ['TimeoutStopSec', 'int32 5', 5_000_000n],
    ['TimeoutStopSec', 'uint64 18446744073709', 18_446_744_073_709_000_000n],
    ['RuntimeMaxSec', '1.5', 1_500_000n],
    ['RuntimeMaxSec', 'double 0.0000019', 1n],
    ['CPUQuotaPeriodSec', '0.1', 100_000n],
  ])('%s in seconds: %s', (name, text, value) => {
    expect(annotatedProperties({ [`org.systemd.property.${name}`]: text })).toEqual([
      { name: name.replace(/Sec$/, 'USec'), value: { type: 't', value } },
    ]);
  });

  const not = (name: string, why: string): string =>
    `tsrun does not hand the property "${name}" to systemd: ${why}; remove the annotation`;
  const runs = 'it would run a program on the host';
  const units = 'it acts on other units';
  const machine = 'it could act on the machine';
  const confines = 'it is part of what confines the container';
  const own = 'tsrun itself sets it';
  const unknown = 'it is not one of those known to be safe';

  test.each([
    ['ExecStart', runs],
    ['ExecStartPre', runs],
    ['ExecStop', runs],
    ['OnFailure', units],
    ['Wants', units],
    ['BindsTo', units],
    ['Conflicts', units],
    ['FailureAction', machine],
    ['JobTimeoutAction', machine],
    ['JobTimeoutSec', machine],
    ['DeviceAllow', confines],
    ['DevicePolicy', confines],
    ['BPFProgram', confines],
    ['Delegate', own],
    ['Slice', own],
    ['PIDs', own],
    ['Description', own],
    ['User', own],
    ['Bogus', unknown],
    ['', unknown],
    ['constructor', unknown],
    ['KillSignal ', unknown],
    ['TimeoutStop', unknown],
    ['KillSec', unknown],
  ])('refuses %j', (name, why) => {
    expect(refusal(name, "'x'")).toBe(not(name, why));
  });

  test.each([
    ['KillSignal', 'SIGTERM', 'expected int32: got "SIGTERM"'],
    ['KillSignal', 'uint32 15', 'expected int32, found uint32: got "uint32 15"'],
    ['CollectMode', 'inactive', 'expected string: got "inactive"'],
    ['CollectMode', "'a\\nb'", 'control characters: got "\'a\\\\nb\'"'],
    ['After', "['a\\u0000']", 'control characters: got "[\'a\\\\u0000\']"'],
    ['TimeoutStopSec', '-1', 'expected a number of seconds: got "-1"'],
    ['TimeoutStopSec', "'5'", 'expected a number of seconds: got "\'5\'"'],
    ['TimeoutStopSec', '18446744073710', 'expected a number of seconds, at most 18446744073709: got "18446744073710"'],
  ])('refuses %s with %s', (name, text, message) => {
    expect(refusal(name, text)).toBe(message);
  });

  it('refuses two words for one property', () => {
    const twice = { 'org.systemd.property.TimeoutStopUSec': '5', 'org.systemd.property.TimeoutStopSec': '5' };
    expect(() => annotatedProperties(twice)).toThrow(
      'annotations["org.systemd.property.TimeoutStopSec"]: TimeoutStopUSec is set twice',
    );
  });
});
