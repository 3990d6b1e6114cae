/** What is said where there is no memory to make a container in. */
import { TsrunError } from '../errors.ts';
import { found } from '../lists.ts';
import type { Plan } from '../plan.ts';

/** The property that limits the container's memory. */
export function memoryLimit({ cgroup }: Plan): string | undefined {
  const write = found(cgroup.writes, ({ file }) => file === 'memory.max' || file === 'memory.limit_in_bytes');
  return write?.from;
}

const CURE = 'raise the limit (a container takes some hundred KiB to make, its program more)';

/**
 * The error of a container whose init got no memory.
 * @param limit What {@link memoryLimit} gives.
 */
export function withoutMemory(limit: string | undefined): TsrunError {
  const words = 'there was not enough memory for init, before there was a program';
  return limit === undefined
    ? new TsrunError('cgroup', `create: ${words}: a cgroup above the container’s, or the host, has no more`)
    : new TsrunError('cgroup', `${limit}: ${words}: ${CURE}`);
}

/** The error of one whose init was killed, where nobody says why. */
export function probablyWithoutMemory(limit: string): TsrunError {
  return new TsrunError('cgroup', `${limit}: init was killed, probably for want of memory: ${CURE}`);
}
