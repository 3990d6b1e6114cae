/** A container's cgroups from the first mkdir to the last rmdir, whatever hierarchies they are in. */
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { CGROUP_BASE } from '../plan/cgroup.ts';
import type { CgroupPlan } from '../plan/types.ts';
import type { StoredCgroup } from '../store.ts';
import type { Undo } from '../undo.ts';
import {
  attachDeviceProgram,
  cgroupDirectory,
  enableControllers,
  killCgroup,
  makeCgroup,
  openCgroup,
  removeCgroup,
} from './cgroupfs.ts';
import { enterLegacy, legacyDirectory, makeLegacy, removeLegacy } from './legacy.ts';
import type { CgroupWrite } from './resources.ts';
import { type FileWrite, writeLimit } from './write.ts';

/** What is kept of a planned cgroup. */
export function storedCgroup({ driver, root, path, v1 }: CgroupPlan): StoredCgroup {
  return { driver, root, path, v1 };
}

/** The host directory of the container's cgroup in a hierarchy: `unified`, or a v1 controller. */
export function directoryIn(cgroup: StoredCgroup, hierarchy: string): string | undefined {
  if (hierarchy === 'unified') return cgroupDirectory(cgroup);
  for (const legacy of cgroup.v1) if (legacy.controller === hierarchy) return legacyDirectory(legacy);
  return undefined;
}

/** The files that a write goes to: the first that exists. */
export function fileWrites(cgroup: StoredCgroup, write: CgroupWrite): FileWrite[] {
  const directory = directoryIn(cgroup, write.hierarchy);
  if (directory === undefined)
    throw new TsrunError('cgroup', `${write.from}: the container has no cgroup of the ${write.controller} controller`);
  const { from, controller, ifMissing } = write;
  const file = { path: `${directory}/${write.file}`, value: write.value, from, controller };
  if (ifMissing === undefined) return [file];
  const first = { ...file, optional: true };
  return ifMissing === 'ignore'
    ? [first]
    : [first, { ...file, path: `${directory}/${ifMissing.file}`, value: ifMissing.value }];
}

function applyLimit(cgroup: StoredCgroup, write: CgroupWrite): void {
  for (const file of fileWrites(cgroup, write)) if (writeLimit(file)) return;
}

/**
 * Makes the cgroups with their limits and the device policy, before there is a process in them.
 *
 * @param made Called when the cgroup of the v2 hierarchy is there: only from then on it may be killed.
 * @returns a descriptor of it for a process to be born in; undefined where the driver makes none.
 */
export function prepareCgroup(plan: CgroupPlan, undo: Undo, made: () => void): number | undefined {
  if (plan.driver === 'disabled') return undefined;
  const cgroup = storedCgroup(plan);
  enableControllers(cgroup, plan.controllers);
  makeCgroup(cgroup);
  undo.push(() => {
    killCgroup(cgroup);
    removeCgroup(cgroup, CGROUP_BASE);
  });
  made();
  for (const legacy of cgroup.v1) {
    makeLegacy(legacy);
    undo.push(() => removeLegacy(legacy, CGROUP_BASE));
  }
  for (const write of plan.writes) applyLimit(cgroup, write);
  const fd = openCgroup(cgroup);
  undo.push(() => addon.close(fd));
  if (plan.deviceProgram) {
    try {
      attachDeviceProgram(fd, plan.deviceProgram);
    } catch (cause) {
      throw new TsrunError('cgroup', 'linux.resources.devices: set the device policy', { cause });
    }
  }
  return fd;
}

/** Puts a process where it could not be born. */
export function placeProcess(cgroup: StoredCgroup, pid: number): void {
  for (const legacy of cgroup.v1) enterLegacy(legacy, pid);
}

/** Ends every process of the container, as far as it has a cgroup. */
export function endProcesses(cgroup: StoredCgroup): void {
  if (cgroup.driver !== 'disabled') killCgroup(cgroup);
}

/** Removes the cgroups; their processes are ending. */
export function removeCgroups(cgroup: StoredCgroup): void {
  if (cgroup.driver === 'disabled') return;
  removeCgroup(cgroup, CGROUP_BASE);
  for (const legacy of cgroup.v1) removeLegacy(legacy, CGROUP_BASE);
}
