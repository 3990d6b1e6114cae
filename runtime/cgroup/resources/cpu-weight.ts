import type { Uint64 } from '../../../spec/config.ts';

/** The least and the greatest that the kernel takes as cpu.shares. */
export const leastShares = 2;
export const mostShares = 262_144;

/**
 * cpu.weight of v2 (1 to 10000, 100 unless set) for cpu.shares of v1 (2 to 262144, 1024 unless set).
 *
 * The curve that all peers use today: 10 to the power of a quadratic in log2(shares) through the least, the default
 * and the greatest pair of values. (The straight line used before made 39 of the default 1024, which put containers
 * behind everything else on the host, and left most small values no room to differ.)
 */
export function weightOfShares(shares: Uint64): number {
  if (shares <= leastShares) return 1;
  if (shares >= mostShares) return 10_000;
  const log = Math.log2(Number(shares));
  const exponent = (log * log + 125 * log) / 612 - 7 / 34;
  // Rounding errors must not lift what is a whole number, as 100 for 1024, to the next.
  return Math.ceil(10 ** exponent - 1e-9);
}
