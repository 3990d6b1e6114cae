/**
 * The device policy of a container (config-linux.md, "Allowed Device list"): which device numbers may be opened or made.
 *
 * Rules apply in their order, and for each of the three permissions on its own the last rule that names the device
 * decides. Where no rule does, the answer is no: without `linux.resources.devices` a container has the default devices
 * and nothing else, as under runc. A request for several permissions at once (open for reading and writing) is granted
 * only where each of them is. So `deny c 5:* w` after `allow c *:* rwm` also stops an O_RDWR open of 5:0, and a rule
 * may carve an exception out of an earlier wildcard.
 *
 * A rule of type `a` with numbers or with fewer permissions means just what it says; runc, like the v1 controller,
 * widens it to every device and permission. `linux.devices` grants nothing by itself: callers that pass a device
 * read-only rely on that.
 */

import { encode, exit, type Instruction, loadWord, type Register, withImmediate, withRegister } from './ebpf.ts';

/** An entry of `linux.resources.devices`, validated: `access` holds none but the letters r, w and m. */
export interface ConfiguredDeviceRule {
  readonly allow: boolean;
  readonly type?: string;
  readonly major?: number | bigint;
  readonly minor?: number | bigint;
  readonly access?: string;
}

/** `a` is both of the others. */
export type DeviceType = 'a' | 'b' | 'c';

/** A rule as the kernel side needs it. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type: DeviceType;
  /** A device number, or {@link ANY_NUMBER}. */
  readonly major: number;
  readonly minor: number;
  /** Bits of {@link Access}. */
  readonly access: number;
}

/** What a process asks of the device controller. */
export interface DeviceRequest {
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  /** Bits of {@link Access}. */
  readonly access: number;
}

/** In place of a major or minor number: every one. */
const ANY_NUMBER = -1;

/** The v1 controller of devices, and its hierarchy. */
export const DEVICES = 'devices';

/** BPF_DEVCG_ACC_*. */
export const Access = { mknod: 1, read: 2, write: 4 } as const;

const ALL_ACCESS = Access.mknod | Access.read | Access.write;
const LETTERS = { r: Access.read, w: Access.write, m: Access.mknod } as const;

/** BPF_DEVCG_DEV_*. */
const TYPE_NUMBER = { b: 1, c: 2 } as const;

const MAX_NUMBER = 0xffff_ffff;

const allow = (type: DeviceType, major: number, minor: number, access = ALL_ACCESS): DeviceRule => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

/**
 * What every container may use, appended to the configured rules. A path is given where the device is one that the
 * runtime supplies under this name. /dev/console is a pseudoterminal here (136:*), so the host's own console (5:1) stays
 * closed. Making any node is allowed because CAP_MKNOD already guards it and images unpack nodes that they never open;
 * tun (10:200) because callers without a way to add rules depend on it (runc took it away in 1.2.0 and had to return it).
 */
const defaultRules = (): readonly { readonly path?: string; readonly rule: DeviceRule }[] => [
  { rule: allow('c', ANY_NUMBER, ANY_NUMBER, Access.mknod) },
  { rule: allow('b', ANY_NUMBER, ANY_NUMBER, Access.mknod) },
  { path: '/dev/null', rule: allow('c', 1, 3) },
  { path: '/dev/zero', rule: allow('c', 1, 5) },
  { path: '/dev/full', rule: allow('c', 1, 7) },
  { path: '/dev/random', rule: allow('c', 1, 8) },
  { path: '/dev/urandom', rule: allow('c', 1, 9) },
  { path: '/dev/tty', rule: allow('c', 5, 0) },
  { rule: allow('c', 5, 2) },
  { rule: allow('c', 136, ANY_NUMBER) },
  { rule: allow('c', 10, 200) },
];

/**
 * The rules of a container, in the order in which they apply.
 *
 * @param configured `linux.resources.devices`; absent and empty are the same.
 * @param devicePaths The paths of `linux.devices`: a default device listed there loses its default rule, so that the
 *   configured rules alone govern it (runc's behaviour, and the only way to take a default device away).
 */
export function deviceRules(
  configured: readonly ConfiguredDeviceRule[] | undefined,
  devicePaths: readonly string[],
): DeviceRule[] {
  const rules: DeviceRule[] = [];
  for (const entry of configured ?? []) {
    const rule = normalized(entry);
    if (rule !== undefined) rules.push(rule);
  }
  for (const { path, rule } of defaultRules()) {
    if (path === undefined || !devicePaths.includes(path)) rules.push(rule);
  }
  return rules;
}

/** The rule of an entry, or undefined where it can match no request. */
function normalized(entry: ConfiguredDeviceRule): DeviceRule | undefined {
  const major = deviceNumber(entry.major);
  const minor = deviceNumber(entry.minor);
  // Unset means "all" for the other properties of an entry, and nothing else is said of this one.
  const access = entry.access === undefined ? ALL_ACCESS : accessBits(entry.access);
  if (major === undefined || minor === undefined || access === 0) return undefined;
  const type = entry.type === 'b' || entry.type === 'c' ? entry.type : 'a';
  return { allow: entry.allow, type, major, minor, access };
}

/** A number as the kernel has it; undefined where no device can have it (a 32-bit comparison would wrap around). */
function deviceNumber(value: number | bigint | undefined): number | undefined {
  if (value === undefined) return ANY_NUMBER;
  const number = Number(value);
  return number >= ANY_NUMBER && number <= MAX_NUMBER ? number : undefined;
}

function accessBits(text: string): number {
  let bits = 0;
  for (const letter of text) bits |= LETTERS[letter as keyof typeof LETTERS] ?? 0;
  return bits;
}

/**
 * Whether `rules` grant `request`: the meaning of the policy, which {@link assembleDeviceProgram} has to have too.
 * A request for no permission at all (access(2) with X_OK makes one) is granted: there is nothing to refuse.
 */
export function isAllowed(rules: readonly DeviceRule[], request: DeviceRequest): boolean {
  return Object.values(Access).every(
    (bit) => (request.access & bit) === 0 || lastRuleFor(rules, request, bit)?.allow === true,
  );
}

function lastRuleFor(rules: readonly DeviceRule[], request: DeviceRequest, bit: number): DeviceRule | undefined {
  return rules.findLast(
    (rule) =>
      (rule.access & bit) !== 0 &&
      (rule.type === 'a' || rule.type === request.type) &&
      (rule.major === ANY_NUMBER || rule.major === request.major) &&
      (rule.minor === ANY_NUMBER || rule.minor === request.minor),
  );
}

/** A device policy that means the same as the rules it was made from, without those that later ones hide. */
export interface EffectivePolicy {
  /** The answer for permissions that no rule decides. */
  readonly otherwise: boolean;
  /** In the order in which they apply: the last one that matches decides. */
  readonly rules: readonly DeviceRule[];
}

/** Drops what cannot matter: rules before one that decides everything, and permissions that a later twin decides. */
export function effectivePolicy(rules: readonly DeviceRule[]): EffectivePolicy {
  const kept: DeviceRule[] = [];
  const decided = new Map<string, number>();
  for (let index = rules.length - 1; index >= 0; index--) {
    const rule = rules[index];
    if (rule === undefined) continue;
    const device = `${rule.type} ${rule.major}:${rule.minor}`;
    const before = decided.get(device) ?? 0;
    const access = rule.access & ~before;
    if (access === 0) continue;
    const everyDevice = rule.type === 'a' && rule.major === ANY_NUMBER && rule.minor === ANY_NUMBER;
    if (everyDevice && access === ALL_ACCESS) return { otherwise: rule.allow, rules: kept.reverse() };
    decided.set(device, before | access);
    kept.push({ ...rule, access });
    if (everyDevice && (before | access) === ALL_ACCESS) break;
  }
  return { otherwise: false, rules: kept.reverse() };
}

/** The policy in words, one rule each: what is otherwise, then the rules that still matter, in their order. */
export function describeDevicePolicy(rules: readonly DeviceRule[]): string[] {
  if (rules.length === 0) return [];
  const policy = effectivePolicy(rules);
  return [`${policy.otherwise ? 'allow' : 'deny'} everything`, ...policy.rules.map(describeDeviceRule)];
}

/** A rule in the notation of the v1 controller's files, such as `allow c 136:* rwm`. */
export function describeDeviceRule(rule: DeviceRule): string {
  const number = (value: number): string => (value === ANY_NUMBER ? '*' : String(value));
  let access = '';
  for (const [letter, bit] of Object.entries(LETTERS)) if ((rule.access & bit) !== 0) access += letter;
  return `${rule.allow ? 'allow' : 'deny'} ${rule.type} ${number(rule.major)}:${number(rule.minor)} ${access}`;
}

/** Permissions asked for and denied so far; at the end, everything that was asked for in vain. */
const REFUSED: Register = 0;
const CONTEXT: Register = 1;
/** Permissions asked for that no rule looked at so far has decided. */
const PENDING: Register = 2;
const MAJOR: Register = 3;
const MINOR: Register = 4;
/** Zero for a device of that type, and only for one. */
const NOT_OF_TYPE: { readonly b: Register; readonly c: Register } = { b: 5, c: 6 };
const SCRATCH: Register = 7;
const OTHER: Register = 8;

/**
 * The policy as a program of type BPF_PROG_TYPE_CGROUP_DEVICE. Its context is `struct bpf_cgroup_dev_ctx`: access_type
 * (permissions << 16 | type), major, minor, 32 bits each; it returns 1 to grant and 0 to refuse.
 *
 * Rules are tried from the last to the first, each for the permissions still pending. There are no jumps: the kernel's
 * verifier follows every path, and a branch for each test made loading the default policy 2.5 times as slow (0.38 ms to
 * 0.15 ms) and a list of a hundred rules 30 times, with E2BIG at a thousand.
 */
export function assembleDeviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const policy = effectivePolicy(rules);
  const program: Instruction[] = [
    loadWord(NOT_OF_TYPE.b, CONTEXT, 0),
    withRegister('moveRegister32', PENDING, NOT_OF_TYPE.b),
    withImmediate('shiftRight32', PENDING, 16),
    withImmediate('and32', NOT_OF_TYPE.b, 0xffff),
    withRegister('moveRegister32', NOT_OF_TYPE.c, NOT_OF_TYPE.b),
    withImmediate('xor32', NOT_OF_TYPE.b, TYPE_NUMBER.b),
    withImmediate('xor32', NOT_OF_TYPE.c, TYPE_NUMBER.c),
    loadWord(MAJOR, CONTEXT, 4),
    loadWord(MINOR, CONTEXT, 8),
    withImmediate('move32', REFUSED, 0),
  ];
  for (const rule of policy.rules.toReversed()) decideBy(rule, program);
  if (!policy.otherwise) program.push(withRegister('orRegister', REFUSED, PENDING));
  program.push(...isZero(REFUSED), exit());
  return encode(program);
}

/** Takes the permissions that `rule` decides for this device out of PENDING, and into REFUSED if it denies them. */
function decideBy(rule: DeviceRule, program: Instruction[]): void {
  differences(rule, program);
  program.push(
    ...isZero(SCRATCH),
    withImmediate('multiply', SCRATCH, rule.access),
    withRegister('andRegister', SCRATCH, PENDING),
  );
  if (!rule.allow) program.push(withRegister('orRegister', REFUSED, SCRATCH));
  program.push(withRegister('xorRegister', PENDING, SCRATCH));
}

/** SCRATCH = a number below 2^32 that is zero for the devices of `rule`, and only for them. */
function differences(rule: DeviceRule, program: Instruction[]): void {
  let target: Register = SCRATCH;
  const compare = (actual: Register, wanted: number) => {
    program.push(withRegister('moveRegister32', target, actual), withImmediate('xor32', target, wanted));
    if (target === OTHER) program.push(withRegister('orRegister', SCRATCH, OTHER));
    target = OTHER;
  };
  if (rule.major !== ANY_NUMBER) compare(MAJOR, rule.major);
  if (rule.minor !== ANY_NUMBER) compare(MINOR, rule.minor);
  const first = target === SCRATCH;
  if (rule.type !== 'a') {
    program.push(withRegister(first ? 'moveRegister32' : 'orRegister', SCRATCH, NOT_OF_TYPE[rule.type]));
  } else if (first) {
    program.push(withImmediate('move32', SCRATCH, 0));
  }
}

/** register = 1 where it is zero, else 0; its value has to be below 2^63. */
function isZero(register: Register): Instruction[] {
  return [withImmediate('subtract', register, 1), withImmediate('shiftRight', register, 63)];
}
