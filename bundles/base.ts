/** The configuration that a bundle with a root of its own begins with, and who its user is. Pure. */
import type { Config, IdMapping, User } from '../spec/config.ts';
import { defaultConfig, rootlessConfig } from '../spec/default-config.ts';

/** The ids of a container's user namespace. */
export interface Ids {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

/** As `tsrun spec` writes it, or `tsrun spec --rootless` where there are `ids`; the container may write to its root. */
export function baseConfig(ids: Ids | undefined): Config {
  const root = { path: 'rootfs', readonly: false };
  if (!ids) return { ...defaultConfig(), root };
  const config = rootlessConfig(0, 0);
  return { ...config, root, linux: { ...config.linux, uidMappings: [...ids.uid], gidMappings: [...ids.gid] } };
}

function isMapped(id: number, mappings: readonly IdMapping[]): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

/** The user, as far as the user namespace has ids for him; `omit` is told where it has none. */
function mappedUser({ additionalGids = [], ...user }: User, ids: Ids, omit: (warning: string) => void): User {
  if (!isMapped(user.uid, ids.uid) || !isMapped(user.gid, ids.gid)) {
    omit(`its user ${user.uid}:${user.gid} is none of your ids: the container's program will be its root, who is you`);
    return { uid: 0, gid: 0 };
  }
  // Whoever has but one group cannot set any.
  const canSet = ids.gid.reduce((sum, { size }) => sum + size, 0) > 1;
  const kept = canSet ? additionalGids.filter((gid) => isMapped(gid, ids.gid)) : [];
  const lost = additionalGids.filter((gid) => !kept.includes(gid));
  if (lost.length > 0) omit(`the groups ${lost.join(', ')} of its user were left out, which you have no ids for`);
  return { ...user, ...(kept.length > 0 ? { additionalGids: kept } : {}) };
}

/** The same configuration, with a user that its user namespace has. */
export function withMappedUser(config: Config, ids: Ids, omit: (warning: string) => void): Config {
  const { process } = config;
  return process ? { ...config, process: { ...process, user: mappedUser(process.user, ids, omit) } } : config;
}
