/** What the host does for init at points of the handshake, where init may not or cannot. */
import { addon } from '../addon.ts';
import { AT, O, OPEN_TREE } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { mapped } from '../lists.ts';
import { type IdMaps, type Plan, SOURCES_PER_MESSAGE } from '../plan.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';

const ENOENT = 2;

/** Writes a file of /proc/<pid> that is about a namespace of that process. @throws {TsrunError} `namespace` */
export function writeMap(pid: number, file: string, content: string, property: string): void {
  const path = `/proc/${pid}/${file}`;
  const written = addon.writeFile(path, content, O.WRONLY, 0);
  if (written < 0)
    throw new TsrunError('namespace', `${property}: write ${file}`, { cause: new SysError(-written, 'write') });
}

/** Writes the id maps of a new user namespace. @throws {TsrunError} `namespace` */
export function writeMaps(pid: number, maps: IdMaps): void {
  const lines = (list: IdMaps['uid']): string =>
    mapped(list, ({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('');
  writeMap(pid, 'gid_map', lines(maps.gid), 'linux.gidMappings');
  writeMap(pid, 'uid_map', lines(maps.uid), 'linux.uidMappings');
}

/** The trees of mounts that init cannot open itself. */
export function openSources(plan: Plan, first: number): number[] {
  return mapped(plan.sources.slice(first, first + SOURCES_PER_MESSAGE), ({ path, recursive, from }) => {
    const fd = addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC | (recursive ? AT.RECURSIVE : 0));
    // Not in the words of ENOENT, which callers take for a missing program.
    if (fd === -ENOENT) throw new TsrunError('mount', `${from}: the source ${quote(path)} does not exist`);
    if (fd < 0)
      throw new TsrunError('mount', `${from}: open the source ${quote(path)}`, {
        cause: new SysError(-fd, 'open_tree'),
      });
    return fd;
  });
}
