/** A container's cgroups from the first mkdir to the last rmdir, whatever hierarchies they are in. */
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { found, mapped, selected } from '../lists.ts';
import { CGROUP_BASE } from '../plan/cgroup.ts';
import type { CgroupPlan, ScopePlan } from '../plan/types.ts';
import type { StoredCgroup } from '../store.ts';
import type { Undo } from '../undo.ts';
import {
  attachDeviceProgram,
  cgroupDirectory,
  cgroupNumber,
  disableControllers,
  type EnabledController,
  enableControllers,
  giveCgroup,
  killCgroup,
  makeCgroup,
  openCgroup,
  refuseNested,
  removeCgroup,
  removeParents,
} from './cgroupfs.ts';
import { DEVICES } from './device-policy.ts';
import { enterLegacy, type LegacyCgroup, legacyDirectory, makeLegacy, planLegacy, removeLegacy } from './legacy.ts';
import { listDevices } from './legacy-devices.ts';
import { markCgroup } from './mark.ts';
import type { CgroupWrite } from './resources.ts';
import { type ManagerBus, withManager } from './systemd.ts';
import { systemdProperties } from './systemd-properties.ts';
import { type FileWrite, writeLimit } from './write.ts';

type StoredScope = NonNullable<StoredCgroup['scope']>;

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

/** A limit that leaves no room for the stages of init and for hooks: the container gets it once it is made. */
function isLate({ file, value }: CgroupWrite): boolean {
  return file === 'pids.max' && (value === '1' || value === '0');
}

function applyLimit(cgroup: StoredCgroup, write: CgroupWrite): void {
  for (const file of fileWrites(cgroup, write)) if (writeLimit(file)) return;
}

/** The cgroup of a container that is being made. */
export class NewCgroup {
  readonly #plan: CgroupPlan;
  readonly #undo: Undo;
  readonly #note: () => void;
  #stored: StoredCgroup;
  #made = false;
  /** Whether systemd was asked for the scope, and may have made it. */
  #scopeAsked = false;
  readonly #legacyMade: LegacyCgroup[] = [];
  readonly #enabled: EnabledController[] = [];

  /**
   * @param manager Finds the service manager, for the systemd driver.
   * @param note Writes down what is there now ({@link stored}, {@link made}); only what is made may be killed.
   */
  constructor(plan: CgroupPlan, manager: () => ManagerBus, undo: Undo, note: () => void) {
    const { driver, isUndelegated, root, path, scope } = plan;
    this.#plan = plan;
    this.#undo = undo;
    this.#note = note;
    // Nobody else's unit says the same: by that it is known again as ours, whatever its name.
    const kept = scope && {
      unit: scope.unit,
      description: `${scope.description} (${crypto.randomUUID()})`,
      manager: manager(),
    };
    this.#stored = {
      driver,
      ...(isUndelegated ? { isUndelegated } : {}),
      root,
      path,
      parents: [],
      v1: [],
      ...(kept ? { scope: kept } : {}),
    };
  }

  /** What is kept of it. */
  get stored(): StoredCgroup {
    return this.#stored;
  }

  /** Whether the cgroup of the v2 hierarchy is there, and ours. */
  get made(): boolean {
    return this.#made;
  }

  #noteMade(): void {
    this.#made = true;
    const number = cgroupNumber(this.#stored);
    if (number !== undefined) this.#stored = { ...this.#stored, number };
    this.#note();
  }

  #planLegacy(): void {
    if (this.#plan.v1.length === 0) return;
    this.#stored = { ...this.#stored, v1: mapped(this.#plan.v1, planLegacy) };
    this.#note();
  }

  /** Limits, v1 cgroups and the device policy, once the cgroup of the v2 hierarchy is there. */
  #furnish(): number {
    this.#planLegacy();
    for (const legacy of this.#stored.v1) {
      // Made already where another controller has the same hierarchy.
      const twin = found(this.#legacyMade, (made) => legacyDirectory(made) === legacyDirectory(legacy));
      this.#legacyMade.push(twin ? { ...legacy, parents: twin.parents } : makeLegacy(legacy));
    }
    this.#stored = { ...this.#stored, v1: this.#legacyMade };
    for (const legacy of this.#legacyMade)
      if (legacy.controller === DEVICES) listDevices(legacy, this.#plan.deviceRules);
    for (const write of this.#plan.writes) if (!isLate(write)) applyLimit(this.#stored, write);
    const fd = openCgroup(this.#stored);
    this.#undo.push(() => addon.close(fd));
    if (this.#plan.deviceProgram) setDevicePolicy(fd, this.#plan.deviceProgram);
    if (this.#plan.owner !== undefined) giveCgroup(this.#stored, this.#plan.owner);
    return fd;
  }

  /**
   * Makes the cgroup before there is a process, where the driver does that.
   * @returns a descriptor of it for the process to be born in
   */
  prepare(): number | undefined {
    // Registered before there is a process, so that it runs when that has been killed.
    this.#undo.push(() => this.#takeBack());
    if (this.#plan.driver !== 'cgroupfs') return undefined;
    refuseNested(this.#stored);
    const noteParent = (directory: string, isOurs: boolean): void => {
      const others = selected(this.#stored.parents, (parent) => parent !== directory);
      this.#stored = { ...this.#stored, parents: isOurs ? [directory, ...others] : others };
      this.#note();
    };
    makeCgroup(this.#stored, noteParent);
    this.#noteMade();
    // Once it is there, whoever removes another container does not take its parents away, and what they are set to.
    this.#enableControllers();
    return this.#furnish();
  }

  #enableControllers(): void {
    enableControllers(this.#stored, this.#plan.controllers, (enabled) => this.#enabled.push(enabled));
  }

  #takeBack(): void {
    if (this.#made) killCgroup(this.#stored);
    if (this.#stored.scope && this.#scopeAsked) stopScope(this.#stored.scope);
    if (this.#made) removeCgroup(this.#stored, CGROUP_BASE);
    for (const legacy of this.#legacyMade) removeLegacy(legacy, CGROUP_BASE);
    // Another container may live there by now: then it stays.
    removeParents(this.#stored, CGROUP_BASE);
    disableControllers(this.#enabled);
  }

  /** Puts a process where it could not be born: into a scope that is made around it, and into v1 cgroups. */
  place(pid: number): void {
    if (this.#plan.scope && this.#stored.scope) this.#makeScope(this.#plan.scope, this.#stored.scope, pid);
    for (const legacy of this.#stored.v1) enterLegacy(legacy, pid);
  }

  /** Sets the limits that had to wait until init is alone. */
  complete(): void {
    const late = selected(this.#plan.writes, isLate);
    if (late.length === 0) return;
    const { scope } = this.#stored;
    if (scope)
      withManager(scope.manager, (manager) => {
        const { properties } = systemdProperties(late, { version: manager.version(), creating: false });
        manager.setProperties(scope.unit, properties);
      });
    for (const write of late) applyLimit(this.#stored, write);
  }

  #makeScope(scope: ScopePlan, kept: StoredScope, pid: number): void {
    withManager(kept.manager, (manager) => {
      const writes = selected(this.#plan.writes, (write) => !isLate(write));
      const { properties } = systemdProperties(writes, { version: manager.version(), creating: true });
      this.#scopeAsked = true;
      manager.createScope({
        ...scope,
        description: kept.description,
        pid,
        properties: [...scope.properties, ...properties],
      });
      // systemd has the last word on where it is.
      const path = manager.cgroupOf(scope.unit);
      if (path === undefined) throw new TsrunError('cgroup', `the systemd scope ${scope.unit} has no cgroup`);
      this.#stored = { ...this.#stored, path };
    });
    this.#noteMade();
    markCgroup(cgroupDirectory(this.#stored));
    this.#enableControllers();
    this.#furnish();
  }
}

function setDevicePolicy(cgroupFd: number, program: Uint8Array): void {
  try {
    attachDeviceProgram(cgroupFd, program);
  } catch (cause) {
    throw new TsrunError('cgroup', 'linux.resources.devices: set the device policy', { cause });
  }
}

function stopScope({ unit, description, manager }: StoredScope): void {
  withManager(manager, (connection) => connection.stopScope(unit, description));
}

/** Ends every process of the container, as far as it has a cgroup. */
export function endProcesses(cgroup: StoredCgroup): void {
  if (cgroup.driver !== 'disabled') killCgroup(cgroup);
}

/** Removes the cgroups; their processes are ending. */
export function removeCgroups(cgroup: StoredCgroup): void {
  if (cgroup.driver === 'disabled') return;
  if (cgroup.scope) stopScope(cgroup.scope);
  removeCgroup(cgroup, CGROUP_BASE);
  for (const legacy of cgroup.v1) removeLegacy(legacy, CGROUP_BASE);
}

/** Removes what an interrupted `create` may have made of a cgroup that is not known to be ours: nothing is killed. */
export function removeUncertain(cgroup: StoredCgroup): void {
  if (cgroup.driver === 'disabled') return;
  // A scope says itself whose it is.
  if (cgroup.scope) stopScope(cgroup.scope);
  else addon.rmdir(cgroupDirectory(cgroup));
  removeParents(cgroup, CGROUP_BASE);
}
