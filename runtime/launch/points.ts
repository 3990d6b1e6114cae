/** What the host does for init at points of the handshake, where init may not or cannot. */
import type { IdMapping } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { AT, O, OPEN_TREE } from '../constants.ts';
import { limitValue, rlimitName } from '../describe.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { capabilities, readMap, readText } from '../host.ts';
import { mapped } from '../lists.ts';
import type { HostLimit, IdMap, IdMaps } from '../plan/types.ts';
import { type Plan, SOURCES_PER_MESSAGE } from '../plan.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { mapIds } from './id-mapped.ts';
import { runMapHelper } from './map-helper.ts';
import { mapRefusal } from './map-refusal.ts';
import { tooLong } from './map-text.ts';

const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;
const EINVAL = 22;

/** Writes a file of /proc/<pid> that is about a namespace of that process. @throws {TsrunError} `namespace` */
export function writeMap(pid: number, file: string, content: string, property: string): void {
  const path = `/proc/${pid}/${file}`;
  const written = addon.writeFile(path, content, O.WRONLY, 0);
  if (written < 0)
    throw new TsrunError('namespace', `${property}: write ${file}`, { cause: new SysError(-written, 'write') });
}

/** Why the kernel did not take a map; undefined where its number says it. */
function refusalOf(number: number, kind: 'uid' | 'gid', mappings: readonly IdMapping[], content: string) {
  if (number === EINVAL) return tooLong(content);
  if (number !== EPERM) return undefined;
  const ownMap = readMap(readText(`/proc/self/${kind}_map`));
  return mapRefusal(kind, mappings, { ownMap, capabilities: capabilities() });
}

function writeIds(pid: number, kind: 'uid' | 'gid', { mappings, by }: IdMap, property: string, caller: Caller): void {
  if (by === 'helper') {
    runMapHelper(pid, kind, mappings, caller);
    return;
  }
  const lines = mapped(mappings, ({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`);
  const content = lines.join('');
  const file = `${kind}_map`;
  const written = addon.writeFile(`/proc/${pid}/${file}`, content, O.WRONLY, 0);
  if (written >= 0) return;
  const said = `${property}.${kind}Mappings: write ${file}`;
  const reason = refusalOf(-written, kind, mappings, content);
  if (reason !== undefined) throw new TsrunError('namespace', `${said}: ${errnoText(-written)}: ${reason}`);
  throw new TsrunError('namespace', said, { cause: new SysError(-written, 'write') });
}

/**
 * Writes the id maps of a new user namespace.
 * @param property What has `uidMappings` and `gidMappings`.
 * @throws {TsrunError} `namespace`
 */
export function writeMaps(pid: number, maps: IdMaps, caller: Caller, property = 'linux'): void {
  if (maps.denySetgroups) writeMap(pid, 'setgroups', 'deny', 'linux.gidMappings');
  writeIds(pid, 'gid', maps.gid, property, caller);
  writeIds(pid, 'uid', maps.uid, property, caller);
}

/**
 * The trees of mounts that init cannot open itself.
 * @param pid init, in the container's user namespace.
 */
export function openSources(plan: Pick<Plan, 'sources'>, first: number, pid: number, caller: Caller): number[] {
  return mapped(plan.sources.slice(first, first + SOURCES_PER_MESSAGE), ({ path, recursive, from, idMap }) => {
    const fd = addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC | (recursive ? AT.RECURSIVE : 0));
    // Not in the words of ENOENT, which callers take for a missing program.
    if (fd === -ENOENT) throw new TsrunError('mount', `${from}: the source ${quote(path)} does not exist`);
    if (fd < 0)
      throw new TsrunError('mount', `${from}: open the source ${quote(path)}`, {
        cause: new SysError(-fd, 'open_tree'),
      });
    if (idMap) mapIds(fd, idMap, { path, from, pid, caller });
    return fd;
  });
}

/** Raises hard limits, which a process in a user namespace may not. @throws {TsrunError} `process` */
export function raiseLimits(pid: number, limits: readonly HostLimit[]): void {
  for (const { resource, hard, from } of limits) {
    const raised = addon.raiseHardLimit(pid, resource, BigInt(hard));
    if (raised < 0)
      throw new TsrunError(
        'process',
        `${from}: raise the hard limit of ${rlimitName(resource)} to ${limitValue(hard)}: prlimit: ${errnoText(-raised)}: it takes CAP_SYS_RESOURCE, which the caller lacks: give a hard limit that is not above the caller's own`,
      );
  }
}

/** Writes `process.oomScoreAdj`. @throws {TsrunError} `process` */
export function adjustOomScore(pid: number, value: number): void {
  const path = `/proc/${pid}/oom_score_adj`;
  const written = addon.writeFile(path, String(value), O.WRONLY, 0);
  if (written >= 0) return;
  const hint =
    written === -EACCES ? ': only root may go below what the caller has: give a value that is not lower' : '';
  throw new TsrunError('process', `process.oomScoreAdj: write ${value} to ${path}${hint}`, {
    cause: new SysError(-written, 'write'),
  });
}
