/** Limits of a container that is there: changed all together, or not at all. */
import type { Resources } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import { BPF, O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { probeCgroups } from '../host.ts';
import { CGROUP_BASE } from '../plan/cgroup.ts';
import type { StoredCgroup } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { Undo } from '../undo.ts';
import { enableControllers, openCgroup, pidsOf } from './cgroupfs.ts';
import { assembleDeviceProgram, DEVICES, deviceRules } from './device-policy.ts';
import {
  enterLegacy,
  type LegacyCgroup,
  legacyDirectoryOf,
  makeLegacy,
  planLegacy,
  processesIn,
  removeLegacy,
} from './legacy.ts';
import { allowDevices } from './legacy-devices.ts';
import { directoryIn, fileWrites } from './lifecycle.ts';
import {
  type CgroupWrite,
  controllersBesideSystemd,
  controllersNeeded,
  resourceWrites,
  v1ControllersNeeded,
} from './resources.ts';
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

/**
 * Moves every process of the container into a v1 cgroup; one that ends meanwhile is no error.
 * @param origins Gets the directory that each process was in.
 */
function moveAll(cgroup: StoredCgroup, legacy: LegacyCgroup, origins: Map<number, string>): void {
  for (let pass = 0; pass < PASSES; pass++) {
    let found = false;
    for (const pid of pidsOf(cgroup)) {
      if (origins.has(pid)) continue;
      origins.set(pid, legacyDirectoryOf(legacy, pid));
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

/** Moves what is in a v1 cgroup back to where it was: those that were born there, to where the first one was. */
function moveBack(legacy: LegacyCgroup, origins: ReadonlyMap<number, string>): void {
  const [first = ''] = origins.values();
  for (let pass = 0; pass < PASSES; pass++) {
    const pids = processesIn(legacy);
    if (pids.length === 0) return;
    for (const pid of pids) addon.writeFile(`${origins.get(Number(pid)) ?? first}/cgroup.procs`, pid, O.WRONLY, 0);
  }
}

/** What could not be made is somebody else's, and must not be removed with the container. */
function makeOrForget(planned: LegacyCgroup, forget: () => void): LegacyCgroup {
  try {
    return makeLegacy(planned);
  } catch (error) {
    forget();
    throw error;
  }
}

/** Makes what cgroups the limits need that the container has not yet; `undo` removes them again. */
function extend(
  { cgroup, keep }: CgroupUpdate,
  writes: readonly CgroupWrite[],
  mounts: ReadonlyMap<string, string>,
  undo: Undo,
): StoredCgroup {
  enableControllers(cgroup, cgroup.scope ? controllersBesideSystemd(writes) : [...controllersNeeded(writes)]);
  let extended = cgroup;
  for (const controller of v1ControllersNeeded(writes)) {
    if (directoryIn(cgroup, controller) !== undefined) continue;
    const planned = planLegacy({ controller, root: mounts.get(controller) ?? '', path: cgroup.path, parents: [] });
    keep({ ...extended, v1: [...extended.v1, planned] });
    const before = extended;
    const legacy = makeOrForget(planned, () => keep(before));
    extended = { ...extended, v1: [...extended.v1, legacy] };
    keep(extended);
    const origins = new Map<number, string>();
    undo.push(() => {
      moveBack(legacy, origins);
      // Where somebody would not go back, the cgroup is the container's until it is deleted.
      if (processesIn(legacy).length > 0) return;
      removeLegacy(legacy, CGROUP_BASE);
      keep(before);
    });
    moveAll(extended, legacy, origins);
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

/** Before the program that decides is replaced: a device that it lets pass must not be stopped by the list. */
function extendDeviceList({ resources, devicePaths }: CgroupUpdate, cgroup: StoredCgroup): void {
  for (const legacy of cgroup.v1)
    if (legacy.controller === DEVICES) allowDevices(legacy, deviceRules(resources.devices, devicePaths));
}

/** Puts a program in the place of another in one step, so that there is no moment without; beside it where that is none. */
function attachInPlaceOf(earlier: number | undefined, program: number, cgroupFd: number): void {
  const flags = earlier === undefined ? BPF.ALLOW_MULTI : BPF.ALLOW_MULTI | BPF.REPLACE;
  const attached = addon.bpfAttachDevice(program, cgroupFd, flags, earlier ?? -1);
  if (attached < 0) throw policyFailed(new SysError(-attached, 'bpf', 'BPF_PROG_ATTACH'));
}

/** Replaces the device policy, and by `undo` puts the old one back. */
function replaceDevicePolicy(cgroup: StoredCgroup, program: number, undo: Undo): void {
  const cgroupFd = openCgroup(cgroup);
  const found = addon.bpfAttachedDevice(cgroupFd);
  const earlier = found < 0 ? undefined : found;
  attachInPlaceOf(earlier, program, cgroupFd);
  undo.push(() => {
    if (earlier === undefined) check(addon.bpfDetachDevice(program, cgroupFd), 'bpf', 'BPF_PROG_DETACH');
    else attachInPlaceOf(program, earlier, cgroupFd);
  });
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

/**
 * @returns whether there was anything to change
 * @throws {TsrunError} The limits are as before then.
 */
export function updateCgroup(update: CgroupUpdate): boolean {
  const { resources, warn } = update;
  const { controllers } = probeCgroups(true);
  const current = (hierarchy: string, file: string): string | undefined => {
    const directory = directoryIn(update.cgroup, hierarchy);
    return directory === undefined ? undefined : readValue(`${directory}/${file}`);
  };
  const { writes, warnings } = resourceWrites(resources, controllers, current);
  for (const warning of warnings) warn(warning);
  const program = loadDevicePolicy(update);
  const undo = new Undo();
  try {
    const cgroup = extend(update, writes, controllers.v1, undo);
    const groups = writes.map((write) => fileWrites(cgroup, write));
    writeAll(groups, undo);
    if (program !== undefined) {
      extendDeviceList(update, cgroup);
      replaceDevicePolicy(cgroup, program, undo);
    }
    // Last, for it takes all or nothing, and nothing need be asked of it again.
    tellSystemd(cgroup, writes);
    // It knows a quota in whole percents, and has just written that.
    if (cgroup.scope) writeAll(exactQuota(cgroup, writes), undo);
  } catch (error) {
    throw undo.run(error);
  }
  return writes.length > 0 || program !== undefined;
}
