/** Where the container's cgroup is, and its device policy. config-linux.md "Cgroups path", "Allowed Device list". */
import type { Config } from '../../spec/config.ts';
import { assembleDeviceProgram, deviceRules } from '../cgroup/device-policy.ts';
import type { LegacyCgroup } from '../cgroup/legacy.ts';
import {
  type CgroupWrite,
  type ControllerFacts,
  controllersNeeded,
  resourceWrites,
  v1ControllersNeeded,
} from '../cgroup/resources.ts';
import { annotatedProperties } from '../cgroup/systemd-annotations.ts';
import { TsrunError } from '../errors.ts';
import type { HostFacts } from '../facts.ts';
import { normalize } from './path.ts';
import { planSystemdUnit, type SystemdUnit } from './systemd.ts';
import type { CgroupDriver, CgroupPlan, ScopePlan } from './types.ts';

/** Cgroups of tsrun's own choice are below this one. */
export const CGROUP_BASE = '/tsrun';

/** An absolute path is taken as it is; a relative or absent one is below {@link CGROUP_BASE}. */
function cgroupPath(id: string, configured: string | undefined): string {
  if (configured === undefined || configured === '') return `${CGROUP_BASE}/${id}`;
  return configured.startsWith('/') ? normalize(configured) : normalize(`${CGROUP_BASE}/${configured}`);
}

/** The v1 cgroups that the limits need, at the same path as in the v2 hierarchy. */
function planLegacy(writes: readonly CgroupWrite[], path: string, controllers: ControllerFacts): LegacyCgroup[] {
  const planned: LegacyCgroup[] = [];
  for (const controller of v1ControllersNeeded(writes))
    planned.push({ controller, root: controllers.v1.get(controller) ?? '', path, parents: [] });
  return planned;
}

function planScope(id: string, { unit, slice }: SystemdUnit, config: Config): ScopePlan {
  return {
    unit,
    slice,
    description: `tsrun container ${id}`,
    properties: annotatedProperties(config.annotations),
  };
}

/** The cgroup of container `id`; sentences about what has no effect go to `warnings`. */
export function planCgroup(
  id: string,
  config: Config,
  driver: CgroupDriver,
  facts: HostFacts,
  warnings: string[],
): CgroupPlan {
  const { layout, root, controllers } = facts.cgroup;
  const { resources = {} } = config.linux ?? {};
  const limits = resourceWrites(resources, controllers);
  if (driver === 'disabled') {
    const [first] = limits.writes;
    if (first) throw new TsrunError('cgroup', `${first.from}: cannot be applied, for --cgroup-manager is disabled`);
    return { driver, path: '', root, deviceRules: [], writes: [], controllers: [], v1: [] };
  }
  if (root === '') {
    const what = layout === 'none' ? 'no cgroup file system is mounted' : 'this host has cgroup v1 only';
    throw new TsrunError(
      'host-unsupported',
      `cgroup: ${what}, and tsrun keeps containers in the v2 hierarchy: mount it (mount -t cgroup2 none /sys/fs/cgroup/unified), or use --cgroup-manager disabled`,
    );
  }
  warnings.push(...limits.warnings);
  const unit = driver === 'systemd' ? planSystemdUnit(id, config.linux?.cgroupsPath, false) : undefined;
  const path = unit?.path ?? cgroupPath(id, config.linux?.cgroupsPath);
  if (path === CGROUP_BASE)
    throw new TsrunError(
      'config-invalid',
      `linux.cgroupsPath: ${CGROUP_BASE} holds the cgroups of all containers; name one below it`,
    );
  const plan = {
    driver,
    ...(unit ? { scope: planScope(id, unit, config) } : {}),
    path,
    root,
    writes: limits.writes,
    // Below a slice, enabling controllers is systemd's own business.
    controllers: unit ? [] : [...controllersNeeded(limits.writes)],
    v1: planLegacy(limits.writes, path, controllers),
  };
  // Inside a user namespace eBPF is refused, and devices that the caller may not use stay out of reach anyway.
  if (facts.inUserNamespace) return { ...plan, deviceRules: [] };
  const devicePaths: string[] = [];
  for (const device of config.linux?.devices ?? []) devicePaths.push(device.path);
  const rules = deviceRules(resources.devices, devicePaths);
  return { ...plan, deviceProgram: assembleDeviceProgram(rules), deviceRules: rules };
}
