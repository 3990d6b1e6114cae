/** The flags of `sandbox`: tables that only this rare command needs. */
import { once } from '../once.ts';
import type { FlagSpecs } from './kinds.ts';

const namespace = { kind: 'text', value: 'NAMESPACE' } as const;
const several = { kind: 'texts' } as const;
const maxPids = 4_194_304;

/** What `sandbox` is given. A NAMESPACE is `private`, `host`, a path, or `container:ID`. */
export const sandboxFlags = once(
  () =>
    ({
      rootfs: {
        name: 'rootfs',
        kind: 'path',
        value: 'DIR|TAR|OCI-LAYOUT',
        help: "root file system, in place of the host's own: rootfs:FILE and oci:PATH[:TAG] say which kind, as with bundle; an archive or image is unpacked below $TMPDIR (/var/tmp), and gone at the end",
      },
      overlay: {
        name: 'overlay',
        kind: 'switch',
        help: 'let all directories of the host be written to; what is written is gone at the end',
      },
      upper: {
        name: 'upper',
        kind: 'path',
        value: 'DIR',
        help: 'the same, and DIR keeps what is written: of one sandbox at a time',
      },
      tmpfs: { ...several, name: 'tmpfs', value: 'DIR', help: 'an empty, writable DIR that is gone at the end' },
      copyUp: { ...several, name: 'copy-up', value: 'DIR', help: 'a writable copy of DIR that is gone at the end' },
      bind: {
        ...several,
        name: 'bind',
        value: 'SRC[:DST][:idmap=b:FROM:TO:RANGE]',
        help: 'the host directory or file SRC at DST, writable; the same path where DST is missing; with idmap, what belongs to FROM on the disk belongs to TO there; a colon in a path is written \\:',
      },
      roBind: { ...several, name: 'ro-bind', value: 'SRC[:DST][:idmap=…]', help: 'the same read-only' },
      net: {
        ...namespace,
        name: 'net',
        help: 'network: private or none (loopback alone), host, slirp4netns or pasta (a way out by that program), veth:NAME[,ADDRESS/BITS] (a private network with all sandboxes of that NAME), /PATH or container:ID',
      },
      publish: {
        ...several,
        name: 'publish',
        short: 'p',
        value: '[ADDRESS:]HOST:CONTAINER[/udp]',
        help: "a port of the host that leads to one of the sandbox; all of the host's addresses where none is given",
      },
      hostLoopback: {
        name: 'host-loopback',
        kind: 'switch',
        help: "let the sandbox reach servers on the host's loopback, at the address of its gateway",
      },
      pid: { ...namespace, name: 'pid', help: 'process ids: private, host, /PATH or container:ID' },
      uts: { ...namespace, name: 'uts', help: 'host name: the same choices' },
      ipc: { ...namespace, name: 'ipc', help: 'System V objects and message queues: the same choices' },
      mount: {
        ...namespace,
        name: 'mount',
        help: 'mounts: the same choices; only private ones can differ from those of the host',
      },
      user: {
        ...several,
        name: 'user',
        value: 'UID[:GID]|NAMESPACE',
        help: 'who the command runs as; or the user namespace: the same choices; give both by two flags',
      },
      cgroup: { ...namespace, name: 'cgroup', help: 'view of the cgroups: the same choices' },
      time: { ...namespace, name: 'time', help: 'clocks: the same choices; host' },
      keepNs: {
        ...several,
        name: 'keep-ns',
        value: 'TYPE=FILE',
        help: 'let a namespace stay when the sandbox ends, mounted on FILE, which is made or empty; to be joined by --TYPE FILE',
      },
      mapRoot: { name: 'map-root', kind: 'switch', help: 'a user namespace in which the caller is root' },
      mapSelf: { name: 'map-self', kind: 'switch', help: 'a user namespace in which the caller keeps its ids' },
      mapAuto: {
        name: 'map-auto',
        kind: 'switch',
        help: 'a user namespace with root and all subordinate ids of the caller (/etc/subuid, /etc/subgid)',
      },
      hostname: { name: 'hostname', kind: 'text', value: 'NAME', help: 'host name in the sandbox' },
      capAdd: { ...several, name: 'cap-add', value: 'CAP', help: 'one capability more, or ALL' },
      capDrop: { ...several, name: 'cap-drop', value: 'CAP', help: 'one capability less, or ALL' },
      privileged: {
        name: 'privileged',
        kind: 'switch',
        help: "all capabilities, the host's devices, nothing masked or read-only, no seccomp filter",
      },
      seccomp: {
        name: 'seccomp',
        kind: 'text',
        value: 'FILE|default|none',
        help: 'filter of system calls: a profile, the built-in one, or none; default, and none where it is privileged',
      },
      memory: { name: 'memory', kind: 'size', value: 'BYTES', help: 'limit of memory, as in 64M' },
      cpus: { name: 'cpus', kind: 'text', value: 'N', help: 'limit of CPU time, in CPUs, as in 1.5' },
      pids: {
        name: 'pids',
        kind: 'integer',
        value: 'N',
        min: 1,
        max: maxPids,
        help: 'limit of processes and threads',
      },
      env: {
        ...several,
        name: 'env',
        short: 'e',
        value: 'NAME[=VALUE]',
        help: "a variable of the environment; without a value the caller's",
      },
      cwd: {
        name: 'cwd',
        kind: 'path',
        value: 'DIR',
        help: "where the command begins, which has to be there; the caller's directory, or the image's",
      },
      name: { name: 'name', kind: 'text', value: 'ID', help: 'name of the sandbox for other commands; a new one' },
      printConfig: { name: 'print-config', kind: 'switch', help: 'print the config.json, and do nothing' },
      explain: { name: 'explain', kind: 'switch', help: 'print step by step what would be done, and do nothing' },
    }) as const satisfies FlagSpecs,
);

/** What `enter` is given. */
export const enterFlags = once(
  () =>
    ({
      ns: {
        name: 'ns',
        kind: 'text',
        value: 'LIST',
        help: 'namespaces to enter, as in net,uts; all that are not the own ones',
      },
      user: {
        name: 'user',
        short: 'u',
        kind: 'text',
        value: 'UID[:GID]',
        help: 'who to be; root where a user namespace is entered that has one, else as before',
      },
      preserveCredentials: {
        name: 'preserve-credentials',
        kind: 'switch',
        help: 'stay who one is, whatever is entered',
      },
      cwd: {
        name: 'cwd',
        kind: 'path',
        value: 'DIR',
        help: "where the command begins; / among other mounts, else the caller's directory",
      },
      env: {
        name: 'env',
        short: 'e',
        kind: 'texts',
        value: 'NAME=VALUE',
        help: "a variable that comes to the caller's environment",
      },
    }) as const satisfies FlagSpecs,
);
