// Generated from native/plan.def by scripts/generate-wire.ts: change that file and run `npm run generate`.

/** One operation of init. */
export type Operation =
  /** tell the host that a point is reached, and wait for its answer */
  | { op: 'sync'; point: number | bigint }
  /** go on as a new sibling process, in the new namespaces of `flags` */
  | { op: 'fork'; flags: number | bigint }
  /** everything is made: hand over; and let whoever owns the user namespace look into /proc/<pid>, where that is said */
  | { op: 'ready'; dumpable?: number | bigint | undefined }
  /** wait for `start` */
  | { op: 'waitStart' }
  /** run a hook in the container, the state on its standard input */
  | { op: 'hook'; path: string; timeoutMs: number | bigint; args: readonly string[]; env: readonly string[] }
  /** become the container's process */
  | { op: 'exec' }
  /** join a namespace by an inherited descriptor */
  | { op: 'join'; fd: number | bigint; type: number | bigint }
  /** make new namespaces for this process */
  | { op: 'unshare'; flags: number | bigint }
  /** become id 0 of the user namespace, which may be asked for only where there is one */
  | { op: 'becomeRoot'; whereMapped?: number | bigint | undefined }
  /** set the host name */
  | { op: 'hostname'; name: string }
  /** set the NIS domain name */
  | { op: 'domainname'; name: string }
  /** write a kernel parameter, through a verified procfs */
  | { op: 'sysctl'; path: string; value: string }
  /** bring the loopback interface up */
  | { op: 'loopbackUp' }
  /** set how mounts of `/` propagate in the new mount namespace */
  | { op: 'propagation'; flags: number | bigint }
  /** clone the root file system's tree and attach it over itself, or to a directory */
  | { op: 'rootfs'; path: string; at?: string | undefined; fd: number | bigint; detachParents?: number | bigint | undefined; propagation?: number | bigint | undefined }
  /** mount a new file system */
  | { op: 'mount'; type: string; source?: string | undefined; target: string; attributesSet?: number | bigint | undefined; attributesClear?: number | bigint | undefined; recursiveSet?: number | bigint | undefined; recursiveClear?: number | bigint | undefined; propagation?: number | bigint | undefined; propagationRecursive?: number | bigint | undefined; flags?: number | bigint | undefined; options: readonly string[] }
  /** clone a tree and attach it */
  | { op: 'bind'; source: string; target: string; fd: number | bigint; attributesSet?: number | bigint | undefined; attributesClear?: number | bigint | undefined; recursiveSet?: number | bigint | undefined; recursiveClear?: number | bigint | undefined; propagation?: number | bigint | undefined; propagationRecursive?: number | bigint | undefined; flags?: number | bigint | undefined }
  /** mount by mount(2): an option is too long for fsconfig(2) */
  | { op: 'mountOld'; type: string; source?: string | undefined; target: string; data?: string | undefined; mountFlags: number | bigint; recursiveSet?: number | bigint | undefined; recursiveClear?: number | bigint | undefined; propagation?: number | bigint | undefined; propagationRecursive?: number | bigint | undefined; flags?: number | bigint | undefined }
  /** change the attributes of a mount */
  | { op: 'remount'; target: string; attributesSet?: number | bigint | undefined; attributesClear?: number | bigint | undefined; recursiveSet?: number | bigint | undefined; recursiveClear?: number | bigint | undefined }
  /** make a device node or a fifo */
  | { op: 'device'; path: string; mode: number | bigint; major: number | bigint; minor: number | bigint; uid: number | bigint; gid: number | bigint }
  /** make a symbolic link */
  | { op: 'symlink'; target: string; path: string; replace?: number | bigint | undefined }
  /** hide a path: /dev/null over a file, an empty directory over a directory */
  | { op: 'mask'; path: string }
  /** make a path read-only */
  | { op: 'readonlyPath'; path: string }
  /** make the root file system the root, and detach the old one */
  | { op: 'pivotRoot' }
  /** the same by moving it over `/` (for a ramdisk as the old root) */
  | { op: 'moveRoot' }
  /** enter the root file system, without a mount namespace of its own */
  | { op: 'chroot' }
  /** set how mounts of the container's root propagate */
  | { op: 'rootPropagation'; propagation: number | bigint; recursive?: number | bigint | undefined }
  /** make the container's root read-only */
  | { op: 'rootReadonly' }
  /** open a procfs of init's own, for the writes to come */
  | { op: 'procHandle' }
  /** take a directory as the root, without a mount namespace */
  | { op: 'rootDirectory'; path: string }
  /** start a session */
  | { op: 'session' }
  /** make a terminal in the container's devpts, take it, and attach it to `path` */
  | { op: 'console'; path?: string | undefined; rows?: number | bigint | undefined; columns?: number | bigint | undefined; uid: number | bigint }
  /** join a new session keyring */
  | { op: 'keyring'; name: string }
  /** set a resource limit */
  | { op: 'rlimit'; resource: number | bigint; soft: number | bigint; hard: number | bigint }
  /** set the file mode creation mask */
  | { op: 'umask'; mask: number | bigint }
  /** make the working directory where it is missing */
  | { op: 'makeCwd'; path: string }
  /** enter the working directory, and verify that it is in the root */
  | { op: 'chdir'; path: string }
  /** keep the arguments */
  | { op: 'args'; args: readonly string[] }
  /** keep the environment */
  | { op: 'env'; env: readonly string[] }
  /** add HOME from the container's /etc/passwd */
  | { op: 'home'; uid: number | bigint }
  /** put the container's own /dev/null at 0, 1 and 2 where the caller's is */
  | { op: 'stdioNull' }
  /** give the pipes at 0, 1 and 2 to the container's user */
  | { op: 'stdioOwner'; uid: number | bigint; gid: number | bigint }
  /** drop every other capability from the bounding set */
  | { op: 'bounding'; capabilities: number | bigint }
  /** set the supplementary groups */
  | { op: 'groups'; whereAllowed?: number | bigint | undefined; gids: readonly number[] | Uint32Array }
  /** change to the container's user, keeping capabilities for now */
  | { op: 'user'; uid: number | bigint; gid: number | bigint }
  /** set three capability sets */
  | { op: 'capabilities'; effective: number | bigint; permitted: number | bigint; inheritable: number | bigint }
  /** set the ambient set */
  | { op: 'ambient'; capabilities: number | bigint }
  /** set no_new_privs */
  | { op: 'noNewPrivileges' }
  /** find args[0] in PATH, inside the container */
  | { op: 'findExecutable' }
  /** raise a hard limit while there is the privilege for it */
  | { op: 'raiseLimit'; resource: number | bigint; hard: number | bigint }
  /** put the preserved descriptors in their places, and let the others close by themselves */
  | { op: 'descriptors' }
  /** run on these CPUs; without any on every one that the cpuset allows, whatever the caller was bound to */
  | { op: 'affinity'; cpus: readonly number[] | Uint32Array }
  /** live on when the parent ends */
  | { op: 'release' }
  /** add LISTEN_PID with the pid that the process has in its own namespace */
  | { op: 'listenPid' }
  /** live on without the parent, and wait until the process behind an inherited pidfd has ended */
  | { op: 'outlive'; fd: number | bigint }
  /** tell the host that all is done, and end */
  | { op: 'done' }
  /** clone a tree for the mounts to come, where it is seen: the next of the sources */
  | { op: 'openSource'; path: string; recursive?: number | bigint | undefined }
  /** detach what is mounted on a path, and all below it */
  | { op: 'umount'; path: string }
  /** let the host move network devices in, by a socket of the container's network namespace */
  | { op: 'netDevices' }
  /** set the scheduling policy */
  | { op: 'scheduler'; policy: number | bigint; flags: number | bigint; nice: number | bigint; priority: number | bigint; runtime: number | bigint; deadline: number | bigint; period: number | bigint }
  /** set the priority of disk access */
  | { op: 'ioPriority'; class: number | bigint; level: number | bigint }
  /** set the execution domain */
  | { op: 'personality'; domain: number | bigint }
  /** set which memory nodes memory comes from */
  | { op: 'memoryPolicy'; mode: number | bigint; nodes: readonly number[] | Uint32Array }
  /** write a file of /proc/self/attr, through a verified procfs; with `kept`, see that it says that afterwards (anything, where empty) */
  | { op: 'label'; path: string; label: string; kept?: string | undefined }
  /** load a seccomp filter; with a listener, send its descriptor to the host at point LISTENER, or let the host take it */
  | { op: 'seccomp'; flags: number | bigint; sends?: number | bigint | undefined; program: readonly number[] | Uint32Array }
  /** give up what was kept for the filter, by one system call */
  | { op: 'lastCapabilities'; effective: number | bigint; permitted: number | bigint; inheritable: number | bigint }
  /** tell the host that it may end, and live on without it */
  | { op: 'alive' };

/** The shape of an operation on the wire. */
export interface OperationShape {
  kind: number;
  /** The system call behind it. */
  call: string;
  /** What it does, for people. */
  does: string;
  strings: readonly string[];
  numbers: readonly string[];
  lists: readonly string[];
  /** Whether the list holds 32-bit numbers instead of strings. */
  numericList: boolean;
}

export const OPERATIONS: { readonly [name in Operation['op']]: OperationShape } = {
  sync: {
    kind: 1,
    call: 'sendmsg',
    does: "tell the host that a point is reached, and wait for its answer",
    strings: [],
    numbers: ['point'],
    lists: [],
    numericList: false,
  },
  fork: {
    kind: 2,
    call: 'clone3',
    does: "go on as a new sibling process, in the new namespaces of `flags`",
    strings: [],
    numbers: ['flags'],
    lists: [],
    numericList: false,
  },
  ready: {
    kind: 3,
    call: 'sendmsg',
    does: "everything is made: hand over; and let whoever owns the user namespace look into /proc/<pid>, where that is said",
    strings: [],
    numbers: ['dumpable'],
    lists: [],
    numericList: false,
  },
  waitStart: {
    kind: 4,
    call: 'read',
    does: "wait for `start`",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  hook: {
    kind: 5,
    call: 'execve',
    does: "run a hook in the container, the state on its standard input",
    strings: ['path'],
    numbers: ['timeoutMs'],
    lists: ['args', 'env'],
    numericList: false,
  },
  exec: {
    kind: 6,
    call: 'execve',
    does: "become the container's process",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  join: {
    kind: 10,
    call: 'setns',
    does: "join a namespace by an inherited descriptor",
    strings: [],
    numbers: ['fd', 'type'],
    lists: [],
    numericList: false,
  },
  unshare: {
    kind: 11,
    call: 'unshare',
    does: "make new namespaces for this process",
    strings: [],
    numbers: ['flags'],
    lists: [],
    numericList: false,
  },
  becomeRoot: {
    kind: 12,
    call: 'setresuid',
    does: "become id 0 of the user namespace, which may be asked for only where there is one",
    strings: [],
    numbers: ['whereMapped'],
    lists: [],
    numericList: false,
  },
  hostname: {
    kind: 13,
    call: 'sethostname',
    does: "set the host name",
    strings: ['name'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  domainname: {
    kind: 14,
    call: 'setdomainname',
    does: "set the NIS domain name",
    strings: ['name'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  sysctl: {
    kind: 15,
    call: 'write',
    does: "write a kernel parameter, through a verified procfs",
    strings: ['path', 'value'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  loopbackUp: {
    kind: 16,
    call: 'ioctl',
    does: "bring the loopback interface up",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  propagation: {
    kind: 20,
    call: 'mount',
    does: "set how mounts of `/` propagate in the new mount namespace",
    strings: [],
    numbers: ['flags'],
    lists: [],
    numericList: false,
  },
  rootfs: {
    kind: 21,
    call: 'open_tree',
    does: "clone the root file system's tree and attach it over itself, or to a directory",
    strings: ['path', 'at'],
    numbers: ['fd', 'detachParents', 'propagation'],
    lists: [],
    numericList: false,
  },
  mount: {
    kind: 22,
    call: 'fsmount',
    does: "mount a new file system",
    strings: ['type', 'source', 'target'],
    numbers: ['attributesSet', 'attributesClear', 'recursiveSet', 'recursiveClear', 'propagation', 'propagationRecursive', 'flags'],
    lists: ['options'],
    numericList: false,
  },
  bind: {
    kind: 23,
    call: 'open_tree',
    does: "clone a tree and attach it",
    strings: ['source', 'target'],
    numbers: ['fd', 'attributesSet', 'attributesClear', 'recursiveSet', 'recursiveClear', 'propagation', 'propagationRecursive', 'flags'],
    lists: [],
    numericList: false,
  },
  mountOld: {
    kind: 24,
    call: 'mount',
    does: "mount by mount(2): an option is too long for fsconfig(2)",
    strings: ['type', 'source', 'target', 'data'],
    numbers: ['mountFlags', 'recursiveSet', 'recursiveClear', 'propagation', 'propagationRecursive', 'flags'],
    lists: [],
    numericList: false,
  },
  remount: {
    kind: 25,
    call: 'mount_setattr',
    does: "change the attributes of a mount",
    strings: ['target'],
    numbers: ['attributesSet', 'attributesClear', 'recursiveSet', 'recursiveClear'],
    lists: [],
    numericList: false,
  },
  device: {
    kind: 26,
    call: 'mknodat',
    does: "make a device node or a fifo",
    strings: ['path'],
    numbers: ['mode', 'major', 'minor', 'uid', 'gid'],
    lists: [],
    numericList: false,
  },
  symlink: {
    kind: 27,
    call: 'symlinkat',
    does: "make a symbolic link",
    strings: ['target', 'path'],
    numbers: ['replace'],
    lists: [],
    numericList: false,
  },
  mask: {
    kind: 28,
    call: 'move_mount',
    does: "hide a path: /dev/null over a file, an empty directory over a directory",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  readonlyPath: {
    kind: 29,
    call: 'mount_setattr',
    does: "make a path read-only",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  pivotRoot: {
    kind: 30,
    call: 'pivot_root',
    does: "make the root file system the root, and detach the old one",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  moveRoot: {
    kind: 31,
    call: 'move_mount',
    does: "the same by moving it over `/` (for a ramdisk as the old root)",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  chroot: {
    kind: 32,
    call: 'chroot',
    does: "enter the root file system, without a mount namespace of its own",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  rootPropagation: {
    kind: 33,
    call: 'mount_setattr',
    does: "set how mounts of the container's root propagate",
    strings: [],
    numbers: ['propagation', 'recursive'],
    lists: [],
    numericList: false,
  },
  rootReadonly: {
    kind: 34,
    call: 'mount_setattr',
    does: "make the container's root read-only",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  procHandle: {
    kind: 35,
    call: 'fsopen',
    does: "open a procfs of init's own, for the writes to come",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  rootDirectory: {
    kind: 36,
    call: 'open',
    does: "take a directory as the root, without a mount namespace",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  session: {
    kind: 40,
    call: 'setsid',
    does: "start a session",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  console: {
    kind: 41,
    call: 'ioctl',
    does: "make a terminal in the container's devpts, take it, and attach it to `path`",
    strings: ['path'],
    numbers: ['rows', 'columns', 'uid'],
    lists: [],
    numericList: false,
  },
  keyring: {
    kind: 42,
    call: 'keyctl',
    does: "join a new session keyring",
    strings: ['name'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  rlimit: {
    kind: 43,
    call: 'prlimit',
    does: "set a resource limit",
    strings: [],
    numbers: ['resource', 'soft', 'hard'],
    lists: [],
    numericList: false,
  },
  umask: {
    kind: 44,
    call: 'umask',
    does: "set the file mode creation mask",
    strings: [],
    numbers: ['mask'],
    lists: [],
    numericList: false,
  },
  makeCwd: {
    kind: 45,
    call: 'mkdirat',
    does: "make the working directory where it is missing",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  chdir: {
    kind: 46,
    call: 'chdir',
    does: "enter the working directory, and verify that it is in the root",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  args: {
    kind: 47,
    call: 'execve',
    does: "keep the arguments",
    strings: [],
    numbers: [],
    lists: ['args'],
    numericList: false,
  },
  env: {
    kind: 48,
    call: 'execve',
    does: "keep the environment",
    strings: [],
    numbers: [],
    lists: ['env'],
    numericList: false,
  },
  home: {
    kind: 49,
    call: 'openat2',
    does: "add HOME from the container's /etc/passwd",
    strings: [],
    numbers: ['uid'],
    lists: [],
    numericList: false,
  },
  stdioNull: {
    kind: 61,
    call: 'dup2',
    does: "put the container's own /dev/null at 0, 1 and 2 where the caller's is",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  stdioOwner: {
    kind: 50,
    call: 'fchown',
    does: "give the pipes at 0, 1 and 2 to the container's user",
    strings: [],
    numbers: ['uid', 'gid'],
    lists: [],
    numericList: false,
  },
  bounding: {
    kind: 51,
    call: 'prctl',
    does: "drop every other capability from the bounding set",
    strings: [],
    numbers: ['capabilities'],
    lists: [],
    numericList: false,
  },
  groups: {
    kind: 52,
    call: 'setgroups',
    does: "set the supplementary groups",
    strings: [],
    numbers: ['whereAllowed'],
    lists: ['gids'],
    numericList: true,
  },
  user: {
    kind: 53,
    call: 'setresuid',
    does: "change to the container's user, keeping capabilities for now",
    strings: [],
    numbers: ['uid', 'gid'],
    lists: [],
    numericList: false,
  },
  capabilities: {
    kind: 54,
    call: 'capset',
    does: "set three capability sets",
    strings: [],
    numbers: ['effective', 'permitted', 'inheritable'],
    lists: [],
    numericList: false,
  },
  ambient: {
    kind: 55,
    call: 'prctl',
    does: "set the ambient set",
    strings: [],
    numbers: ['capabilities'],
    lists: [],
    numericList: false,
  },
  noNewPrivileges: {
    kind: 56,
    call: 'prctl',
    does: "set no_new_privs",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  findExecutable: {
    kind: 57,
    call: 'faccessat',
    does: "find args[0] in PATH, inside the container",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  raiseLimit: {
    kind: 59,
    call: 'prlimit',
    does: "raise a hard limit while there is the privilege for it",
    strings: [],
    numbers: ['resource', 'hard'],
    lists: [],
    numericList: false,
  },
  descriptors: {
    kind: 60,
    call: 'dup2',
    does: "put the preserved descriptors in their places, and let the others close by themselves",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  affinity: {
    kind: 58,
    call: 'sched_setaffinity',
    does: "run on these CPUs; without any on every one that the cpuset allows, whatever the caller was bound to",
    strings: [],
    numbers: [],
    lists: ['cpus'],
    numericList: true,
  },
  release: {
    kind: 70,
    call: 'prctl',
    does: "live on when the parent ends",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  listenPid: {
    kind: 71,
    call: 'execve',
    does: "add LISTEN_PID with the pid that the process has in its own namespace",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  outlive: {
    kind: 120,
    call: 'poll',
    does: "live on without the parent, and wait until the process behind an inherited pidfd has ended",
    strings: [],
    numbers: ['fd'],
    lists: [],
    numericList: false,
  },
  done: {
    kind: 91,
    call: 'sendmsg',
    does: "tell the host that all is done, and end",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  openSource: {
    kind: 130,
    call: 'open_tree',
    does: "clone a tree for the mounts to come, where it is seen: the next of the sources",
    strings: ['path'],
    numbers: ['recursive'],
    lists: [],
    numericList: false,
  },
  umount: {
    kind: 92,
    call: 'umount2',
    does: "detach what is mounted on a path, and all below it",
    strings: ['path'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  netDevices: {
    kind: 90,
    call: 'socket',
    does: "let the host move network devices in, by a socket of the container's network namespace",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
  scheduler: {
    kind: 85,
    call: 'sched_setattr',
    does: "set the scheduling policy",
    strings: [],
    numbers: ['policy', 'flags', 'nice', 'priority', 'runtime', 'deadline', 'period'],
    lists: [],
    numericList: false,
  },
  ioPriority: {
    kind: 86,
    call: 'ioprio_set',
    does: "set the priority of disk access",
    strings: [],
    numbers: ['class', 'level'],
    lists: [],
    numericList: false,
  },
  personality: {
    kind: 87,
    call: 'personality',
    does: "set the execution domain",
    strings: [],
    numbers: ['domain'],
    lists: [],
    numericList: false,
  },
  memoryPolicy: {
    kind: 88,
    call: 'set_mempolicy',
    does: "set which memory nodes memory comes from",
    strings: [],
    numbers: ['mode'],
    lists: ['nodes'],
    numericList: true,
  },
  label: {
    kind: 89,
    call: 'write',
    does: "write a file of /proc/self/attr, through a verified procfs; with `kept`, see that it says that afterwards (anything, where empty)",
    strings: ['path', 'label', 'kept'],
    numbers: [],
    lists: [],
    numericList: false,
  },
  seccomp: {
    kind: 80,
    call: 'seccomp',
    does: "load a seccomp filter; with a listener, send its descriptor to the host at point LISTENER, or let the host take it",
    strings: [],
    numbers: ['flags', 'sends'],
    lists: ['program'],
    numericList: true,
  },
  lastCapabilities: {
    kind: 81,
    call: 'capset',
    does: "give up what was kept for the filter, by one system call",
    strings: [],
    numbers: ['effective', 'permitted', 'inheritable'],
    lists: [],
    numericList: false,
  },
  alive: {
    kind: 82,
    call: 'write',
    does: "tell the host that it may end, and live on without it",
    strings: [],
    numbers: [],
    lists: [],
    numericList: false,
  },
};

/** Points at which init waits for the host. */
export const POINT = {
  /** writes uid_map, gid_map and setgroups of the new user namespace */
  MAPS: 1,
  /** writes the offsets of the new time namespace */
  OFFSETS: 2,
  /** learns the pid of the process that FORK made */
  CHILD: 3,
  /** puts the process into its cgroup */
  PLACED: 4,
  /** sends descriptors of the mount sources that only the host can open */
  SOURCES: 5,
  /** sets the resource limits that the user namespace may not */
  LIMITS: 6,
  /** runs prestart and createRuntime hooks, answers with the state for createContainer hooks */
  HOOKS: 7,
  /** writes oom_score_adj, before the process is in the container: only then is the file the caller’s */
  OOM_SCORE: 130,
  /** sees that the container of a process of exec is still there */
  JOINED: 10,
  /** has the terminal, and gives it its size before the program may ask */
  TERMINAL: 11,
  /** takes the netlink socket of that number, and moves network devices to where it was made */
  NET_DEVICES: 18,
  /** gets the descriptor by which seccomp notifies, or takes that of the number told, and sends it to whom linux.seccomp.listenerPath names */
  LISTENER: 15,
  /** learns that a tool has come as far as it goes by itself */
  TOOL: 31,
} as const;

/** Types of messages between the host and init. */
export const MESSAGE = {
  /** init → host: `error` is the point, detail a number as text where the point has one */
  SYNC: 1,
  /** host → init: the answer to SYNC, `error` is the point */
  CONTINUE: 2,
  /** init → host: the terminal's master comes along */
  CONSOLE: 3,
  /** init → host: the container is created */
  READY: 4,
  /** host → init: the state is written, live on; the state for startContainer hooks comes along */
  HANDOVER: 5,
  /** init → host: the parent-death signal is off, the parent may end */
  ALIVE: 6,
  /** init → host or reply fifo: operation `op` failed with errno `error`; detail: system call, newline, object */
  ERROR: 7,
  /** init → host or reply fifo: a hook ended badly; `error` is its wait status, or -1 where its time was over; detail: its output */
  HOOK_FAILED: 8,
  /** init → reply fifo: the last execve failed; detail: path, newline, the file's first bytes */
  EXEC_FAILED: 9,
  /** init → reply fifo: execve comes next; end of file after it means that it worked */
  STARTED: 10,
  /** init → host: all is done, and init ends */
  DONE: 19,
  /** init → host: detail is text */
  WARNING: 11,
} as const;

/** The descriptors that init starts with. */
export const DESCRIPTOR = {
  /** the SEQPACKET socket to the host */
  SOCKET: 3,
  /** the sealed memfd with the plan */
  PLAN: 4,
  /** the fifo that `start` writes to */
  GO: 5,
  /** the fifo that `start` reads from */
  REPLY: 6,
  /** preserved descriptors, then namespaces to join */
  FIRST: 7,
} as const;

/** Flags of the mount operations. */
export const MOUNT_FLAG = {
  /** refuse a target that is reached through a symbolic link */
  NO_SYMLINKS: 1,
  /** clone the mounts below as well */
  RECURSIVE: 2,
  /** copy what is at the target into the new file system first */
  COPY_UP: 4,
  /** a missing source is no error */
  OPTIONAL: 8,
  /** the source must be a character device */
  DEVICE_NODE: 16,
  /** the target may be in procfs: its path says so */
  IN_PROC: 32,
  /** the source must be the root of a procfs */
  PROC_SOURCE: 64,
  /** the root of the new file system gets the mode of the directory that it covers, where that was there */
  MODE_BELOW: 128,
  /** first make the directories of the source, seen from the host, again at the target, as its own, and its empty files */
  ADOPT: 4096,
  /** the same with all files that can be read */
  ADOPT_FILES: 8192,
} as const;
