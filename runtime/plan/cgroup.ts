/** Where the container's cgroup is, and its device policy. config-linux.md "Cgroups path", "Allowed Device list". */
import type { Config } from '../../spec/config.ts';
import { assembleDeviceProgram, describeDeviceRule, deviceRules, effectivePolicy } from '../cgroup/device-policy.ts';
import { TsrunError } from '../errors.ts';
import type { HostFacts } from '../facts.ts';
import { normalize } from './path.ts';
import type { CgroupPlan } from './types.ts';

/** Cgroups of tsrun's own choice are below this one. */
export const CGROUP_BASE = '/tsrun';

/** An absolute path is taken as it is; a relative or absent one is below {@link CGROUP_BASE}. */
function cgroupPath(id: string, configured: string | undefined): string {
  if (configured === undefined || configured === '') return `${CGROUP_BASE}/${id}`;
  return configured.startsWith('/') ? normalize(configured) : normalize(`${CGROUP_BASE}/${configured}`);
}

/** The cgroup of container `id`. */
export function planCgroup(id: string, config: Config, driver: 'cgroupfs' | 'disabled', facts: HostFacts): CgroupPlan {
  const { layout, root } = facts.cgroup;
  if (driver === 'disabled') return { driver, path: '', root, deviceRules: [] };
  if (root === '') {
    const what = layout === 'none' ? 'no cgroup file system is mounted' : 'this host has cgroup v1 only';
    throw new TsrunError(
      'host-unsupported',
      `cgroup: ${what}, and tsrun keeps containers in the v2 hierarchy: mount it (mount -t cgroup2 none /sys/fs/cgroup/unified), or use --cgroup-manager disabled`,
    );
  }
  const path = cgroupPath(id, config.linux?.cgroupsPath);
  // Inside a user namespace eBPF is refused, and devices that the caller may not use stay out of reach anyway.
  if (facts.inUserNamespace) return { driver, path, root, deviceRules: [] };
  const rules = deviceRules(
    config.linux?.resources?.devices,
    (config.linux?.devices ?? []).map((device) => device.path),
  );
  const policy = effectivePolicy(rules);
  return {
    driver,
    path,
    root,
    deviceProgram: assembleDeviceProgram(rules),
    deviceRules: [`${policy.otherwise ? 'allow' : 'deny'} everything`, ...policy.rules.map(describeDeviceRule)],
  };
}
