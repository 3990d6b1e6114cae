/** What an engine does with runc and with the runtime under test, and how the two are told apart. */
import { expect } from 'vitest';
import { inGuest } from './places.ts';

export type RuntimeName = 'runc' | 'tsrun';

/** Does something with both, at the same time; fails unless the results are the same. */
export async function alike<T>(act: (runtime: RuntimeName) => Promise<T>): Promise<T> {
  return same(await Promise.all([act('runc'), act('tsrun')]));
}

/**
 * {@link alike}, but in the guest with the runtime under test alone: for acts of many commands, of which each takes
 * seconds there, and whose results the test knows without a peer.
 */
export function alikeOnHost<T>(act: (runtime: RuntimeName) => Promise<T>): Promise<T> {
  return inGuest ? act('tsrun') : alike(act);
}

/** {@link alikeOnHost}, one after the other, for what two cannot have at a time. */
export async function inTurnOnHost<T>(act: (runtime: RuntimeName) => Promise<T>): Promise<T> {
  return inGuest ? act('tsrun') : same([await act('runc'), await act('tsrun')]);
}

function same<T>([theirs, ours]: [T, T]): T {
  expect(ours, 'tsrun differs from runc').toEqual(theirs);
  return ours;
}

/**
 * A pattern of awk's for the paths that engines ask to be masked, as far as a kernel has them. What lies on one is of
 * another kind, and more closed, than with runc: of these it is compared only that they are mounts.
 */
export const maskedPaths =
  '^/(proc/(acpi|kcore|keys|latency_stats|timer_list|timer_stats|sched_debug|scsi|asound)|sys/firmware)$';
