/** Digests of what is read. */
import type { Hash } from 'node:crypto';

/** Loaded here and now, for no other command needs it. */
export function newHash(algorithm: 'sha256' | 'sha512'): Hash {
  return process.getBuiltinModule('node:crypto').createHash(algorithm);
}
