/** Limits of a container that is there: changed all together, or not at all. */
import type { Resources } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import { BPF } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { probeCgroups } from '../host.ts';
import type { StoredCgroup } from '../store.ts';
import { SysError } from '../sys.ts';
import { enableControllers, openCgroup, pidsOf } from './cgroupfs.ts';
import { assembleDeviceProgram, deviceRules } from './device-policy.ts';
import { enterLegacy, type LegacyCgroup, makeLegacy } from './legacy.ts';
import { directoryIn, fileWrites } from './lifecycle.ts';
import { type CgroupWrite, controllersNeeded, resourceWrites, v1ControllersNeeded } from './resources.ts';
import { withManager } from './systemd.ts';
import { systemdProperties } from './systemd-properties.ts';
import { type FileWrite, readValue, writeAll } from './write.ts';

/** What an update is about. */
export interface CgroupUpdate {
  readonly cgroup: StoredCgroup;
  readonly resources: Resources;
  /** The paths of `linux.devices`; see {@link deviceRules}. */
  readonly devicePaths: readonly string[];
  warn(message: string): void;
  /** Keeps what is there now, before something is made: cgroups in further v1 hierarchies. */
  keep(cgroup: StoredCgroup): void;
}

/** How often the processes are looked at again, should they fork while they are moved. */
const PASSES = 16;

/** Moves every process of the container into a v1 cgroup; one that ends meanwhile is no error. */
function moveAll(cgroup: StoredCgroup, legacy: LegacyCgroup): void {
  const moved = new Set<number>();
  for (let pass = 0; pass < PASSES; pass++) {
    let found = false;
    for (const pid of pidsOf(cgroup)) {
      if (moved.has(pid)) continue;
      moved.add(pid);
      found = true;
      try {
        enterLegacy(legacy, pid);
      } catch (error) {
        if (pidsOf(cgroup).includes(pid)) throw error;
      }
    }
    if (!found) return;
  }
}

/** Makes what cgroups the limits need that the container has not yet. */
function extend(
  { cgroup, keep }: CgroupUpdate,
  writes: readonly CgroupWrite[],
  mounts: ReadonlyMap<string, string>,
): StoredCgroup {
  if (cgroup.driver === 'cgroupfs') enableControllers(cgroup, [...controllersNeeded(writes)]);
  let extended = cgroup;
  for (const controller of v1ControllersNeeded(writes)) {
    if (directoryIn(cgroup, controller) !== undefined) continue;
    const planned = { controller, root: mounts.get(controller) ?? '', path: cgroup.path, parents: [] };
    keep({ ...extended, v1: [...extended.v1, planned] });
    const legacy = makeLegacy(planned);
    extended = { ...extended, v1: [...extended.v1, legacy] };
    keep(extended);
    moveAll(extended, legacy);
  }
  return extended;
}

function policyFailed(cause: unknown): TsrunError {
  return new TsrunError('cgroup', 'linux.resources.devices: replace the device policy', { cause });
}

/** Has the kernel look at a device policy, which is what can fail of it, before anything is changed. */
function loadDevicePolicy({ resources, devicePaths }: CgroupUpdate): number | undefined {
  if (!resources.devices) return undefined;
  const loaded = addon.bpfLoadDevice(assembleDeviceProgram(deviceRules(resources.devices, devicePaths)));
  if (loaded < 0) throw policyFailed(new SysError(-loaded, 'bpf', 'BPF_PROG_LOAD'));
  return loaded;
}

/** Puts a new device policy in the place of the old one in one step: there is no moment without. */
function replaceDevicePolicy(cgroup: StoredCgroup, program: number): void {
  const cgroupFd = openCgroup(cgroup);
  const replaced = addon.bpfAttachedDevice(cgroupFd);
  const flags = replaced < 0 ? BPF.ALLOW_MULTI : BPF.ALLOW_MULTI | BPF.REPLACE;
  const attached = addon.bpfAttachDevice(program, cgroupFd, flags, Math.max(replaced, -1));
  if (replaced >= 0) addon.close(replaced);
  addon.close(cgroupFd);
  if (attached < 0) throw policyFailed(new SysError(-attached, 'bpf', 'BPF_PROG_ATTACH'));
}

/** systemd must know what it can know, or it would write the old limits again some day. */
function tellSystemd({ scope }: StoredCgroup, writes: readonly CgroupWrite[]): void {
  if (!scope) return;
  withManager(scope.manager, (manager) => {
    const { properties } = systemdProperties(writes, { version: manager.version(), creating: false });
    manager.setProperties(scope.unit, properties);
  });
}

function exactQuota(cgroup: StoredCgroup, writes: readonly CgroupWrite[]): FileWrite[][] {
  const groups: FileWrite[][] = [];
  for (const write of writes) if (write.file === 'cpu.max') groups.push(fileWrites(cgroup, write));
  return groups;
}

/** @throws {TsrunError} The limits are as before then. */
export function updateCgroup(update: CgroupUpdate): void {
  const { resources, warn } = update;
  const { controllers } = probeCgroups(true);
  const current = (hierarchy: string, file: string): string | undefined => {
    const directory = directoryIn(update.cgroup, hierarchy);
    return directory === undefined ? undefined : readValue(`${directory}/${file}`);
  };
  const { writes, warnings } = resourceWrites(resources, controllers, current);
  for (const warning of warnings) warn(warning);
  const program = loadDevicePolicy(update);
  const cgroup = extend(update, writes, controllers.v1);
  const takeBack = writeAll(writes.map((write) => fileWrites(cgroup, write)));
  try {
    tellSystemd(cgroup, writes);
    // systemd knows a quota in whole percents, and has just written that.
    if (cgroup.scope) writeAll(exactQuota(cgroup, writes));
    if (program !== undefined) replaceDevicePolicy(cgroup, program);
  } catch (error) {
    takeBack(error);
    throw error;
  }
}
