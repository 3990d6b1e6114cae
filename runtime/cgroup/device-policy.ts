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

import {
  and,
  encode,
  exit,
  type Instruction,
  jump,
  jumpIfAnyBit,
  jumpIfNotEqual,
  loadWord,
  move,
  moveRegister,
  type Register,
  shiftRight,
} from './ebpf.ts';

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
export const ANY_NUMBER = -1;

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
const DEFAULT_RULES: readonly { readonly path?: string; readonly rule: DeviceRule }[] = [
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
  for (const { path, rule } of DEFAULT_RULES) {
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

/** A rule in the notation of the v1 controller's files, such as `allow c 136:* rwm`. */
export function describeDeviceRule(rule: DeviceRule): string {
  const number = (value: number): string => (value === ANY_NUMBER ? '*' : String(value));
  const access = Object.entries(LETTERS)
    .filter(([, bit]) => (rule.access & bit) !== 0)
    .map(([letter]) => letter)
    .join('');
  return `${rule.allow ? 'allow' : 'deny'} ${rule.type} ${number(rule.major)}:${number(rule.minor)} ${access}`;
}

const RESULT: Register = 0;
const CONTEXT: Register = 1;
const TYPE: Register = 2;
/** The permissions asked for that no rule looked at so far has granted. */
const PENDING: Register = 3;
const MAJOR: Register = 4;
const MINOR: Register = 5;

/**
 * The policy as a program of type BPF_PROG_TYPE_CGROUP_DEVICE. Its context is `struct bpf_cgroup_dev_ctx`: access_type
 * (permissions << 16 | type), major, minor, 32 bits each; it returns 1 to grant and 0 to refuse.
 *
 * Rules are tried from the last to the first, each for the permissions still pending: a denied one ends the program,
 * and so does the grant of the last.
 */
export function assembleDeviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const policy = effectivePolicy(rules);
  const program: Instruction[] = [
    loadWord(TYPE, CONTEXT, 0),
    moveRegister(PENDING, TYPE),
    and(TYPE, 0xffff),
    shiftRight(PENDING, 16),
    loadWord(MAJOR, CONTEXT, 4),
    loadWord(MINOR, CONTEXT, 8),
    jumpIfNotEqual(PENDING, 0, 2),
    ...answer(true),
  ];
  for (const rule of policy.rules.toReversed()) program.push(...ruleBlock(rule));
  program.push(...answer(policy.otherwise));
  return encode(program);
}

/** Instructions that decide by one rule, or fall through to the next block. */
function ruleBlock(rule: DeviceRule): Instruction[] {
  const decision = rule.allow
    ? [and(PENDING, ALL_ACCESS & ~rule.access), jumpIfNotEqual(PENDING, 0, 2), ...answer(true)]
    : [jumpIfAnyBit(PENDING, rule.access, 1), jump(2), ...answer(false)];
  const conditions: [Register, number][] = [];
  if (rule.type !== 'a') conditions.push([TYPE, TYPE_NUMBER[rule.type]]);
  if (rule.major !== ANY_NUMBER) conditions.push([MAJOR, rule.major]);
  if (rule.minor !== ANY_NUMBER) conditions.push([MINOR, rule.minor]);
  const tests = conditions.map(([register, value], index) =>
    jumpIfNotEqual(register, value, conditions.length - index - 1 + decision.length),
  );
  return [...tests, ...decision];
}

function answer(granted: boolean): Instruction[] {
  return [move(RESULT, granted ? 1 : 0), exit()];
}
