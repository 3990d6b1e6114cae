/** Configurations whose plans are kept, each for one concern. */
import { readFileSync } from 'node:fs';
import type { HostFacts } from '../../runtime/facts.ts';
import type { PlanRequest } from '../../runtime/plan.ts';
import type { Config, Linux, Mount, NamespaceType, Process } from '../../spec/config.ts';
import { defaultConfig, rootlessConfig } from '../../spec/default-config.ts';

export interface Case {
  readonly name: string;
  readonly request: PlanRequest;
  readonly facts: HostFacts;
  /** Whether the text of `explain` is kept as well. */
  readonly explained: boolean;
}

const noControllers = { unified: new Set<string>(), v1: new Map<string, string>() };
const allCapabilities = (1n << 41n) - 1n;

/** A host as root finds it. */
export const rootOnUnified: HostFacts = {
  cgroup: { layout: 'unified', root: '/sys/fs/cgroup', controllers: noControllers },
  inUserNamespace: false,
  capabilities: allCapabilities,
  security: { apparmor: false, selinux: false },
  resctrl: undefined,
  ownedByJoinedUser: new Set(),
  user: { uid: 0, gid: 0 },
  setsGroups: true,
  clonesMounts: true,
};

export const rootOnHybrid: HostFacts = {
  ...rootOnUnified,
  cgroup: { layout: 'hybrid', root: '/sys/fs/cgroup/unified', controllers: noControllers },
};

const v1Controllers = ['memory', 'pids', 'cpu', 'cpuset'];

/** The same hosts with controllers: of cgroup v2, and bound to cgroup v1. */
export const limitsOnUnified: HostFacts = {
  ...rootOnUnified,
  cgroup: { ...rootOnUnified.cgroup, controllers: { ...noControllers, unified: new Set(v1Controllers) } },
};

export const limitsOnHybrid: HostFacts = {
  ...rootOnHybrid,
  cgroup: {
    ...rootOnHybrid.cgroup,
    controllers: { ...noControllers, v1: new Map(v1Controllers.map((name) => [name, `/sys/fs/cgroup/${name}`])) },
  },
};

export const insideUserNamespace: HostFacts = { ...rootOnUnified, inUserNamespace: true };

/** A user without privileges, to whom no cgroup is delegated. */
export const userOnUnified: HostFacts = {
  ...rootOnUnified,
  cgroup: { ...rootOnUnified.cgroup, delegation: { base: undefined, givenPath: false, managerRoot: '' } },
  capabilities: 0n,
  user: { uid: 1000, gid: 1000 },
  clonesMounts: false,
};

const userWithDelegation: HostFacts = {
  ...userOnUnified,
  cgroup: {
    ...userOnUnified.cgroup,
    controllers: { ...noControllers, unified: new Set(v1Controllers) },
    delegation: {
      base: '/user.slice/user-1000.slice/user@1000.service/app.slice',
      givenPath: false,
      managerRoot: '/user.slice/user-1000.slice/user@1000.service',
    },
  },
};

const ownMaps = {
  uid: [{ containerID: 0, hostID: 1000, size: 1 }],
  gid: [{ containerID: 0, hostID: 1000, size: 1 }],
};

const limitsOf = (linux: Linux | undefined): { linux: Linux } => ({
  linux: { ...linux, resources: { memory: { limit: 64 * 1024 * 1024 }, pids: { limit: 16 } } },
});

const program: Process = { args: ['/bin/sh', '-c', 'true'], cwd: '/', user: { uid: 0, gid: 0 } };

/** A container with little but `types` as new namespaces. */
export function smallConfig(types: readonly NamespaceType[], linux: Linux = {}): Config {
  return {
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    process: program,
    linux: { namespaces: types.map((type) => ({ type })), ...linux },
  };
}

export function requestOf(config: Config, options: Partial<PlanRequest> = {}): PlanRequest {
  return {
    id: 'golden',
    bundle: '/srv/bundle',
    config,
    cgroupDriver: 'cgroupfs',
    mountPoint: '/run/tsrun/golden/rootfs',
    noPivot: false,
    newKeyring: true,
    preservedFds: 0,
    listenFds: 0,
    ...options,
  };
}

interface Extras {
  facts?: HostFacts;
  options?: Partial<PlanRequest>;
  explained?: boolean;
}

function golden(name: string, config: Config, extras: Extras = {}): Case {
  const { facts = rootOnUnified, options, explained = false } = extras;
  return { name, request: requestOf(config, options), facts, explained };
}

const usual: readonly NamespaceType[] = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'];

const ranges: Linux = {
  uidMappings: [
    { containerID: 0, hostID: 100000, size: 65536 },
    { containerID: 100000, hostID: 1000, size: 1 },
  ],
  gidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }],
};

const proc: Mount = { destination: '/proc', type: 'proc', source: 'proc' };
const sys: Mount = { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro', 'nosuid'] };
const dev: Mount = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] };
const foreign: readonly Mount[] = [proc, { destination: '/data', source: '/srv/data', options: ['rbind'] }];
const hidden: Linux = { maskedPaths: ['/proc/kcore'], rootfsPropagation: 'rshared' };
const mqueue: Mount = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid'] };
const pts: Mount = { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'gid=5'] };
const cgroup: Mount = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'ro'] };

/** The filter that allows everything, as a program. */
/** A filter that allows everything. */
export const allowAll = new Uint32Array([0x06, 0x7fff_0000]);

const seccomp: Config = {
  ...smallConfig(['mount'], {
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      flags: ['SECCOMP_FILTER_FLAG_LOG'],
      syscalls: [
        { names: ['read', 'write', 'close', 'execve', 'capset'], action: 'SCMP_ACT_ALLOW' },
        { names: ['mount'], action: 'SCMP_ACT_KILL_PROCESS' },
      ],
    },
  }),
  process: { ...program, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }] },
};

const idMapped: readonly Mount[] = [
  { destination: '/as-container', source: '/srv/a', options: ['bind', 'idmap', 'ro'] },
  { destination: '/tree', source: '/srv/b', options: ['rbind', 'ridmap', 'nosuid'] },
  {
    destination: '/own',
    source: '/srv/c',
    options: ['bind'],
    uidMappings: [{ containerID: 0, hostID: 5000, size: 10 }],
    gidMappings: [{ containerID: 0, hostID: 6000, size: 10 }],
  },
];

const joinable: readonly NamespaceType[] = ['network', 'mount', 'ipc', 'uts', 'user', 'pid', 'cgroup', 'time'];

const withMounts = (mounts: readonly Mount[], base: Config = smallConfig(['mount'])): Config => ({ ...base, mounts });

const everyMount: readonly Mount[] = [
  { ...proc, options: ['nosuid', 'noexec', 'nodev', 'hidepid=2'] },
  dev,
  pts,
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777'] },
  mqueue,
  sys,
  { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'size=1m'] },
  { destination: '/data', source: '/srv/data', options: ['bind', 'ro', 'nosuid'] },
  { destination: '/tree', source: 'data/tree', options: ['rbind', 'rslave'] },
  { destination: '/typed', type: 'bind', source: '/srv/typed', options: [] },
  { destination: 'relative/../target', source: '/srv/x', options: ['bind', 'private'] },
  { destination: '/data', options: ['remount', 'rw', 'noexec'] },
  { destination: '/disk', type: 'ext4', source: '/dev/vdb1', options: ['ro', 'noatime', 'data=ordered'] },
  { destination: '/sync', type: 'ext4', source: '/dev/vdb2', options: ['sync', 'dirsync', 'lazytime', 'nosymfollow'] },
];

const order: readonly Mount[] = [
  { destination: '/a', type: 'tmpfs', source: 'tmpfs', options: ['ro', 'rw'] },
  { destination: '/b', type: 'tmpfs', source: 'tmpfs', options: ['rw', 'ro'] },
  { destination: '/c', type: 'tmpfs', source: 'tmpfs', options: ['noatime', 'strictatime', 'nodiratime', 'diratime'] },
  { destination: '/d', type: 'tmpfs', source: 'tmpfs', options: ['defaults', 'silent', 'relatime'] },
];

const recursive: readonly Mount[] = [
  { destination: '/a', source: '/srv/a', options: ['rbind', 'rro'] },
  {
    destination: '/b',
    source: '/srv/b',
    options: ['rbind', 'rnosuid', 'rnodev', 'rnoexec', 'rnoatime', 'rnosymfollow'],
  },
  { destination: '/c', source: '/srv/c', options: ['rbind', 'ro', 'rrw'] },
  { destination: '/d', source: '/srv/d', options: ['rbind', 'rro', 'rrw', 'rstrictatime', 'runbindable'] },
];

const layers = Array.from({ length: 12 }, (_, index) => `/var/lib/layers/${String(index).padStart(20, '0')}`).join(':');
const old: readonly Mount[] = [
  { destination: '/o', type: 'overlay', source: 'overlay', options: [`lowerdir=${layers}`, 'ro', 'noatime', 'rslave'] },
  { destination: '/i', type: 'ext4', source: '/dev/vdb1', options: ['iversion', 'data=ordered', 'rro'] },
];

const hooks: Config = {
  ...smallConfig(usual),
  hooks: {
    prestart: [{ path: '/usr/bin/prestart', args: ['prestart', '-v'], timeout: 10 }],
    createRuntime: [{ path: '/usr/bin/network' }, { path: '/usr/bin/second', env: ['A=b'] }],
    createContainer: [{ path: '/usr/bin/ldconfig', args: ['ldconfig', '-r', '.'], timeout: 2 }],
    startContainer: [{ path: '/bin/in-container', env: ['X=1', 'Y=2'] }],
    poststart: [{ path: '/usr/bin/poststart' }],
    poststop: [{ path: '/usr/bin/poststop', timeout: 1 }],
  },
};

const identity: Config = {
  ...smallConfig(usual),
  process: {
    ...program,
    cwd: '/home/user',
    user: { uid: 1000, gid: 100, additionalGids: [4, 24], umask: 0o077 },
    env: ['PATH=/bin', 'HOME=/home/user', 'EMPTY='],
    noNewPrivileges: true,
    oomScoreAdj: -500,
    capabilities: {
      bounding: ['CAP_CHOWN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN', 'CAP_CHECKPOINT_RESTORE'],
      effective: ['CAP_CHOWN', 'CAP_NET_RAW'],
      permitted: ['CAP_CHOWN', 'CAP_NET_RAW'],
      inheritable: ['CAP_NET_RAW'],
      ambient: ['CAP_NET_RAW'],
    },
    rlimits: [
      { type: 'RLIMIT_NOFILE', soft: 1024, hard: 4096 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 18446744073709551615n },
      { type: 'RLIMIT_AS', soft: 9007199254740993n, hard: 9007199254740993n },
    ],
  },
};

const devices: Config = {
  ...smallConfig(['mount'], {
    devices: [
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o600, uid: 1, gid: 2 },
      { path: '/dev/sda', type: 'b', major: 8, minor: 0 },
      { path: '/run/pipe', type: 'p' },
      { path: '/dev/null', type: 'u', major: 1, minor: 3, fileMode: 0o444 },
    ],
    resources: {
      devices: [
        { allow: false, access: 'rwm' },
        { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
        { allow: true, type: 'b', major: 8, access: 'r' },
      ],
    },
  }),
  mounts: [dev],
};

const limits: Config = smallConfig(['mount'], {
  resources: {
    memory: { limit: 67108864, reservation: 33554432, swap: 134217728 },
    cpu: { shares: 512, quota: 50000, period: 100000, cpus: '0', mems: '0' },
    pids: { limit: 32 },
  },
});

const hello: Config = JSON.parse(readFileSync(new URL('../../bundles/hello/config.json', import.meta.url), 'utf8'));

export const cases: readonly Case[] = [
  golden('default', defaultConfig(), { explained: true }),
  golden('hello', hello, { facts: limitsOnHybrid, explained: true }),
  golden('small', smallConfig(['mount'])),
  golden('no-mount-namespace', smallConfig(['pid'])),
  golden(
    'foreign-mounts',
    { ...withMounts(foreign, smallConfig(['pid'], hidden)), root: { path: 'rootfs', readonly: true } },
    {
      explained: true,
    },
  ),
  golden(
    'foreign-mounts-joined',
    withMounts(foreign, smallConfig([], { ...hidden, namespaces: [{ type: 'mount', path: '/proc/12/ns/mnt' }] })),
  ),
  golden(
    'user-namespace',
    withMounts([proc, sys, dev, pts, mqueue, { destination: '/d', source: '/srv/d', options: ['rbind'] }], {
      ...smallConfig([...usual, 'user'], ranges),
      process: { ...program, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }], user: { uid: 5, gid: 6 } },
    }),
    { explained: true },
  ),
  golden('user-namespace-alone', withMounts([proc, sys, mqueue], smallConfig(['mount', 'user'], ranges))),
  golden('user-namespace-without-root', {
    ...smallConfig(['mount', 'user'], {
      uidMappings: [{ containerID: 1000, hostID: 1000, size: 1 }],
      gidMappings: [{ containerID: 1000, hostID: 1000, size: 1 }],
    }),
    process: { ...program, user: { uid: 1000, gid: 1000 } },
  }),
  golden('id-mapped-mounts', withMounts(idMapped, smallConfig(['mount', 'user'], ranges)), { explained: true }),
  golden('id-mapped-mounts-without-user-namespace', withMounts(idMapped.slice(2))),
  golden('rootless', rootlessConfig(1000, 1000), { facts: userOnUnified, explained: true }),
  golden(
    'rootless-delegated',
    { ...rootlessConfig(1000, 1000), ...limitsOf(rootlessConfig(1000, 1000).linux) },
    {
      facts: userWithDelegation,
    },
  ),
  golden(
    'rootless-systemd',
    { ...rootlessConfig(1000, 1000), ...limitsOf(rootlessConfig(1000, 1000).linux) },
    {
      facts: userWithDelegation,
      options: { cgroupDriver: 'systemd' },
    },
  ),
  golden('rootless-ranges', withMounts([proc, dev, pts, sys], smallConfig(['mount', 'pid', 'user'], ranges)), {
    facts: userOnUnified,
    explained: true,
  }),
  golden('rootless-nested', smallConfig(['mount', 'user'], ranges), {
    facts: { ...insideUserNamespace, ownMaps: ownMaps, clonesMounts: false },
  }),
  golden('join-all', smallConfig([], { namespaces: joinable.map((type) => ({ type, path: `/run/ns/${type}` })) })),
  golden(
    'join-owned',
    smallConfig([], { namespaces: [...joinable.map((type) => ({ type, path: `/run/ns/${type}` }))] }),
    { facts: { ...insideUserNamespace, ownedByJoinedUser: new Set(['network', 'mount', 'pid']) } },
  ),
  golden(
    'join-network',
    smallConfig(['pid', 'mount', 'uts'], {
      namespaces: [{ type: 'network', path: '/run/netns/x' }, { type: 'pid' }, { type: 'mount' }, { type: 'uts' }],
    }),
  ),
  golden(
    'join-pid',
    smallConfig([], {
      namespaces: [{ type: 'pid', path: '/proc/12/ns/pid' }, { type: 'mount' }, { type: 'cgroup' }],
    }),
  ),
  golden(
    'time',
    smallConfig([...usual, 'time'], {
      timeOffsets: { monotonic: { secs: 86400, nanosecs: 1 }, boottime: { secs: -5 } },
    }),
  ),
  golden('mounts', withMounts(everyMount), { explained: true }),
  golden('mount-options-order', withMounts(order)),
  golden('recursive-attributes', withMounts(recursive)),
  golden('long-options', withMounts(old)),
  golden('cgroup-mount', withMounts([cgroup], smallConfig(['mount', 'cgroup']))),
  golden('cgroup-mount-of-the-host', withMounts([cgroup, { ...cgroup, destination: '/cg', options: ['rw'] }])),
  golden('cgroup-mount-hybrid', withMounts([cgroup], smallConfig(['mount', 'cgroup'])), { facts: rootOnHybrid }),
  golden('limits', limits, { facts: limitsOnUnified, explained: true }),
  golden('limits-hybrid', limits, { facts: limitsOnHybrid }),
  golden('cgroups-path', smallConfig(['mount'], { cgroupsPath: '/my/../own/group' })),
  golden('cgroups-path-relative', smallConfig(['mount'], { cgroupsPath: 'pod/one' }), { facts: rootOnHybrid }),
  golden('propagation-shared', smallConfig(['mount'], { rootfsPropagation: 'rshared' })),
  golden('propagation-private', smallConfig(['mount'], { rootfsPropagation: 'private' })),
  golden('propagation-unbindable', smallConfig(['mount'], { rootfsPropagation: 'unbindable' })),
  golden('no-pivot', smallConfig(['mount']), { options: { noPivot: true } }),
  golden('terminal', {
    ...withMounts([dev, pts]),
    process: { ...program, terminal: true, consoleSize: { height: 40, width: 120 }, user: { uid: 1000, gid: 5 } },
  }),
  golden('devices', devices, { explained: true }),
  golden('dev-bound', withMounts([{ destination: '/dev', source: '/dev', options: ['rbind'] }])),
  golden('paths', {
    ...smallConfig(['mount'], {
      maskedPaths: ['/proc/kcore', '/sys/firmware'],
      readonlyPaths: ['/proc/sys', '/proc/bus'],
    }),
    root: { path: '/var/rootfs', readonly: true },
  }),
  golden('hooks', hooks, { explained: true }),
  golden('identity', identity, { facts: { ...rootOnUnified, capabilities: allCapabilities & ~(1n << 40n) } }),
  golden('kernel', {
    ...smallConfig(usual, {
      sysctl: { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '65536', 'net/ipv4/conf/eth0.1/forwarding': '1' },
    }),
    hostname: 'box',
    domainname: 'example.org',
  }),
  golden(
    'scheduling',
    {
      ...smallConfig(['mount'], {
        personality: { domain: 'LINUX32' },
        memoryPolicy: { mode: 'MPOL_INTERLEAVE', nodes: '0-2,5', flags: ['MPOL_F_STATIC_NODES'] },
      }),
      process: {
        ...program,
        scheduler: {
          policy: 'SCHED_DEADLINE',
          flags: ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM'],
          runtime: 10_000_000,
          deadline: 20_000_000,
          period: 9007199254740993n,
        },
        ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 3 },
      },
    },
    { explained: true },
  ),
  golden(
    'labels',
    {
      ...withMounts([
        proc,
        dev,
        mqueue,
        { ...dev, destination: '/long', options: [`x=${'y'.repeat(300)}`] },
        { destination: '/data', source: '/srv/data', options: ['bind'] },
      ]),
      process: { ...program, selinuxLabel: 'system_u:system_r:container_t:s0:c1,c2', apparmorProfile: 'confined' },
      linux: { namespaces: [{ type: 'mount' }], mountLabel: 'system_u:object_r:container_file_t:s0:c1,c2' },
    },
    { facts: { ...rootOnUnified, security: { apparmor: true, selinux: true } }, explained: true },
  ),
  golden('network-devices', smallConfig(['mount', 'network'], { netDevices: { eth1: {}, eth2: { name: 'lan%d' } } }), {
    explained: true,
  }),
  golden('seccomp', seccomp, { options: { seccompProgram: allowAll }, explained: true }),
  golden(
    'seccomp-no-new-privileges',
    { ...seccomp, process: { ...identity.process, ...seccomp.process, noNewPrivileges: true } },
    { options: { seccompProgram: allowAll } },
  ),
  golden(
    'seccomp-listener',
    {
      ...seccomp,
      linux: {
        ...seccomp.linux,
        seccomp: {
          defaultAction: 'SCMP_ACT_ALLOW',
          listenerPath: '/run/agent',
          flags: ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
          syscalls: [{ names: ['mount'], action: 'SCMP_ACT_NOTIFY' }],
        },
      },
      hooks: { startContainer: [{ path: '/hook' }] },
    },
    { options: { seccompProgram: allowAll, preservedFds: 2 } },
  ),
  golden('cgroup-disabled', smallConfig(usual), { options: { cgroupDriver: 'disabled' } }),
  golden('cgroup-none', smallConfig(usual), {
    options: { cgroupDriver: 'disabled' },
    facts: { ...rootOnUnified, cgroup: { layout: 'none', root: '', controllers: noControllers } },
  }),
  golden(
    'inside-user-namespace',
    withMounts([proc, sys, dev, mqueue], { ...devices, ...smallConfig(['pid', 'mount']) }),
    {
      facts: insideUserNamespace,
      explained: true,
    },
  ),
  golden('preserved-descriptors', smallConfig(usual), {
    options: { preservedFds: 3, listenFds: 2, newKeyring: false },
  }),
];
