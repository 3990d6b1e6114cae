/**
 * The device policy in the v1 hierarchy of a hybrid host, for those who look for it there (`devices.list`). It is the
 * eBPF program of the v2 cgroup that decides: the list allows all that the program may, and what it takes back again as well,
 * which v1 has no exact words for.
 */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { selected } from '../lists.ts';
import { SysError } from '../sys.ts';
import { type DeviceRule, describeDeviceRule, effectivePolicy } from './device-policy.ts';
import { type LegacyCgroup, legacyDirectory } from './legacy.ts';

const EPERM = 1;

/** The lines for `devices.allow`, in the rules' order. */
export function legacyDeviceList(rules: readonly DeviceRule[]): string[] {
  const policy = effectivePolicy(rules);
  if (policy.otherwise) return ['a'];
  const lines: string[] = [];
  for (const rule of selected(policy.rules, ({ allow }) => allow)) {
    // To the kernel, `a` with a number is everything.
    const types = rule.type === 'a' ? (['b', 'c'] as const) : [rule.type];
    for (const type of types) lines.push(describeDeviceRule({ ...rule, type }).slice('allow '.length));
  }
  return lines;
}

function write(cgroup: LegacyCgroup, file: string, line: string): void {
  const path = `${legacyDirectory(cgroup)}/${file}`;
  const written = addon.writeFile(path, line, O.WRONLY, 0);
  // What a cgroup above does not allow cannot be allowed here, and stays denied whatever is said here.
  if (written < 0 && written !== -EPERM)
    throw new TsrunError('cgroup', `linux.resources.devices: write ${line} to ${path}`, {
      cause: new SysError(-written, 'write', path),
    });
}

/** Fills the list of a new cgroup. @throws {TsrunError} `cgroup` */
export function listDevices(cgroup: LegacyCgroup, rules: readonly DeviceRule[]): void {
  write(cgroup, 'devices.deny', 'a');
  allowDevices(cgroup, rules);
}

/** Adds what further rules allow: between two lists there must be no moment without the first. @throws {TsrunError} `cgroup` */
export function allowDevices(cgroup: LegacyCgroup, rules: readonly DeviceRule[]): void {
  for (const line of legacyDeviceList(rules)) write(cgroup, 'devices.allow', line);
}
