/**
 * linux.resources as writes to the files of a cgroup: config-linux.md, "Control groups". Pure. Devices are not here:
 * they are a program (device-policy.ts).
 */
import type { Resources } from '../../spec/config.ts';
import { writeBlockIO } from './resources/block-io.ts';
import { writeCpu } from './resources/cpu.ts';
import { writeCpuset } from './resources/cpuset.ts';
import { writeHugepages } from './resources/hugepages.ts';
import { writeMemory } from './resources/memory.ts';
import { writeNetwork } from './resources/network.ts';
import { writePids } from './resources/pids.ts';
import { writeRdma } from './resources/rdma.ts';
import { writeUnified } from './resources/unified.ts';
import { type CgroupWrite, type ControllerFacts, type CurrentValues, Writes } from './resources/writes.ts';

export type { CgroupWrite, ControllerFacts, CurrentValues } from './resources/writes.ts';

/** What {@link resourceWrites} decides. */
export interface ResourceWrites {
  /** In the order in which each leaves a legal state; undone in the reverse order, they do too. */
  readonly writes: readonly CgroupWrite[];
  /** Sentences without a full stop about properties that have no effect. */
  readonly warnings: readonly string[];
}

/**
 * Each property in the hierarchy where its controller is bound: v1 where v1 has it, else v2.
 * @param current reads the cgroup of a container that exists, for `update`: what is not given keeps its value. A new
 *   container has none.
 * @throws {TsrunError} `host-unsupported`: no controller, or no such limit in its hierarchy; `config-invalid`: a value
 *   that can have no effect; `cgroup`: a value that what the cgroup holds now forbids.
 */
export function resourceWrites(resources: Resources, facts: ControllerFacts, current?: CurrentValues): ResourceWrites {
  const writes = new Writes(facts, current);
  const { memory, cpu, pids, blockIO, hugepageLimits, rdma, network, unified } = resources;
  // In v1 no process can join before these are set.
  if (cpu !== undefined) writeCpuset(writes, cpu);
  if (memory !== undefined) writeMemory(writes, memory);
  if (cpu !== undefined) writeCpu(writes, cpu);
  if (blockIO !== undefined) writeBlockIO(writes, blockIO);
  if (hugepageLimits !== undefined) writeHugepages(writes, hugepageLimits);
  if (rdma !== undefined) writeRdma(writes, rdma);
  if (network !== undefined) writeNetwork(writes, network);
  if (pids !== undefined) writePids(writes, pids);
  if (unified !== undefined) writeUnified(writes, unified);
  return { writes: writes.list, warnings: writes.warnings };
}

const SYSTEMD_CONTROLLERS = new Set(['cpu', 'cpuset', 'io', 'memory', 'pids']);

/** The controllers of v2 that must be enabled for the container's cgroup. */
export function controllersNeeded(writes: readonly CgroupWrite[]): Set<string> {
  const needed = new Set<string>();
  for (const { hierarchy, controller } of writes)
    if (hierarchy === 'unified' && controller !== 'cgroup') needed.add(controller);
  return needed;
}

/**
 * Those of {@link controllersNeeded} that systemd knows nothing of: it neither enables them for its units nor takes them
 * away. The others are its own business.
 */
export function controllersBesideSystemd(writes: readonly CgroupWrite[]): string[] {
  return [...controllersNeeded(writes)].filter((controller) => !SYSTEMD_CONTROLLERS.has(controller));
}

/** The v1 hierarchies in which the container needs a cgroup of its own. */
export function v1ControllersNeeded(writes: readonly CgroupWrite[]): Set<string> {
  const needed = new Set<string>();
  for (const { hierarchy } of writes) if (hierarchy !== 'unified') needed.add(hierarchy);
  return needed;
}
