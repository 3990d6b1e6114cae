/** ID-mapped mounts: which mapping a mount gets, and who may have one. config.md "POSIX-platform Mounts", mount_setattr(2) */
import type { Mount } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import type { SourceMap } from './types.ts';

/**
 * The mapping of a bind mount, or undefined.
 *
 * @param option Whether `idmap` or `ridmap` is among its options.
 * @param mapsIds Whether the caller may map ids at all.
 * @throws {TsrunError} `host-unsupported`
 */
export function planSourceMap(
  { uidMappings = [], gidMappings = [] }: Mount,
  option: 'no' | 'one' | 'tree',
  from: string,
  mapsIds: boolean,
): SourceMap | undefined {
  const own = uidMappings.length > 0;
  if (!own && option === 'no') return undefined;
  if (!mapsIds)
    throw new TsrunError(
      'host-unsupported',
      `${from}: the ids of a mount can be mapped only by a caller with CAP_SYS_ADMIN, which a rootless one lacks: remove ${own ? 'uidMappings and gidMappings' : 'the option'}, or run tsrun as root`,
    );
  return { recursive: option === 'tree', ...(own ? { maps: { uid: uidMappings, gid: gidMappings } } : {}) };
}
