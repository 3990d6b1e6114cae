/** The mounts of a sandbox. Pure. */
import type { Mount } from '../../spec/config.ts';
import { show } from '../text.ts';
import { type RootEntry, replaced, type SandboxFacts } from './facts.ts';
import { boundingSet, isMapped, type UserPlan } from './identity.ts';
import type { Layer } from './layers.ts';
import type { BindWish, FreshWish, OverlayWish, SandboxRequest } from './request.ts';

/** Nodes that every container has anyway, and what is mounted or linked in /dev. */
const commonDevices: readonly string[] = [
  ...['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console', 'ptmx', 'pts', 'shm', 'mqueue', 'fd'],
  ...['stdin', 'stdout', 'stderr', 'core'],
];

/** Where the mount namespace and what lies in it come from. */
export interface RootPlan {
  readonly mounts: readonly Mount[];
  /** The flags that some of them came of. */
  readonly flags: ReadonlyMap<Mount, string>;
  /** What must be there before anything is mounted. */
  readonly tree: RootTree;
}

/** The directory that mounts are made in. */
export interface RootTree {
  /** Absolute. */
  readonly path: string;
  readonly entries: readonly Layer[];
  /** Directories that overlays work in. */
  readonly works: readonly string[];
  /** Files of the host to be copied to the same places. */
  readonly copies: readonly string[];
}

/** The same for what is not of one flag. */
type TreePlan = Omit<RootPlan, 'flags'>;

/** A host directory or file with everything mounted below it. */
function bound({ source, target, writable, idMap }: Omit<BindWish, 'flag'>): Mount {
  if (idMap)
    return {
      destination: target,
      type: 'bind',
      source,
      options: ['bind', 'idmap', 'rprivate', 'nodev', ...(writable ? [] : ['ro'])],
      uidMappings: idMap.uid,
      gidMappings: idMap.gid,
    };
  const access = writable ? [] : ['rro'];
  return { destination: target, type: 'bind', source, options: ['rbind', 'rprivate', 'rnodev', ...access] };
}

function readOnlyRoot(entries: readonly RootEntry[], path: string): TreePlan {
  const mounts: Mount[] = [];
  const links: Layer[] = [];
  for (const { name, kind, target = '' } of entries)
    if (kind === 'link') links.push({ path: `/${name}`, kind, target });
    else if (!replaced.includes(name)) mounts.push(bound({ source: `/${name}`, target: `/${name}`, writable: false }));
  return { mounts, tree: { path, entries: links, works: [], copies: [] } };
}

/**
 * What is written goes to where the mount points are: into the directory itself, where that is kept, or else into a file system over
 * it, which ends with the sandbox.
 */
function overlaidRoot({ upper }: OverlayWish, facts: SandboxFacts, user: UserPlan, own: string): TreePlan {
  const path = upper ?? own;
  const works: string[] = [];
  // What belongs to others can be written to only where it is made the caller's. That is for directories; /etc is edited in place.
  const isForeign = user.kind === 'new' && facts.uid !== 0;
  const mounts: Mount[] = upper === undefined ? [tmpfs('/', 'mode=755', 'tmpcopyup')] : [];
  for (const [index, layer] of facts.layers.entries()) {
    if (layer.kind === 'bind') mounts.push(bound({ source: layer.path, target: layer.path, writable: false }));
    if (layer.kind !== 'overlay') continue;
    // Covered by the sandbox's own /run.
    const work = `${path}/run/work/${index}`;
    works.push(work);
    mounts.push({
      destination: layer.path,
      type: 'overlay',
      source: layer.path,
      options: [
        ...['nodev', `lowerdir=${layer.path}`, `upperdir=${path}${layer.path}`, `workdir=${work}`],
        // What an overlay notes about a file takes privileges over the file system otherwise.
        ...(user.kind === 'host' ? [] : ['userxattr']),
        // Between the look at the host and the mount, what lies deeper may go.
        ...(layer.path.lastIndexOf('/') > 0 ? ['x-tsrun.nofail'] : []),
        ...(isForeign ? [layer.path === '/etc' ? 'x-tsrun.adopt=files' : 'x-tsrun.adopt'] : []),
      ],
    });
  }
  return { mounts, tree: { path, entries: facts.layers, works, copies: isForeign ? facts.edited : [] } };
}

/** Terminals; the group `tty` owns them where it is known inside. */
function terminals(user: UserPlan): Mount {
  const knowsTty = user.kind === 'host' || isMapped(5, user.gidMappings);
  return {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', ...(knowsTty ? ['gid=5'] : [])],
  };
}

function tmpfs(destination: string, ...options: string[]): Mount {
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', ...options] };
}

/**
 * sysfs. The kernel gives a user namespace a new one only where one is seen already, and `ip netns exec` detaches what is on /sys before it
 * mounts the one of its network: whoever may mount anything has a second one below.
 */
function sysfs(request: SandboxRequest, user: UserPlan): Mount[] {
  const mountsAnything = user.kind === 'new' && boundingSet(request).includes('CAP_SYS_ADMIN');
  // Read-only as a mount, not as a file system: else no other could be had that is not.
  const readonly = mountsAnything ? 'rro' : 'ro';
  const options = ['nosuid', 'noexec', 'nodev', request.privileged ? 'rw' : readonly];
  const mount: Mount = { destination: '/sys', type: 'sysfs', source: 'sysfs', options };
  return mountsAnything ? [mount, mount] : [mount];
}

function systemMounts(request: SandboxRequest, facts: SandboxFacts, user: UserPlan): Mount[] {
  const sharesIpc = request.namespaces.get('ipc')?.kind === 'host';
  const access = request.privileged ? 'rw' : 'ro';
  const mounts: Mount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    terminals(user),
    sharesIpc
      ? bound({ source: '/dev/shm', target: '/dev/shm', writable: true })
      : tmpfs('/dev/shm', 'noexec', 'mode=1777', 'size=65536k'),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    ...sysfs(request, user),
  ];
  if (facts.cgroups)
    mounts.push({
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: ['nosuid', 'noexec', 'nodev', 'relatime', access],
    });
  if (request.privileged)
    for (const name of facts.devices)
      if (!commonDevices.includes(name))
        mounts.push({
          destination: `/dev/${name}`,
          type: 'bind',
          source: `/dev/${name}`,
          options: ['rbind', 'rprivate'],
        });
  return mounts;
}

/** An own file system for a directory, which belongs to whoever the command is. */
function fresh({ target, copy }: FreshWish, { user }: UserPlan): Mount {
  const owner = user.uid === 0 && user.gid === 0 ? [] : [`uid=${user.uid}`, `gid=${user.gid}`];
  return tmpfs(target, ...(copy ? ['tmpcopyup'] : ['mode=755', ...owner]));
}

/** The name of the file in the bundle that says whom to ask for names. */
export const RESOLVER = 'resolv.conf';

/** With a network comes whom to ask for names. */
function resolverMounts({ rootfs, network, namespaces }: SandboxRequest, { resolver }: SandboxFacts): Mount[] {
  if (network) return [bound({ source: RESOLVER, target: '/etc/resolv.conf', writable: false })];
  if (rootfs !== undefined || resolver === undefined || namespaces.get('network')?.kind !== 'host') return [];
  return [bound({ source: resolver, target: resolver, writable: false })];
}

function depth(path: string): number {
  return path.split('/').length;
}

function planTree(request: SandboxRequest, facts: SandboxFacts, user: UserPlan, own: string): TreePlan {
  const { rootfs, overlay } = request;
  if (rootfs !== undefined) return { mounts: [], tree: { path: rootfs.path, entries: [], works: [], copies: [] } };
  return overlay ? overlaidRoot(overlay, facts, user, own) : readOnlyRoot(facts.root, own);
}

/** The mounts, by what they are for. */
interface MountKinds {
  readonly layers: readonly Mount[];
  readonly system: readonly Mount[];
  readonly resolver: readonly Mount[];
  readonly wanted: readonly { readonly mount: Mount; readonly flag: string }[];
}

function flagsOf({ rootfs, overlay, network }: SandboxRequest, mounts: MountKinds): ReadonlyMap<Mount, string> {
  const flags = new Map<Mount, string>();
  const root = overlay?.upper === undefined ? '--overlay' : `--upper ${show(overlay.upper)}`;
  for (const layer of overlay ? mounts.layers : []) flags.set(layer, root);
  // They can always be there but for what the root file system has in their place.
  for (const mount of rootfs ? mounts.system : []) flags.set(mount, `--rootfs ${show(rootfs?.word ?? '')}`);
  for (const mount of network ? mounts.resolver : []) flags.set(mount, `--net ${network?.program}`);
  for (const { mount, flag } of mounts.wanted) flags.set(mount, flag);
  return flags;
}

/**
 * All mounts, and the directory that they are made in.
 *
 * @param own One that the sandbox can have for that. Absolute.
 */
export function planRoot(request: SandboxRequest, facts: SandboxFacts, user: UserPlan, own: string): RootPlan {
  const { rootfs } = request;
  const root = planTree(request, facts, user, own);
  const ownDirectories = rootfs === undefined ? [tmpfs('/run', 'mode=755'), tmpfs('/tmp', 'mode=1777')] : [];
  const resolver = resolverMounts(request, facts);
  const system = systemMounts(request, facts, user);
  // What lies below something else is mounted after it.
  const wanted = [
    ...request.binds.map((wish) => ({ ...wish, mount: bound(wish) })),
    ...request.fresh.map((wish) => ({ ...wish, mount: fresh(wish, user) })),
  ].sort((a, b) => depth(a.target) - depth(b.target));
  return {
    tree: root.tree,
    flags: flagsOf(request, { layers: root.mounts, system, resolver, wanted }),
    mounts: [...root.mounts, ...system, ...ownDirectories, ...resolver, ...wanted.map(({ mount }) => mount)],
  };
}

/** Whether a directory of the host is seen in a sandbox with the host's root, at the same place. */
export function isVisible(path: string, { binds }: SandboxRequest): boolean {
  const isBelow = (directory: string): boolean => path === directory || path.startsWith(`${directory}/`);
  return binds.some(({ target }) => isBelow(target)) || !replaced.some((name) => isBelow(`/${name}`));
}
