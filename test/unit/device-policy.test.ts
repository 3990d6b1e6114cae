import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  Access,
  assembleDeviceProgram,
  type ConfiguredDeviceRule,
  type DeviceRequest,
  type DeviceRule,
  describeDeviceRule,
  deviceRules,
  effectivePolicy,
  isAllowed,
} from '../../runtime/cgroup/device-policy.ts';
import { runDeviceProgram } from './ebpf-interpreter.ts';

/** A request as text: `c 1:3 rw`. */
function request(text: string): DeviceRequest {
  const [type, number = '', letters = ''] = text.split(' ');
  const [major, minor] = number.split(':').map(Number);
  let access = 0;
  if (letters.includes('r')) access |= Access.read;
  if (letters.includes('w')) access |= Access.write;
  if (letters.includes('m')) access |= Access.mknod;
  return { type: type === 'b' ? 'b' : 'c', major: major ?? 0, minor: minor ?? 0, access };
}

function runProgram(rules: readonly DeviceRule[], { type, major, minor, access }: DeviceRequest): boolean {
  const accessType = (access << 16) | (type === 'b' ? 1 : 2);
  return runDeviceProgram(assembleDeviceProgram(rules), [accessType, major, minor]);
}

/** The rule as someone would write it in config.json: `allow c 10:229 rw`, `deny rwm`. */
function rule(text: string): ConfiguredDeviceRule {
  const words = text.split(' ');
  const allow = words[0] === 'allow';
  if (words.length === 2) return { allow, access: words[1] ?? '' };
  const [major, minor] = (words[2] ?? '').split(':');
  return {
    allow,
    type: words[1] ?? '',
    access: words[3] ?? '',
    ...(major === '*' ? {} : { major: Number(major) }),
    ...(minor === '*' ? {} : { minor: Number(minor) }),
  };
}

/** [configured rules, paths of linux.devices, granted requests, refused requests] */
const table: [string, string[], string[], string[], string[]][] = [
  [
    'no rules: the default devices and no others',
    [],
    [],
    ['c 1:3 rwm', 'c 1:5 rw', 'c 1:7 rw', 'c 1:8 r', 'c 1:9 rw', 'c 5:0 rw', 'c 5:2 rw', 'c 136:7 rw', 'c 10:200 rw'],
    ['c 1:1 r', 'c 5:1 rw', 'c 10:229 rw', 'b 8:0 r', 'c 1:4 r', 'b 1:3 r', 'c 1:11 w'],
  ],
  ['every node may be made', ['deny rwm'], [], ['c 1:1 m', 'b 8:0 m'], ['c 1:1 rm', 'b 8:0 wm']],
  ['a request for nothing', ['deny rwm'], [], ['b 8:0 ', 'c 1:3 '], []],
  [
    'the spec example',
    ['deny rwm', 'allow c 10:229 rw', 'allow b 8:0 r'],
    [],
    ['c 10:229 rw', 'b 8:0 r'],
    ['b 8:0 rw'],
  ],
  ['allow everything', ['allow rwm'], [], ['b 8:0 rwm', 'c 1:1 rw', 'c 5:1 rw'], []],
  ['allow everything but one', ['allow rwm', 'deny b 8:0 w'], [], ['b 8:0 r', 'b 8:1 rw'], ['b 8:0 w', 'b 8:0 rw']],
  ['a later deny-all forgets', ['allow c 10:229 rw', 'deny rwm'], [], [], ['c 10:229 r']],
  ['a later allow-all forgets', ['deny c 10:229 rw', 'allow a *:* rwm'], [], ['c 10:229 rw'], []],
  ['order matters', ['deny c 10:229 rw', 'allow c 10:* rw', 'deny c 10:230 w'], [], ['c 10:229 rw'], ['c 10:230 rw']],
  ['minor wildcard', ['allow b 8:* r'], [], ['b 8:0 r', 'b 8:255 r'], ['b 9:0 r', 'c 8:0 r', 'b 8:0 w']],
  ['major wildcard', ['allow b *:3 r'], [], ['b 8:3 r'], ['b 8:4 r']],
  ['type a with numbers is no reset', ['allow a 8:0 r'], [], ['b 8:0 r', 'c 8:0 r'], ['b 8:1 r', 'c 10:229 r']],
  ['type a with one letter is no reset', ['allow rwm', 'deny w'], [], ['b 8:0 r'], ['b 8:0 w', 'c 10:229 rw']],
  ['permissions from two rules add up', ['allow b 8:0 r', 'allow b 8:* w'], [], ['b 8:0 rw'], ['b 8:1 rw']],
  ['a default cannot be denied by a rule', ['allow rwm', 'deny c 1:3 rwm'], [], ['c 1:3 rw'], []],
  ['… but is, where linux.devices lists it', ['deny rwm'], ['/dev/null'], ['c 1:3 m', 'c 1:5 rw'], ['c 1:3 r']],
  ['linux.devices grants nothing itself', ['allow b 8:0 r'], ['/dev/sda'], ['b 8:0 r'], ['b 8:0 w']],
];

describe('device policy', () => {
  for (const [name, configured, paths, granted, refused] of table) {
    describe(name, () => {
      const rules = deviceRules(configured.map(rule), paths);
      test.each(granted)('grants %s', (text) => {
        expect(isAllowed(rules, request(text))).toBe(true);
        expect(runProgram(rules, request(text))).toBe(true);
      });
      test.each(refused)('refuses %s', (text) => {
        expect(isAllowed(rules, request(text))).toBe(false);
        expect(runProgram(rules, request(text))).toBe(false);
      });
    });
  }

  it("has the kernel's numbers", () => {
    expect(Access).toEqual({ mknod: 1 << 0, read: 1 << 1, write: 1 << 2 });
  });

  it('takes an absent and an empty list for the same', () => {
    expect(deviceRules(undefined, [])).toEqual(deviceRules([], []));
  });

  it('takes what is unset for "all"', () => {
    const [first] = deviceRules([{ allow: false }], []);
    expect(first && describeDeviceRule(first)).toBe('deny a *:* rwm');
  });

  it('takes -1 for every number, and 64-bit integers', () => {
    const [first] = deviceRules([{ allow: true, type: 'c', major: -1n, minor: 4294967295n, access: 'mr' }], []);
    expect(first && describeDeviceRule(first)).toBe('allow c *:4294967295 rm');
    expect(first && runProgram([first], { type: 'c', major: 7, minor: 0xffffffff, access: Access.read })).toBe(true);
  });

  it.each([
    { allow: true, major: 4294967296 + 8, access: 'r' },
    { allow: true, minor: -2, access: 'r' },
    { allow: true, major: 9223372036854775807n, access: 'r' },
    { allow: true, access: '' },
  ])('leaves out a rule that can match nothing: %o', (entry) => {
    expect(deviceRules([entry], [])).toEqual(deviceRules([], []));
  });

  it('drops what later rules hide', () => {
    const rules = deviceRules(['allow c 1:1 r', 'deny rwm', 'allow b 8:0 rw', 'deny b 8:0 w'].map(rule), []);
    const { otherwise, rules: kept } = effectivePolicy(rules);
    expect(otherwise).toBe(false);
    expect(kept.map(describeDeviceRule).slice(0, 3)).toEqual(['allow b 8:0 r', 'deny b 8:0 w', 'allow c *:* m']);
    expect(kept).toHaveLength(2 + deviceRules([], []).length);
  });

  it('ends at rules that together decide everything', () => {
    const rules = deviceRules(['allow c 1:1 r', 'allow rw', 'deny m'].map(rule), []).slice(0, 3);
    expect(effectivePolicy(rules).rules.map(describeDeviceRule)).toEqual(['allow a *:* rw', 'deny a *:* m']);
  });
});

describe('device program', () => {
  const number = fc.integer({ min: 0, max: 3 });
  const wild = fc.oneof(number, fc.constant(-1), fc.constant(0xffff_ffff));
  const anyRule: fc.Arbitrary<DeviceRule> = fc.record({
    allow: fc.boolean(),
    type: fc.constantFrom('a' as const, 'b' as const, 'c' as const),
    major: wild,
    minor: wild,
    access: fc.integer({ min: 1, max: 7 }),
  });
  const anyRequest: fc.Arbitrary<DeviceRequest> = fc.record({
    type: fc.constantFrom('b' as const, 'c' as const),
    major: fc.oneof(number, fc.constant(0xffff_ffff)),
    minor: fc.oneof(number, fc.constant(0xffff_ffff)),
    access: fc.integer({ min: 0, max: 7 }),
  });
  // Many rules for few devices: most requests meet several.
  const anyRules = fc.array(anyRule, { maxLength: 12 });

  it('decides as the rules do', () => {
    fc.assert(
      fc.property(anyRules, anyRequest, (rules, wanted) => {
        expect(runProgram(rules, wanted)).toBe(isAllowed(rules, wanted));
      }),
      { numRuns: 3000 },
    );
  });

  it('loses nothing with the rules that are dropped', () => {
    fc.assert(
      fc.property(anyRules, anyRequest, (rules, wanted) => {
        const { otherwise, rules: kept } = effectivePolicy(rules);
        const rest = { allow: otherwise, type: 'a' as const, major: -1, minor: -1, access: 7 };
        expect(isAllowed([rest, ...kept], wanted)).toBe(isAllowed(rules, wanted));
      }),
      { numRuns: 3000 },
    );
  });
});
