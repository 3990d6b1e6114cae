/** Finds out the facts of this host that plan() decides with. */
import type { Config } from '../spec/config.ts';
import { addon } from './addon.ts';
import type { ControllerFacts } from './cgroup/resources.ts';
import { CLONE, MAGIC, NS, O } from './constants.ts';
import type { CgroupFacts, HostFacts } from './facts.ts';
import { found, selected } from './lists.ts';
import { decodeText } from './text.ts';

const CGROUP_MOUNT = '/sys/fs/cgroup';

/** Where the v2 hierarchy is. Two statfs(2) tell it on every system that follows systemd's layout. */
function probeLayout(): Pick<CgroupFacts, 'layout' | 'root'> {
  const type = addon.statfsType(CGROUP_MOUNT);
  if (type === MAGIC.CGROUP2) return { layout: 'unified', root: CGROUP_MOUNT };
  const unified = `${CGROUP_MOUNT}/unified`;
  if (addon.statfsType(unified) === MAGIC.CGROUP2) return { layout: 'hybrid', root: unified };
  return { layout: type === MAGIC.TMPFS || type === MAGIC.CGROUP ? 'legacy' : 'none', root: '' };
}

const legacyControllers = ['memory', 'cpu', 'cpuset', 'pids', 'blkio', 'hugetlb', 'net_cls', 'net_prio', 'rdma'];

/** The controllers of both hierarchies. */
function probeControllers({ layout, root }: Pick<CgroupFacts, 'layout' | 'root'>): ControllerFacts {
  const unified = new Set(readText(`${root}/cgroup.controllers`).split(/\s+/));
  unified.delete('');
  const v1 = new Map<string, string>();
  if (layout === 'hybrid' || layout === 'legacy')
    for (const controller of legacyControllers) {
      const mount = `${CGROUP_MOUNT}/${controller}`;
      if (addon.statfsType(mount) === MAGIC.CGROUP) v1.set(controller, mount);
    }
  return { unified, v1 };
}

const noControllers: ControllerFacts = { unified: new Set(), v1: new Map() };

/** The cgroup hierarchies, and their controllers where `limits` are asked for. */
export function probeCgroups(limits: boolean): CgroupFacts {
  const layout = probeLayout();
  return { ...layout, controllers: limits ? probeControllers(layout) : noControllers };
}

/** Whether a configuration asks for more of its cgroup than a device policy. */
function hasLimits(config: Config): boolean {
  for (const property of Object.keys(config.linux?.resources ?? {})) if (property !== 'devices') return true;
  return false;
}

const SMALL_FILE = 64 * 1024;

/** The text of a file of /proc or the cgroup file system; empty where it cannot be read. */
export function readText(path: string): string {
  const bytes = addon.readFile(path, SMALL_FILE);
  return typeof bytes === 'number' ? '' : decodeText(bytes);
}

/** The initial user namespace maps everything to itself; the kernel writes three numbers of ten places. */
const IDENTITY_MAP = '         0          0 4294967295\n';

function inUserNamespace(): boolean {
  return readText('/proc/self/uid_map') !== IDENTITY_MAP;
}

/** The permitted and bounding sets of this process: what a container can be given. */
function capabilities(): bigint {
  const status = readText('/proc/self/status');
  const set = (name: string): bigint => {
    const at = status.indexOf(`\n${name}:\t`);
    return at < 0 ? 0n : BigInt(`0x${status.slice(at + name.length + 3, status.indexOf('\n', at + 1))}`);
  };
  return set('CapPrm') & set('CapBnd');
}

/** Types of joined namespaces that belong to the user namespace which is joined as well. */
function ownedByJoinedUser(config: Config): Set<string> {
  const owned = new Set<string>();
  const joined = selected(config.linux?.namespaces ?? [], (namespace) => namespace.path !== undefined);
  const user = found(joined, (namespace) => namespace.type === 'user');
  if (!user?.path) return owned;
  const identity = (fd: number): string | undefined => {
    const stat = fd < 0 ? fd : addon.fstat(fd);
    return typeof stat === 'number' ? undefined : `${stat.dev}:${stat.ino}`;
  };
  const userFd = addon.open(user.path, O.RDONLY | O.NONBLOCK, 0);
  const userIdentity = identity(userFd);
  for (const { type, path = '' } of joined) {
    const fd = addon.open(path, O.RDONLY | O.NONBLOCK, 0);
    const owner = fd < 0 ? -1 : addon.ioctl(fd, NS.GET_USERNS);
    if (userIdentity !== undefined && identity(owner) === userIdentity) owned.add(type);
    if (owner >= 0) addon.close(owner);
    if (fd >= 0) addon.close(fd);
  }
  if (userFd >= 0) addon.close(userFd);
  return owned;
}

/** Looks at the host; reads, and changes nothing. */
export function probeHost(config: Config): HostFacts {
  return {
    cgroup: probeCgroups(hasLimits(config)),
    inUserNamespace: inUserNamespace(),
    capabilities: capabilities(),
    ownedByJoinedUser: ownedByJoinedUser(config),
  };
}

/** What NS_GET_NSTYPE answers, in words. */
export const NAMESPACE_NAMES: ReadonlyMap<number, string> = new Map([
  [CLONE.NEWPID, 'pid'],
  [CLONE.NEWNET, 'network'],
  [CLONE.NEWNS, 'mount'],
  [CLONE.NEWIPC, 'ipc'],
  [CLONE.NEWUTS, 'uts'],
  [CLONE.NEWUSER, 'user'],
  [CLONE.NEWCGROUP, 'cgroup'],
  [CLONE.NEWTIME, 'time'],
]);
