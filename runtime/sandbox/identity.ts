/** Who the command of a sandbox is: its user namespace's maps, its ids and its capabilities. Pure. */
import type { Capabilities, IdMapping, User } from '../../spec/config.ts';
import { CAPABILITIES } from '../../spec/tables.ts';
import { TsrunError } from '../errors.ts';
import type { IdRange, SandboxFacts } from './facts.ts';
import type { MapWish, SandboxRequest } from './request.ts';

/** What a container's root may do by default: enough for package managers and servers, nothing that reaches the host. */
const defaultCapabilities: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

/** Which user namespace a sandbox gets: none of its own, a new one with these maps, or another one, joined. */
export interface UserPlan {
  readonly kind: 'host' | 'new' | 'joined';
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  readonly user: User;
}

function autoMap(own: number, ranges: readonly IdRange[], file: string): IdMapping[] {
  if (ranges.length === 0)
    throw new TsrunError(
      'host-unsupported',
      `--map-auto: ${file} has no range for the caller: let root add one (usermod --add-subuids 100000-165535 --add-subgids 100000-165535 NAME)`,
    );
  const mappings: IdMapping[] = [{ containerID: 0, hostID: own, size: 1 }];
  let next = 1;
  for (const { first, count } of ranges) {
    mappings.push({ containerID: next, hostID: first, size: count });
    next += count;
  }
  return mappings;
}

function mapsOf(map: MapWish, facts: SandboxFacts): Pick<UserPlan, 'uidMappings' | 'gidMappings'> {
  const { uid, gid, subordinate } = facts;
  switch (map) {
    case 'root':
      return {
        uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
        gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      };
    case 'self':
      return {
        uidMappings: [{ containerID: uid, hostID: uid, size: 1 }],
        gidMappings: [{ containerID: gid, hostID: gid, size: 1 }],
      };
    case 'auto':
      return {
        uidMappings: autoMap(uid, subordinate.uid, '/etc/subuid'),
        gidMappings: autoMap(gid, subordinate.gid, '/etc/subgid'),
      };
  }
}

/** Whether `id` is one of the ids inside. */
export function isMapped(id: number, mappings: readonly IdMapping[]): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

function refuseUnmapped(map: MapWish, kind: string, id: number, mappings: readonly IdMapping[]): void {
  if (isMapped(id, mappings)) return;
  const ids = mappings.map(({ containerID, size }) =>
    size === 1 ? `${containerID}` : `${containerID}-${containerID + size - 1}`,
  );
  const cure = map === 'auto' ? `use one of ${ids.join(', ')}` : 'use --map-auto, which maps a range of ids';
  throw new TsrunError(
    'usage',
    `--user: ${kind} ${id} is not mapped: --map-${map} maps ${ids.join(', ')} alone; ${cure}`,
  );
}

/** Decides about the user namespace. Without being root there is always one. @throws {TsrunError} */
export function planUser(request: SandboxRequest, facts: SandboxFacts): UserPlan {
  const wish = request.namespaces.get('user');
  const asked = request.identity ?? facts.imageProcess?.user;
  const isNew = request.map !== undefined || wish?.kind === 'private' || (wish === undefined && facts.uid !== 0);
  if (!isNew) {
    const isJoined = wish !== undefined && wish.kind !== 'host';
    const own = isJoined && facts.joinsRoot ? { uid: 0, gid: 0 } : { uid: facts.uid, gid: facts.gid };
    const user = { uid: asked?.uid ?? own.uid, gid: asked?.gid ?? own.gid };
    return { kind: isJoined ? 'joined' : 'host', uidMappings: [], gidMappings: [], user };
  }
  const map = request.map ?? (facts.uid === 0 ? 'root' : 'self');
  const maps = mapsOf(map, facts);
  const own = map === 'self' ? { uid: facts.uid, gid: facts.gid } : { uid: 0, gid: 0 };
  const { identity } = request;
  // What an image says of its user is followed where there is such a user.
  const image = facts.imageProcess?.user;
  const fits = image && isMapped(image.uid, maps.uidMappings) && isMapped(image.gid, maps.gidMappings);
  const wanted = identity ?? (fits ? image : undefined);
  const user = { uid: wanted?.uid ?? own.uid, gid: wanted?.gid ?? own.gid };
  refuseUnmapped(map, 'user', user.uid, maps.uidMappings);
  refuseUnmapped(map, 'group', user.gid, maps.gidMappings);
  return { kind: 'new', ...maps, user };
}

function named(names: readonly string[], all: readonly string[]): string[] {
  return names.includes('ALL') ? [...all] : [...names];
}

/** What anybody in the sandbox can have at most. */
export function boundingSet(request: SandboxRequest): string[] {
  const dropped = new Set(named(request.capDrop, CAPABILITIES));
  const added = named(request.capAdd, CAPABILITIES);
  const begin = request.privileged ? CAPABILITIES : defaultCapabilities;
  // What is named by itself wins over ALL on the other side.
  const isDropped = (name: string): boolean =>
    dropped.has(name) && !(request.capDrop.includes('ALL') && request.capAdd.includes(name));
  return CAPABILITIES.filter((name) => (begin.includes(name) || added.includes(name)) && !isDropped(name));
}

/**
 * The capability sets. Root has them by being root; anybody else keeps what was asked for by name across execve(2), by
 * the ambient set.
 */
export function planCapabilities(request: SandboxRequest, { user }: UserPlan): Capabilities {
  const bounding = boundingSet(request);
  if (user.uid === 0) return { bounding, effective: bounding, permitted: bounding };
  const added = named(request.capAdd, CAPABILITIES);
  const kept = bounding.filter((name) => added.includes(name));
  return { bounding, effective: kept, permitted: kept, inheritable: kept, ambient: kept };
}
