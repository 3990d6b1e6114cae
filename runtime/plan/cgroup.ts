/** Where the container's cgroup is, and its device policy. config-linux.md "Cgroups path", "Allowed Device list". */
import type { Config } from '../../spec/config.ts';
import { namespaceOf } from '../../spec/namespaces.ts';
import { assembleDeviceProgram, DEVICES, deviceRules } from '../cgroup/device-policy.ts';
import type { LegacyCgroup } from '../cgroup/legacy.ts';
import {
  type CgroupWrite,
  type ControllerFacts,
  controllersBesideSystemd,
  controllersNeeded,
  resourceWrites,
  v1ControllersNeeded,
} from '../cgroup/resources.ts';
import { annotatedProperties } from '../cgroup/systemd-annotations.ts';
import { TsrunError } from '../errors.ts';
import type { Delegation, HostFacts } from '../facts.ts';
import { quote } from '../text.ts';
import { cgroupOwner } from './cgroup-owner.ts';
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

/**
 * The same for a caller without root's rights: what it may make, or undefined. A cgroup of tsrun's own choice has no parent of its
 * own, so that nothing but it is to be removed.
 */
function delegatedPath(
  id: string,
  configured: string | undefined,
  { base, givenPath }: Delegation,
): string | undefined {
  if (configured?.startsWith('/')) return givenPath ? normalize(configured) : undefined;
  if (base === undefined) return undefined;
  return normalize(`${base}/${configured === undefined || configured === '' ? `tsrun-${id}` : configured}`);
}

/** The v1 cgroups for limits, and for what was named without any (`mentioned`), at the same path as in the v2 hierarchy. */
function planLegacy(
  writes: readonly CgroupWrite[],
  mentioned: readonly string[],
  path: string,
  controllers: ControllerFacts,
): LegacyCgroup[] {
  const planned: LegacyCgroup[] = [];
  const wanted = v1ControllersNeeded(writes);
  for (const controller of mentioned) wanted.add(controller);
  for (const controller of wanted) {
    const root = controllers.v1.get(controller);
    if (root !== undefined) planned.push({ controller, root, path, parents: [] });
  }
  return planned;
}

function planScope(id: string, { unit, slice }: SystemdUnit, config: Config, user: boolean): ScopePlan {
  return {
    user,
    unit,
    slice,
    description: `tsrun container ${id}`,
    properties: annotatedProperties(config.annotations),
  };
}

function noCgroup(root: string, isUndelegated: boolean): CgroupPlan {
  const undelegated = isUndelegated ? { isUndelegated } : {};
  return { driver: 'disabled', ...undelegated, path: '', root, deviceRules: [], writes: [], controllers: [], v1: [] };
}

/** A container whose caller may make no cgroup stays in the caller's, unless it was to have limits. */
function withoutCgroup(
  root: string,
  writes: readonly CgroupWrite[],
  configured: string | undefined,
  warnings: string[],
): CgroupPlan {
  const where = configured?.startsWith('/') ? `the cgroup ${quote(configured)}` : 'the cgroup that tsrun is in';
  const [first] = writes;
  if (first)
    throw new TsrunError(
      'cgroup',
      `${first.from}: needs the ${first.controller} controller, and ${where} is not delegated to the caller: use --systemd-cgroup in a login session, or start tsrun by \`systemd-run --user --scope -p Delegate=yes\`, or remove linux.resources`,
    );
  warnings.push(
    `cgroup: none is made, for ${where} is not delegated to the caller: the container stays in the caller’s, without limits (--systemd-cgroup in a login session gives it one)`,
  );
  return noCgroup(root, true);
}

/** Nothing holds the processes of such a container together: `kill` and `delete` reach the first one alone. */
function warnOfLooseProcesses({ linux }: Config, warnings: string[]): void {
  const pid = namespaceOf(linux, 'pid');
  if (pid !== undefined && pid.path === undefined) return;
  warnings.push(
    'cgroup: none is made, and the container has no pid namespace of its own: only its first process can be killed and ends with it: add {"type": "pid"} to linux.namespaces',
  );
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
    warnOfLooseProcesses(config, warnings);
    return noCgroup(root, false);
  }
  if (root === '') {
    const what = layout === 'none' ? 'no cgroup file system is mounted' : 'this host has cgroup v1 only';
    throw new TsrunError(
      'host-unsupported',
      `cgroup: ${what}, and tsrun keeps containers in the v2 hierarchy: mount it (mount -t cgroup2 none /sys/fs/cgroup/unified), or use --cgroup-manager disabled`,
    );
  }
  warnings.push(...limits.warnings);
  const { delegation } = facts.cgroup;
  const configured = config.linux?.cgroupsPath;
  const unit = driver === 'systemd' ? planSystemdUnit(id, configured, delegation !== undefined) : undefined;
  const path = unit
    ? (delegation?.managerRoot ?? '') + unit.path
    : delegation
      ? delegatedPath(id, configured, delegation)
      : cgroupPath(id, configured);
  if (path === undefined) {
    const plan = withoutCgroup(root, limits.writes, configured, warnings);
    warnOfLooseProcesses(config, warnings);
    return plan;
  }
  if (path === CGROUP_BASE)
    throw new TsrunError(
      'config-invalid',
      `linux.cgroupsPath: ${CGROUP_BASE} holds the cgroups of all containers; name one below it`,
    );
  const owner = cgroupOwner(config, facts);
  // Root may make what only shows that nothing is limited.
  const mentioned = resources.cpu && !facts.inUserNamespace && !delegation ? ['cpu', 'cpuset'] : [];
  const v1 = planLegacy(limits.writes, mentioned, path, controllers);
  const plan = {
    driver,
    ...(unit ? { scope: planScope(id, unit, config, delegation !== undefined) } : {}),
    path,
    root,
    writes: limits.writes,
    controllers: unit ? controllersBesideSystemd(limits.writes) : [...controllersNeeded(limits.writes)],
    v1,
    ...(owner === undefined ? {} : { owner }),
  };
  // Inside a user namespace eBPF is refused, and devices that the caller may not use stay out of reach anyway.
  if (facts.inUserNamespace || delegation) return { ...plan, deviceRules: [] };
  const devicePaths: string[] = [];
  for (const device of config.linux?.devices ?? []) devicePaths.push(device.path);
  const rules = deviceRules(resources.devices, devicePaths);
  // Who gives rules of their own may look for them where v1 shows them.
  const root1 = controllers.v1.get(DEVICES);
  if (root1 !== undefined && resources.devices && resources.devices.length > 0)
    v1.push({ controller: DEVICES, root: root1, path, parents: [] });
  return { ...plan, deviceProgram: assembleDeviceProgram(rules), deviceRules: rules };
}
