/** The flags of what makes a container. */
import type { FlagSpec, FlagSpecs } from './kinds.ts';

// The kernel's default for fs.nr_open: a process has no more descriptors than that to preserve.
const maxPreservedFds = 1_048_576;

export const bundleFlag = {
  name: 'bundle',
  short: 'b',
  kind: 'path',
  value: 'DIR',
  default: '.',
  help: 'directory with config.json and the root file system',
} as const satisfies FlagSpec;

export const configFlag = {
  name: 'config',
  short: 'f',
  kind: 'path',
  value: 'FILE',
  help: 'configuration to use in place of config.json of the bundle',
} as const satisfies FlagSpec;

export const pidfdSocketFlag = {
  name: 'pidfd-socket',
  kind: 'path',
  value: 'PATH',
  help: "socket that receives a pidfd of the container's process",
} as const satisfies FlagSpec;

export const preserveFdsFlag = {
  name: 'preserve-fds',
  kind: 'count',
  value: 'N',
  default: 0,
  max: maxPreservedFds,
  help: 'descriptors from 3 on to pass to the container, beside those of LISTEN_FDS',
} as const satisfies FlagSpec;

/** What `create` and `run` have in common. */
export const createFlags = {
  bundle: bundleFlag,
  config: configFlag,
  consoleSocket: {
    name: 'console-socket',
    kind: 'path',
    value: 'PATH',
    help: "socket that receives the master of the container's terminal",
  },
  pidFile: {
    name: 'pid-file',
    kind: 'path',
    value: 'FILE',
    help: "file to write the pid of the container's process to",
  },
  pidfdSocket: pidfdSocketFlag,
  preserveFds: preserveFdsFlag,
  noPivot: {
    name: 'no-pivot',
    kind: 'switch',
    help: 'enter the root file system without pivot_root (for a host whose root is a ramdisk)',
  },
  noNewKeyring: {
    name: 'no-new-keyring',
    kind: 'switch',
    help: "keep the caller's session keyring instead of making one for the container",
  },
} as const satisfies FlagSpecs;
