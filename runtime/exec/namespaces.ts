/** The namespaces of a container's first process, opened so that they cannot be those of another process. */
import type { Config, NamespaceType } from '../../spec/config.ts';
import { NAMESPACES } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { identityOf, mapsRoot, ownerOf, ownIdentity } from '../namespace-files.ts';
import type { ExecNamespace } from '../plan/exec.ts';
import { check } from '../sys.ts';

const EACCES = 13;

/** Namespaces to join, and a descriptor of each. */
export interface OpenNamespaces {
  readonly namespaces: readonly ExecNamespace[];
  readonly fds: readonly number[];
  readonly mapsRoot: boolean;
  readonly setsGroups: boolean;
}

/** @throws {TsrunError} `namespace` where the process is init, and hides: see `isShown` of plan.ts. */
function openNamespace(path: string): number {
  const fd = addon.open(path, O.RDONLY, 0);
  if (fd === -EACCES)
    throw new TsrunError(
      'namespace',
      `open ${path}: Permission denied: a container without a pid namespace of its own hides from a caller without CAP_SYS_PTRACE until it is started: start it first, or run tsrun as root`,
    );
  return check(fd, 'open', path);
}

/**
 * Opens the namespaces that `config` gives the container and that are not ours. The caller makes sure afterwards that
 * `pid` was the container's process all the time.
 */
export function openNamespaces(pid: number, config: Config): OpenNamespaces {
  const found: { type: NamespaceType; fd: number }[] = [];
  for (const { type } of config.linux?.namespaces ?? []) {
    const file = NAMESPACES.get(type)?.file ?? '';
    const path = `/proc/${pid}/ns/${file}`;
    const fd = openNamespace(path);
    if (identityOf(fd) === ownIdentity(file)) addon.close(fd);
    else found.push({ type, fd });
  }
  let user: string | undefined;
  for (const { type, fd } of found) if (type === 'user') user = identityOf(fd);
  const namespaces: ExecNamespace[] = [];
  const fds: number[] = [];
  for (const { type, fd } of found) {
    const inner = user !== undefined && type !== 'user' && ownerOf(fd) === user;
    namespaces.push({ type, flag: NAMESPACES.get(type)?.flag ?? 0, inner });
    fds.push(fd);
  }
  return {
    namespaces,
    fds,
    mapsRoot: user !== undefined && mapsRoot(pid),
    setsGroups: readText(`/proc/${pid}/setgroups`).trim() !== 'deny',
  };
}
