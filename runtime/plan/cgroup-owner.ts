/** Whose the container's cgroup becomes. config-linux.md "Cgroup ownership". */
import type { Config, Mount } from '../../spec/config.ts';
import { namespaceOf } from '../../spec/namespaces.ts';
import type { HostFacts } from '../facts.ts';
import { hasAny } from '../lists.ts';
import { normalize } from './path.ts';
import { holds, mapsOfContainer, outside } from './user.ts';

/** "The cgroup filesystem is to be mounted read/write." */
function showsWritable({ type, source, destination, options = [] }: Mount): boolean {
  if ((type !== 'cgroup' && type !== 'cgroup2') || source !== 'cgroup') return false;
  const readOnly = Math.max(options.lastIndexOf('ro'), options.lastIndexOf('rro'));
  return normalize(destination) === '/sys/fs/cgroup' && options.lastIndexOf('rw') > readOnly;
}

/**
 * The uid, as the caller knows it, that the cgroup is given to: that of the container's process, where this finds the cgroup
 * writable, as the root of its own view. Undefined where the cgroup stays the caller's: it is that already, or the maps of a
 * namespace that is joined are not known, or the host has v1 controllers, whose delegation is not safe, or the caller may give
 * nothing away.
 */
export function cgroupOwner(config: Config, facts: HostFacts): number | undefined {
  const namespace = namespaceOf(config.linux, 'cgroup');
  if (facts.cgroup.layout !== 'unified' || !holds(facts, 'CAP_CHOWN')) return undefined;
  if (namespace === undefined || namespace.path !== undefined) return undefined;
  if (!hasAny(config.mounts ?? [], showsWritable)) return undefined;
  const { uid } = config.process?.user ?? { uid: 0 };
  const maps = mapsOfContainer(config, facts);
  const isOwnUser = namespaceOf(config.linux, 'user') !== undefined;
  // Without a user namespace of its own the container has the caller's ids.
  const owner = !isOwnUser ? uid : maps && outside(maps.uid, uid);
  return owner === facts.user.uid ? undefined : owner;
}
