import type { Pids } from '../../../spec/config.ts';
import { orMax, type Writes } from './writes.ts';

/**
 * config-linux.md, "PIDs". A limit of 0 forbids every fork, as 1 does once the container's first process is there; only
 * 1 lets that process be born in the cgroup, and systemd knows no 0.
 */
export function writePids(writes: Writes, { limit }: Pids): void {
  if (limit === undefined) return;
  writes.add('pids', 'pids.max', BigInt(limit) === 0n ? '1' : orMax(limit), 'pids.limit');
}
