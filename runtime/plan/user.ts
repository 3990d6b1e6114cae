/** The user namespace: who may write its maps, and what follows from them. user_namespaces(7), config-linux.md "User namespace mappings". */
import type { Config, IdMapping, Process } from '../../spec/config.ts';
import { namespaceOf } from '../../spec/namespaces.ts';
import { capabilityNumber } from '../../spec/tables.ts';
import { TsrunError } from '../errors.ts';
import type { HostFacts } from '../facts.ts';
import { keepsGroups } from './annotations.ts';
import type { IdMap, IdMaps, JoinedMaps } from './types.ts';

/** Whether the caller holds a capability in its own user namespace. */
export function holds(facts: HostFacts, capability: string): boolean {
  return ((facts.capabilities >> BigInt(capabilityNumber(capability) ?? 0)) & 1n) === 1n;
}

/** What `id` of the user namespace is outside of it; undefined where it is not mapped. */
export function outside(mappings: readonly IdMapping[], id: number): number | undefined {
  for (const { containerID, hostID, size } of mappings)
    if (id >= containerID && id < containerID + size) return hostID + id - containerID;
  return undefined;
}

/** Whether `id` of the user namespace is mapped. */
export function isMapped(mappings: readonly IdMapping[], id: number): boolean {
  return outside(mappings, id) !== undefined;
}

/** "A single line that maps the writing process's effective user ID": that needs no privilege. */
function isOwnId(mappings: readonly IdMapping[], id: number): boolean {
  const [only] = mappings;
  return mappings.length === 1 && only?.size === 1 && only.hostID === id;
}

function planMap(mappings: readonly IdMapping[], own: number, privileged: boolean): IdMap {
  return { mappings, by: privileged || isOwnId(mappings, own) ? 'write' : 'helper' };
}

/**
 * "The effective user ID and group ID of the process must be mapped in the user namespace of the process" (unshare(2), EPERM).
 * @throws {TsrunError} `namespace`
 */
function refuseUnmappedCaller({ ownMaps, user }: HostFacts): void {
  if (ownMaps === undefined) return;
  for (const [kind, id] of [
    ['uid', user.uid],
    ['gid', user.gid],
  ] as const)
    if (!isMapped(ownMaps[kind], id))
      throw new TsrunError(
        'namespace',
        `linux.namespaces: make a new user namespace: the caller's own ${kind} is not mapped into the user namespace that tsrun runs in (it shows as ${id}), and the kernel lets nobody without one make another: map it there (\`unshare --map-root-user\` does), or start tsrun outside`,
      );
}

/** The maps of the new user namespace of `config`. @throws {TsrunError} `namespace`: the caller can make none. */
export function planIdMaps(config: Config, facts: HostFacts): IdMaps {
  refuseUnmappedCaller(facts);
  const setsGids = holds(facts, 'CAP_SETGID');
  const gid = planMap(config.linux?.gidMappings ?? [], facts.user.gid, setsGids);
  return {
    uid: planMap(config.linux?.uidMappings ?? [], facts.user.uid, holds(facts, 'CAP_SETUID')),
    gid,
    denySetgroups: gid.by === 'write' && !setsGids,
  };
}

/** What may be done with the supplementary groups: in a user namespace that is joined, nobody knows before. */
export type GroupsUse = 'set' | 'whereAllowed' | 'denied' | 'kept';

/** @param maps Those of a new user namespace. */
export function groupsUse(config: Config, maps: IdMaps | undefined, facts: HostFacts): GroupsUse {
  if (keepsGroups(config)) return 'kept';
  if (namespaceOf(config.linux, 'user')?.path !== undefined) return 'whereAllowed';
  return facts.setsGroups && !maps?.denySetgroups ? 'set' : 'denied';
}

/** @throws {TsrunError} `config-invalid`: the process asks for groups that it cannot be given. */
export function refuseGroups({ user }: Process, use: GroupsUse): void {
  if (use !== 'denied' || (user.additionalGids?.length ?? 0) === 0) return;
  throw new TsrunError(
    'config-invalid',
    'process.user.additionalGids: setgroups(2) is denied in this user namespace, as it is where a caller without CAP_SETGID maps its own group alone: remove them, or map a range of groups that /etc/subgid gives to the caller',
  );
}

/**
 * A caller without CAP_SYS_ADMIN can make no container but in a user namespace of its own.
 * @throws {TsrunError} `config-invalid`
 */
export function refuseWithoutUserNamespace(config: Config, facts: HostFacts): void {
  if (namespaceOf(config.linux, 'user') !== undefined || holds(facts, 'CAP_SYS_ADMIN')) return;
  throw new TsrunError(
    'config-invalid',
    `linux.namespaces: a container of a caller without CAP_SYS_ADMIN (uid ${facts.user.uid}) needs a user namespace: make config.json with \`tsrun spec --rootless\`, or add {"type": "user"} with uidMappings and gidMappings, or run tsrun as root`,
  );
}

/** What a user namespace that is joined must map, as far as the configuration says so. */
export function joinedMaps({ linux }: Config): JoinedMaps | undefined {
  if (namespaceOf(linux, 'user')?.path === undefined) return undefined;
  const { uidMappings: uid = [], gidMappings: gid = [] } = linux ?? {};
  return uid.length > 0 && gid.length > 0 ? { uid, gid } : undefined;
}

/** The lines of uid_map and gid_map; user_namespaces(7). */
export function parseIdMap(text: string): IdMapping[] {
  const mappings: IdMapping[] = [];
  for (const line of text.split('\n')) {
    const [containerID, hostID, size] = line.trim().split(/\s+/).map(Number);
    if (containerID !== undefined && hostID !== undefined && size !== undefined)
      mappings.push({ containerID, hostID, size });
  }
  return mappings;
}

/** In the order of the ids, neighbours as one: the kernel keeps its own order, and several lines may say one range. */
function normal(mappings: readonly IdMapping[]): IdMapping[] {
  const merged: IdMapping[] = [];
  for (const mapping of mappings.toSorted((a, b) => a.containerID - b.containerID)) {
    const last = merged.at(-1);
    const continues =
      last !== undefined &&
      last.containerID + last.size === mapping.containerID &&
      last.hostID + last.size === mapping.hostID;
    if (continues) merged[merged.length - 1] = { ...last, size: last.size + mapping.size };
    else merged.push(mapping);
  }
  return merged;
}

/** Mappings for people. */
export function wordMappings(mappings: readonly IdMapping[]): string {
  if (mappings.length === 0) return 'no ids';
  return normal(mappings)
    .map(({ containerID, hostID, size }) => `${containerID} → ${hostID} (${size})`)
    .join(', ');
}

/** Whether both map the same ids to the same. */
export function sameMappings(one: readonly IdMapping[], other: readonly IdMapping[]): boolean {
  return wordMappings(one) === wordMappings(other);
}

/** What is mapped where the container's process lives; undefined where that is everything, or not known (a joined namespace). */
export function mapsOfContainer(config: Config, facts: HostFacts): JoinedMaps | undefined {
  const user = namespaceOf(config.linux, 'user');
  if (user === undefined) return facts.ownMaps;
  if (user.path !== undefined) return joinedMaps(config);
  return { uid: config.linux?.uidMappings ?? [], gid: config.linux?.gidMappings ?? [] };
}

/** @throws {TsrunError} `config-invalid`: the process would have an id that its user namespace does not have. */
export function refuseUnmappedUser({ user }: Process, maps: JoinedMaps | undefined): void {
  if (!maps) return;
  const refuse = (property: string, id: number, list: string): never => {
    throw new TsrunError(
      'config-invalid',
      `process.user.${property}: ${id} is not mapped into the user namespace of the container: map it in linux.${list}, or name an id that is mapped`,
    );
  };
  if (!isMapped(maps.uid, user.uid)) refuse('uid', user.uid, 'uidMappings');
  if (!isMapped(maps.gid, user.gid)) refuse('gid', user.gid, 'gidMappings');
  for (const [index, gid] of user.additionalGids?.entries() ?? [])
    if (!isMapped(maps.gid, gid)) refuse(`additionalGids[${index}]`, gid, 'gidMappings');
}
