/** Which namespaces are new, which are joined, and in which order a process gets into them. */
import type { Config, Namespace, NamespaceType } from '../../spec/config.ts';
import { NAMESPACES } from '../../spec/tables.ts';
import { CLONE } from '../constants.ts';
import type { HostFacts } from '../facts.ts';
import { POINT } from '../generated/wire.ts';
import { found, hasAny, mapped, selected } from '../lists.ts';
import type { IdMaps, Join, Step } from './types.ts';
import { holds, isMapped, planIdMaps } from './user.ts';

/** How a container gets its namespaces. */
export interface NamespacePlan {
  cloneFlags: number;
  joins: Join[];
  /** To be done first. */
  steps: Step[];
  idMaps?: IdMaps;
  timeOffsets?: string;
  /** Whether the container has a namespace of this type that is not the caller's. */
  has(type: NamespaceType): boolean;
  /** Whether that one is made for it. */
  isNew(type: NamespaceType): boolean;
}

function flagOf(type: string): number {
  return NAMESPACES.get(type)?.flag ?? 0;
}

function offsetsText(config: Config): string {
  let text = '';
  for (const [clock, offset] of Object.entries(config.linux?.timeOffsets ?? {}))
    text += `${clock} ${offset.secs ?? 0} ${offset.nanosecs ?? 0}\n`;
  return text;
}

/** Whether the user namespace has an id 0 to become. */
function mapsRoot(config: Config): boolean {
  const { uidMappings = [], gidMappings = [] } = config.linux ?? {};
  return isMapped(uidMappings, 0) && isMapped(gidMappings, 0);
}

/**
 * The namespaces of `config`. Without a user or time namespace and without joining a pid namespace, init is born in
 * the new ones. Those three take effect for children only (or would drop every capability at init's exec), so a first
 * stage enters them and forks the real init.
 */
export function planNamespaces(config: Config, facts: HostFacts): NamespacePlan {
  const entries = mapped(config.linux?.namespaces ?? [], (namespace, index) => ({
    ...namespace,
    from: `linux.namespaces[${index}]`,
  }));
  type Entry = Namespace & { from: string };
  const find = (type: NamespaceType): Entry | undefined => found(entries, (entry) => entry.type === type);
  const isNew = (type: NamespaceType): boolean => hasAny(entries, (e) => e.type === type && e.path === undefined);

  const joins: Join[] = [];
  for (const { type, path, from } of entries)
    if (path !== undefined) joins.push({ type, flag: flagOf(type), path, from });
  const joinStep = (join: Join): Step => ({
    operation: { op: 'join', fd: joins.indexOf(join), type: join.flag },
    from: join.from,
  });
  const user = find('user');
  const time = find('time');
  const forks = user !== undefined || time !== undefined || hasAny(joins, (join) => join.type === 'pid');

  let newFlags = 0;
  for (const { type, path } of entries)
    if (path === undefined && type !== 'user' && type !== 'time' && type !== 'cgroup') newFlags |= flagOf(type);

  const steps: Step[] = [];
  // A namespace of the outer user namespace can no longer be joined from the inner one. The mount namespace comes last:
  // from there the others' paths mean something else (though they are open by then).
  const rank = (join: Join): number => (join.type === 'mount' ? 1 : 0);
  const others = selected(joins, (join) => join.type !== 'user').sort((a, b) => rank(a) - rank(b));
  // Those of the joined one itself root could enter from here; who has no privilege here has them there.
  const fromInside = facts.inUserNamespace || !holds(facts, 'CAP_SYS_ADMIN');
  const isInner = (join: Join): boolean => facts.ownedByJoinedUser.has(join.type) && fromInside;
  for (const join of others) if (!isInner(join)) steps.push(joinStep(join));
  const userJoin = found(joins, (join) => join.type === 'user');
  if (userJoin) {
    steps.push(joinStep(userJoin));
  } else if (user) {
    steps.push({ operation: { op: 'unshare', flags: CLONE.NEWUSER }, from: user.from });
    steps.push({ operation: { op: 'sync', point: POINT.MAPS }, from: 'linux.uidMappings, linux.gidMappings' });
  }
  const timeOffsets = offsetsText(config);
  if (time && isNew('time')) {
    steps.push({ operation: { op: 'unshare', flags: CLONE.NEWTIME }, from: time.from });
    if (timeOffsets) steps.push({ operation: { op: 'sync', point: POINT.OFFSETS }, from: 'linux.timeOffsets' });
  }
  // Not before the offsets are written: a caller without privileges may not write to the files of another user's process.
  if (userJoin) steps.push({ operation: { op: 'becomeRoot', whereMapped: 1 }, from: userJoin.from });
  else if (user && mapsRoot(config)) steps.push({ operation: { op: 'becomeRoot' }, from: user.from });
  for (const join of others) if (isInner(join)) steps.push(joinStep(join));
  if (forks) steps.push({ operation: { op: 'fork', flags: newFlags }, from: 'linux.namespaces' });
  const cgroup = find('cgroup');
  // Only now: the namespace's root is the cgroup that the process is in.
  if (cgroup && isNew('cgroup'))
    steps.push({ operation: { op: 'unshare', flags: CLONE.NEWCGROUP }, from: cgroup.from });

  return {
    cloneFlags: forks ? 0 : newFlags,
    joins,
    steps,
    ...(user && isNew('user') ? { idMaps: planIdMaps(config, facts) } : {}),
    ...(time && isNew('time') && timeOffsets ? { timeOffsets } : {}),
    has: (type) => find(type) !== undefined,
    isNew,
  };
}
