/** The process that is entered, as /proc shows it. Reads, and changes nothing. */
import { NAMESPACES } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { identityOf, mapsRoot, ownerOf, ownIdentity } from '../namespace-files.ts';
import { openProcess, readStat } from '../process.ts';
import { SysError } from '../sys.ts';
import type { EnteredNamespace, EnterFacts } from './plan.ts';

/** The namespaces of a process, open. */
export interface OpenProcess {
  readonly facts: EnterFacts;
  readonly fds: ReadonlyMap<string, number>;
}

/** Opens the namespaces of `pid`, and makes sure that all are of one process. @throws {TsrunError} */
export function openNamespaces(pid: number): OpenProcess {
  const stat = readStat(pid);
  const pidfd = stat && openProcess({ pid, startTime: stat.startTime });
  if (!stat || pidfd === undefined) throw new TsrunError('not-running', `enter: there is no process ${pid}`);
  const fds = new Map<string, number>();
  for (const [type, { file }] of NAMESPACES) {
    const fd = addon.open(`/proc/${pid}/ns/${file}`, O.RDONLY, 0);
    if (fd < 0)
      throw new TsrunError('namespace', `enter: open the ${type} namespace of process ${pid}`, {
        cause: new SysError(-fd, 'open'),
      });
    fds.set(type, fd);
  }
  const user = identityOf(fds.get('user') ?? -1);
  const namespaces: EnteredNamespace[] = [];
  for (const [type, fd] of fds)
    namespaces.push({
      type,
      isOwn: identityOf(fd) === ownIdentity(NAMESPACES.get(type)?.file ?? ''),
      isInner: type !== 'user' && ownerOf(fd) === user,
    });
  const facts: EnterFacts = {
    namespaces,
    mapsRoot: mapsRoot(pid),
    setsGroups: readText(`/proc/${pid}/setgroups`).trim() === 'allow',
  };
  // Still there: everything above was about this process and no later one of its number.
  const again = readStat(pid);
  addon.close(pidfd);
  if (again?.startTime !== stat.startTime || again.state === 'Z')
    throw new TsrunError('not-running', `enter: process ${pid} has ended`);
  return { facts, fds };
}
