/** ID-mapped mounts, made on the host's side: a detached tree gets the mapping of a user namespace. mount_setattr(2) */
import type { IdMapping } from '../../spec/config.ts';
import { MOUNT_ATTR } from '../../spec/tables.ts';
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { AT, MAGIC, O, OPEN_TREE } from '../constants.ts';
import { errnoText } from '../errno.ts';
import { TsrunError } from '../errors.ts';
import { DESCRIPTOR, MESSAGE, type Operation, POINT } from '../generated/wire.ts';
import { isInUserNamespace, readText } from '../host.ts';
import { initPath } from '../install.ts';
import { parseMountInfo } from '../mountinfo.ts';
import { once } from '../once.ts';
import type { IdMap, SourceMap } from '../plan/types.ts';
import { check, checkValue } from '../sys.ts';
import { quote } from '../text.ts';
import { decodeMessages, encodePlan, MESSAGE_MAX } from '../wire.ts';
import { writeMaps } from './points.ts';
import { openInit } from './spawn.ts';

const EPERM = 1;
const EINVAL = 22;
const SIGKILL = 9;
const CLONE_NEWUSER = 0x10000000;
const MOUNTINFO_MAX = 16 * 1024 * 1024;

/** What a mapping is made for. */
export interface MappingContext {
  readonly path: string;
  readonly from: string;
  /** init, in the container's user namespace. */
  readonly pid: number;
  readonly caller: Caller;
}

/** init, as far as it is needed here: it makes a user namespace and waits for its maps. */
const namespacePlan = (): readonly Operation[] => [
  { op: 'unshare', flags: CLONE_NEWUSER },
  { op: 'sync', point: POINT.MAPS },
];

function userNamespaceOf(pid: number): number {
  return check(addon.open(`/proc/${pid}/ns/user`, O.RDONLY, 0), 'open', `/proc/${pid}/ns/user`);
}

/** A descriptor of a user namespace with these maps, in which no process is left. */
function makeUserNamespace(maps: NonNullable<SourceMap['maps']>, { from, caller }: MappingContext): number {
  const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
  const fds = [0, 1, 2];
  fds[DESCRIPTOR.SOCKET] = theirs;
  fds[DESCRIPTOR.PLAN] = check(
    addon.memfdOfData(encodePlan(namespacePlan(), { preserved: 0, inherited: 0 }), 'plan'),
    'memfd_create',
    'the plan',
  );
  const executable = openInit(initPath());
  const pid = addon.spawn({ exeFd: executable, argv: ['init'], env: [], fds, parentDeathSignal: SIGKILL });
  for (const fd of [executable, theirs, fds[DESCRIPTOR.PLAN] ?? -1]) addon.close(fd);
  try {
    check(pid, 'clone3', 'a process for a user namespace');
    const buffer = new Uint8Array(MESSAGE_MAX);
    const { length } = checkValue(addon.receiveMessage(ours, buffer), 'recvmsg', 'init');
    const [message] = decodeMessages(buffer.subarray(0, length)).messages;
    if (message?.type !== MESSAGE.SYNC)
      throw new TsrunError(
        'mount',
        `${from}.uidMappings: make a user namespace for the mapping: unshare: ${errnoText(message?.value ?? EPERM)}: look at the sysctl user.max_user_namespaces`,
      );
    const written = (mappings: readonly IdMapping[]): IdMap => ({ by: 'write', mappings });
    const idMaps = { uid: written(maps.uid), gid: written(maps.gid), denySetgroups: false };
    writeMaps(pid, idMaps, caller, from);
    return userNamespaceOf(pid);
  } finally {
    if (pid > 0) {
      addon.kill(pid, SIGKILL);
      addon.wait(pid, true);
    }
    addon.close(ours);
  }
}

/** File systems that the kernel maps no ids on; any other it may, from some version on. */
const unfit = once(
  (): ReadonlyMap<number, string> =>
    new Map([
      [MAGIC.OVERLAY, 'overlay mounts cannot be mapped (their layers can, before the overlay is mounted)'],
      [MAGIC.PROC, 'procfs cannot be mapped'],
      [MAGIC.SYSFS, 'sysfs cannot be mapped'],
      [MAGIC.DEVPTS, 'devpts cannot be mapped'],
      [MAGIC.CGROUP2, 'the cgroup file system cannot be mapped'],
      [MAGIC.CGROUP, 'the cgroup file system cannot be mapped'],
      [MAGIC.NFS, 'NFS cannot be mapped: its server decides by ids'],
      [MAGIC.TMPFS, 'tmpfs can be mapped from Linux 6.3 on'],
      [MAGIC.FUSE, 'a FUSE file system can be mapped from Linux 6.12 on, where its server allows it'],
      [MAGIC.V9FS, '9p cannot be mapped'],
    ]),
);

/** The first mount below a directory whose file system is known to be unfit, and why. */
function unfitBelow(path: string): string | undefined {
  for (const { destination } of parseMountInfo(readText('/proc/self/mountinfo', MOUNTINFO_MAX))) {
    if (!destination.startsWith(`${path}/`)) continue;
    const fd = addon.open(destination, O.PATH | O.NOFOLLOW, 0);
    if (fd < 0) continue;
    const reason = unfit().get(addon.fstatfsType(fd));
    addon.close(fd);
    if (reason !== undefined) return `${quote(destination)} is mounted below it, and ${reason}`;
  }
  return undefined;
}

/** Whether the file system can be mapped by itself: then it is one below it that cannot. */
function isFitAlone(path: string, userNs: number): boolean {
  const alone = addon.openTree(AT.FDCWD, path, OPEN_TREE.CLONE | O.CLOEXEC);
  if (alone < 0) return false;
  const result = addon.mountSetattr(alone, false, MOUNT_ATTR.IDMAP, 0, 0, userNs);
  addon.close(alone);
  return result >= 0;
}

function reasonFor(number: number, fd: number, { path }: MappingContext, recursive: boolean, userNs: number): string {
  const kernel = readText('/proc/sys/kernel/osrelease').trim();
  const below = recursive ? ', or one mounted below it' : '';
  if (number === EINVAL) {
    const known =
      recursive && isFitAlone(path, userNs)
        ? (unfitBelow(path) ?? 'a file system mounted below it cannot be mapped')
        : unfit().get(addon.fstatfsType(fd));
    return known === undefined
      ? `Linux ${kernel} cannot map ids on this file system${below}`
      : `${known} (this is Linux ${kernel})`;
  }
  if (number === EPERM)
    return isInUserNamespace()
      ? `the file system${below} belongs to another user namespace than tsrun's own: only who mounted it may map its ids`
      : `the file system${below} has its ids mapped already, or the caller lacks CAP_SYS_ADMIN`;
  return errnoText(number);
}

/** Maps the ids of the detached tree `fd`. @throws {TsrunError} `mount`, with the reason */
export function mapIds(fd: number, idMap: SourceMap, context: MappingContext): void {
  const userNs = idMap.maps ? makeUserNamespace(idMap.maps, context) : userNamespaceOf(context.pid);
  const result = addon.mountSetattr(fd, idMap.recursive, MOUNT_ATTR.IDMAP, 0, 0, userNs);
  const reason = result < 0 ? reasonFor(-result, fd, context, idMap.recursive, userNs) : '';
  addon.close(userNs);
  if (result >= 0) return;
  throw new TsrunError(
    'mount',
    `${context.from}: map the ids of ${quote(context.path)}: mount_setattr: ${errnoText(-result)}: ${reason}`,
  );
}
