/** The maps of a user namespace that is joined, beside those that the configuration gives. */
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import type { JoinedMaps } from '../plan/types.ts';
import { parseIdMap, sameMappings, wordMappings } from '../plan/user.ts';

/**
 * Compares them, once init is there.
 * @param pid init, in that namespace.
 * @throws {TsrunError} `config-invalid`: the configuration says something else than the namespace has.
 */
export function checkJoinedMaps(pid: number, maps: JoinedMaps): void {
  for (const kind of ['uid', 'gid'] as const) {
    const given = maps[kind];
    const there = parseIdMap(readText(`/proc/${pid}/${kind}_map`));
    if (given.length === 0 || sameMappings(given, there)) continue;
    throw new TsrunError(
      'config-invalid',
      `linux.${kind}Mappings: the user namespace that is joined has ${wordMappings(there)}, and not ${wordMappings(given)}: give its own mappings, or none`,
    );
  }
}
