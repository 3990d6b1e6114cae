/** What makes a bundle fit for a caller without privileges. */
import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Draft, IdMapping } from './config.ts';

/** The range that rootless.sh gives to the caller in /etc/subuid and /etc/subgid. */
export const SUBORDINATE = { first: 100_000, size: 65_536 };

/** Everything that the caller may map: itself as id 0, then its range. */
export const wholeMap = (uid: number): IdMapping[] => [
  { containerID: 0, hostID: uid, size: 1 },
  { containerID: 1, hostID: SUBORDINATE.first, size: SUBORDINATE.size },
];

/** Gives a tree to the ids that are in the container what its owners are. */
function shift(path: string, uid: number): void {
  const outside = (id: number): number => (id === 0 ? uid : SUBORDINATE.first + id - 1);
  const stat = lstatSync(path);
  if (stat.uid < SUBORDINATE.first && stat.uid !== uid) lchownSync(path, outside(stat.uid), outside(stat.gid));
  // A change of owner takes the set-user-ID bit away.
  if (stat.mode & 0o6000) chmodSync(path, stat.mode & 0o7777);
  if (stat.isDirectory()) for (const name of readdirSync(path)) shift(join(path, name), uid);
}

/** Adds a user namespace, unless the configuration has one or a text of its own, and gives the bundle to the caller. */
export function makeRootless({ config, dir, text }: Draft, uid: number): void {
  shift(dir, uid);
  const namespaces = config.linux?.namespaces;
  if (text !== undefined || !Array.isArray(namespaces)) return;
  if (namespaces.some(({ type }) => type === 'user')) return;
  namespaces.push({ type: 'user' });
  config.linux.uidMappings ??= wholeMap(uid);
  config.linux.gidMappings ??= wholeMap(uid);
}
