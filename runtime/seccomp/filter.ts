/** The filter of a container: from the cache, or compiled and then kept there. */
import type { Seccomp } from '../../spec/config.ts';
import { prepareRoot } from '../state-root.ts';
import { FilterCache } from './cache.ts';
import { seccompLibrary } from './library.ts';
import { profileKey } from './profile.ts';
import { compileUsable } from './usable.ts';

/**
 * The program of `profile`: two words an instruction. What is kept has been found usable before.
 *
 * @param root The state root, made where it is missing.
 * @throws {TsrunError} `config-invalid`, `host-unsupported`
 */
export function filterOf(profile: Seccomp, root: string): Uint32Array {
  const cache = new FilterCache(root);
  const key = profileKey(profile);
  const kept = cache.read(key);
  if (kept) return kept;
  const library = seccompLibrary();
  const program = compileUsable(profile, library);
  prepareRoot(root);
  cache.write(key, library.libraryPath(), program);
  return program;
}
