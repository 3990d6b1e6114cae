/** Finds out the facts of this host that plan() decides with. */
import type { Config, IdMapping } from '../spec/config.ts';
import { addon } from './addon.ts';
import { probeDelegation } from './cgroup/delegation.ts';
import { DEVICES } from './cgroup/device-policy.ts';
import type { ControllerFacts } from './cgroup/resources.ts';
import { AT, CLONE, MAGIC, NS, O, OPEN_TREE } from './constants.ts';
import type { CgroupFacts, HostFacts, SecurityFacts } from './facts.ts';
import { found, mapped, selected } from './lists.ts';
import { parseMountInfo } from './mountinfo.ts';
import { once } from './once.ts';
import type { CgroupDriver } from './plan/types.ts';
import { decodeText } from './text.ts';

const CGROUP_MOUNT = '/sys/fs/cgroup';
const W_OK = 2;

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
  // Several controllers may share a hierarchy (net_cls,net_prio), which then has several names.
  const names = new Map<number, string>();
  if (layout === 'hybrid' || layout === 'legacy')
    for (const controller of legacyControllers) {
      const mount = `${CGROUP_MOUNT}/${controller}`;
      const stat = addon.statfsType(mount) === MAGIC.CGROUP ? addon.stat(mount, true) : -1;
      if (typeof stat === 'number') continue;
      const name = names.get(stat.dev) ?? mount;
      names.set(stat.dev, name);
      v1.set(controller, name);
    }
  // Only shown there, not needed: where it cannot be written, containers do without.
  const devices = `${CGROUP_MOUNT}/${DEVICES}`;
  if (layout === 'hybrid' && addon.statfsType(devices) === MAGIC.CGROUP && addon.access(devices, W_OK) >= 0)
    v1.set(DEVICES, devices);
  return { unified, v1 };
}

const noControllers: ControllerFacts = { unified: new Set(), v1: new Map() };

/** The cgroup hierarchies, and their controllers where `limits` are asked for. */
export function probeCgroups(limits: boolean): CgroupFacts {
  const layout = probeLayout();
  return { ...layout, controllers: limits ? probeControllers(layout) : noControllers };
}

/** Whether a configuration asks for more of its cgroup than the default device policy. */
function hasLimits(config: Config): boolean {
  const { devices = [], ...limits } = config.linux?.resources ?? {};
  return devices.length > 0 || Object.keys(limits).length > 0;
}

const EPERM = 1;
const SMALL_FILE = 64 * 1024;
const MOUNTS_FILE = 16 * 1024 * 1024;

/** The text of a file of /proc or the cgroup file system; empty where it cannot be read. */
export function readText(path: string, max = SMALL_FILE): string {
  const bytes = addon.readFile(path, max);
  return typeof bytes === 'number' ? '' : decodeText(bytes);
}

/** The initial user namespace maps everything to itself; the kernel writes three numbers of ten places. */
const IDENTITY_MAP = '         0          0 4294967295\n';

/** What is mapped where this process is; nothing is in a user namespace whose maps are not written. */
function ownUidMap(): string {
  const bytes = addon.readFile('/proc/self/uid_map', SMALL_FILE);
  // Where there is no procfs to tell, init will say so, and a kernel without user namespaces has no such file.
  return typeof bytes === 'number' ? IDENTITY_MAP : decodeText(bytes);
}

/** Whether this process is in a user namespace other than the initial one. */
export function isInUserNamespace(uidMap = ownUidMap()): boolean {
  return uidMap !== IDENTITY_MAP;
}

/** The map of a file of /proc/self. */
export function readMap(text: string): IdMapping[] {
  const mappings: IdMapping[] = [];
  for (const line of text.trim().split('\n')) {
    if (line.trim() === '') continue;
    const [containerID, hostID, size] = mapped(line.trim().split(/\s+/), Number);
    if (containerID !== undefined && hostID !== undefined && size !== undefined)
      mappings.push({ containerID, hostID, size });
  }
  return mappings;
}

/** Whether this process may clone trees of mounts: it may be in a user namespace whose root is not that of its mount namespace. */
export function clonesMounts(): boolean {
  const tree = addon.openTree(AT.FDCWD, '/', OPEN_TREE.CLONE | O.CLOEXEC);
  if (tree >= 0) addon.close(tree);
  // What else it may say is about this one tree.
  return tree !== -EPERM;
}

/** A set of capabilities of this process, of those in /proc/self/status. */
function capabilitySet(status: string, name: 'CapPrm' | 'CapBnd'): bigint {
  const at = status.indexOf(`\n${name}:\t`);
  return at < 0 ? 0n : BigInt(`0x${status.slice(at + name.length + 3, status.indexOf('\n', at + 1))}`);
}

/** The permitted and bounding sets of this process: what a container can be given. */
export function capabilities(): bigint {
  const status = readText('/proc/self/status');
  return capabilitySet(status, 'CapPrm') & capabilitySet(status, 'CapBnd');
}

/** The bounding set of this process: what programs that it executes can have. */
export function boundingCapabilities(): bigint {
  return capabilitySet(readText('/proc/self/status'), 'CapBnd');
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

const noModules: SecurityFacts = { apparmor: false, selinux: false };

/** The security modules that are enabled, where the configuration has labels of any. */
export function probeSecurity({ process, linux }: Config): SecurityFacts {
  if (!process?.apparmorProfile && !process?.selinuxLabel && !linux?.mountLabel) return noModules;
  return {
    apparmor: readText('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    selinux: addon.statfsType('/sys/fs/selinux') === MAGIC.SELINUX,
  };
}

const SYS_ADMIN = 1n << 21n;

/** What the command line and the environment say about the caller. */
export interface CallerWishes {
  /** `--rootless`. */
  readonly rootless: 'true' | 'false' | 'auto';
  /** The driver that is asked for. */
  readonly cgroupDriver: CgroupDriver;
  /** A variable of the caller's environment. */
  environment(name: string): string | undefined;
}

const noWishes: CallerWishes = { rootless: 'auto', cgroupDriver: 'cgroupfs', environment: () => undefined };

/** The mount point of the resctrl file system. */
function probeResctrl(): string | undefined {
  const mounts = parseMountInfo(readText('/proc/self/mountinfo', MOUNTS_FILE));
  return mounts.find(({ type, root }) => type === 'resctrl' && root === '/')?.destination;
}

/** Looks at the host; reads, and changes nothing. */
export function probeHost(config: Config, wishes: CallerWishes = noWishes): HostFacts {
  const uidMap = ownUidMap();
  const inUserNamespace = isInUserNamespace(uidMap);
  const user = { uid: addon.geteuid(), gid: addon.getegid() };
  const held = capabilities();
  const plainRoot = user.uid === 0 && !inUserNamespace;
  const cgroup = probeCgroups(hasLimits(config));
  // Root has the system's service manager, which may do everything.
  const rootless = plainRoot
    ? wishes.rootless === 'true' && wishes.cgroupDriver !== 'systemd'
    : wishes.rootless !== 'false' || wishes.cgroupDriver === 'systemd';
  const mayMount = (held & SYS_ADMIN) !== 0n;
  return {
    cgroup: rootless ? { ...cgroup, delegation: probeDelegation(config, cgroup.root, wishes) } : cgroup,
    inUserNamespace,
    capabilities: held,
    security: probeSecurity(config),
    resctrl: config.linux?.intelRdt ? probeResctrl() : undefined,
    ownedByJoinedUser: ownedByJoinedUser(config),
    user,
    setsGroups: !inUserNamespace || readText('/proc/self/setgroups').trim() !== 'deny',
    clonesMounts: mayMount && (!inUserNamespace || clonesMounts()),
    ...(inUserNamespace ? { ownMaps: { uid: readMap(uidMap), gid: readMap(readText('/proc/self/gid_map')) } } : {}),
  };
}

/** What NS_GET_NSTYPE answers, in words. */
export const namespaceNames = once(
  (): ReadonlyMap<number, string> =>
    new Map([
      [CLONE.NEWPID, 'pid'],
      [CLONE.NEWNET, 'network'],
      [CLONE.NEWNS, 'mount'],
      [CLONE.NEWIPC, 'ipc'],
      [CLONE.NEWUTS, 'uts'],
      [CLONE.NEWUSER, 'user'],
      [CLONE.NEWCGROUP, 'cgroup'],
      [CLONE.NEWTIME, 'time'],
    ]),
);
