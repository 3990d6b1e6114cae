/** Why the kernel refuses a map of ids, and what to do; user_namespaces(7), "Defining user and group ID mappings". */
import type { IdMapping } from '../../spec/config.ts';
import { capabilityNumber } from '../../spec/tables.ts';

/** Who writes a map. */
export interface MapWriter {
  /** The ids of the user namespace that it is in. */
  readonly ownMap: readonly IdMapping[];
  /** The capabilities that it has there: a bit mask. */
  readonly capabilities: bigint;
}

function has(set: bigint, capability: string): boolean {
  return ((set >> BigInt(capabilityNumber(capability) ?? 0)) & 1n) === 1n;
}

/** What maps ids of others, and the program that has it for those who have not. */
const CAPABILITY_OF = { uid: 'CAP_SETUID', gid: 'CAP_SETGID' } as const;

const CURE = (capability: string): string =>
  `start tsrun with it (in a container of an engine: --cap-add ${capability.slice('CAP_'.length)})`;

/** Why newuidmap or newgidmap has no power, if that is the caller's doing. @param bounding The caller's bounding set. */
export function withoutPower(kind: 'uid' | 'gid', bounding: bigint): string | undefined {
  const capability = CAPABILITY_OF[kind];
  return has(bounding, capability)
    ? undefined
    : `${capability} is not in the bounding set of the caller, and neither tsrun nor a program that it executes can have it: ${CURE(capability)}`;
}

/** What is wrong with a range that the namespace around does not have, or not in one piece. */
function outside({ hostID, size }: IdMapping, kind: 'uid' | 'gid', ownMap: readonly IdMapping[]): string | undefined {
  const last = hostID + size - 1;
  const containing = (id: number): IdMapping | undefined =>
    ownMap.find((line) => id >= line.containerID && id < line.containerID + line.size);
  const first = containing(hostID);
  if (first !== undefined && last < first.containerID + first.size) return undefined;
  const place = `the user namespace that tsrun runs in (/proc/self/${kind}_map)`;
  // The kernel looks for one line that has them all.
  for (let id = hostID, line = first; ; line = containing(id)) {
    if (line === undefined)
      return `the host id ${id} is not mapped into ${place}: map ids that are, or make that namespace with more`;
    id = line.containerID + line.size;
    if (id > last) break;
  }
  const split = first === undefined ? hostID : first.containerID + first.size;
  return `the host ids ${hostID} to ${last} are in several lines of the map of ${place}: split the entry where a line ends, at the host id ${split}`;
}

/** Why a map could not be written. */
export function mapRefusal(kind: 'uid' | 'gid', mappings: readonly IdMapping[], writer: MapWriter): string {
  for (const mapping of mappings) {
    const reason = outside(mapping, kind, writer.ownMap);
    if (reason !== undefined) return reason;
  }
  if (kind === 'uid' && mappings.some(({ hostID }) => hostID === 0) && !has(writer.capabilities, 'CAP_SETFCAP'))
    return `to map the host id 0 takes CAP_SETFCAP since Linux 5.12, which the caller lacks: ${CURE('CAP_SETFCAP')}, or map other ids`;
  return 'a security module of the host, or another rule of it, forbids user namespaces to the caller';
}
