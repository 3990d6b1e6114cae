/**
 * The command line as data: every flag, argument and command of tsrun, once. The parser, the help texts, and whatever
 * else speaks about the command line (completions, manual page) are made from these tables, so they cannot disagree.
 *
 * A key of `flags` or `args` is the property of the parsed request; `name` is what is typed.
 */

import type { Int64 } from '../../spec/config.ts';
import { once } from '../once.ts';

interface FlagBase {
  /** The long name without dashes. */
  readonly name: string;
  /** The one-letter name, without its dash. */
  readonly short?: string;
  /** What it does; part of a sentence, for --help. */
  readonly help: string;
  /** The flag is known but refused when used; the text says what it waits for. */
  readonly refused?: string;
}

/** `--x`, `--x=true`, `--x=false`; false unless given. */
export interface SwitchSpec extends FlagBase {
  readonly kind: 'switch';
}

/** A path, taken as it is; the command resolves it against the caller's directory. */
export interface PathSpec extends FlagBase {
  readonly kind: 'path';
  /** What stands for the value in help texts. */
  readonly value: string;
  readonly default?: string;
}

/** A plain decimal number from 0 to `max`. */
export interface CountSpec extends FlagBase {
  readonly kind: 'count';
  readonly value: string;
  readonly default: number;
  readonly max: number;
}

/** One of a few words. */
export interface ChoiceSpec extends FlagBase {
  readonly kind: 'choice';
  readonly value: string;
  readonly choices: readonly string[];
  /** Absent where "not given" is a case of its own. */
  readonly default?: string;
}

/** A signal by name (with or without SIG) or number. */
export interface SignalSpec extends FlagBase {
  readonly kind: 'signal';
  readonly value: string;
}

/** Any text that is not empty. */
export interface TextSpec extends FlagBase {
  readonly kind: 'text';
  readonly value: string;
}

/** A whole number of up to 64 bits, exact. */
export interface IntegerSpec extends FlagBase {
  readonly kind: 'integer';
  readonly value: string;
  readonly min: Int64;
  readonly max: Int64;
}

/** Bytes, as a number or with a unit (`64M`), or -1. */
export interface SizeSpec extends FlagBase {
  readonly kind: 'size';
  readonly value: string;
}

/** A time such as `5s` or `500ms`; milliseconds in the request. */
export interface DurationSpec extends FlagBase {
  readonly kind: 'duration';
  readonly value: string;
  /** Milliseconds. */
  readonly default: number;
}

export type FlagSpec =
  | SwitchSpec
  | PathSpec
  | CountSpec
  | ChoiceSpec
  | SignalSpec
  | TextSpec
  | IntegerSpec
  | SizeSpec
  | DurationSpec;
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** A positional argument. An optional argument whose key is also a flag's can be given either way, but not both ways. */
export type ArgSpec =
  | { readonly kind: 'id' | 'path'; readonly value: string; readonly help: string; readonly optional?: true }
  | {
      readonly kind: 'signal';
      readonly value: string;
      readonly help: string;
      readonly optional: true;
      readonly default: number;
    }
  // Everything that follows the arguments before it, flags too: they are another program's.
  | { readonly kind: 'rest'; readonly value: string; readonly help: string; readonly optional: true };
export type ArgSpecs = Readonly<Record<string, ArgSpec>>;

export interface CommandSpec {
  /** One line for the list of commands. */
  readonly summary: string;
  /** More, for the command's own help: sentences. */
  readonly details?: string;
  readonly flags: FlagSpecs;
  readonly args: ArgSpecs;
}

const maxInt64 = 0x7fff_ffff_ffff_ffffn;
const maxUint64 = 0xffff_ffff_ffff_ffffn;

// The kernel's default for fs.nr_open: a process has no more descriptors than that to preserve.
const maxPreservedFds = 1_048_576;

/** Flags that stand before the command. */
export const globalFlags = {
  debug: { name: 'debug', kind: 'switch', help: 'log everything, and show where in tsrun an error comes from' },
  log: {
    name: 'log',
    kind: 'path',
    value: 'FILE',
    help: 'append errors and warnings to FILE as well (also file:FILE)',
  },
  logFormat: {
    name: 'log-format',
    kind: 'choice',
    value: 'FORMAT',
    choices: ['text', 'json'],
    default: 'text',
    help: 'how the log file is written',
  },
  logLevel: {
    name: 'log-level',
    kind: 'choice',
    value: 'LEVEL',
    choices: ['error', 'warning', 'debug'],
    default: 'error',
    help: 'what is logged',
  },
  root: {
    name: 'root',
    kind: 'path',
    value: 'DIR',
    help: 'where the state of containers is kept; /run/tsrun, or $XDG_RUNTIME_DIR/tsrun when rootless',
  },
  systemdCgroup: { name: 'systemd-cgroup', kind: 'switch', help: 'the same as --cgroup-manager systemd' },
  cgroupManager: {
    name: 'cgroup-manager',
    kind: 'choice',
    value: 'MANAGER',
    choices: ['cgroupfs', 'systemd', 'disabled'],
    help: "who makes a new container's cgroup; cgroupfs",
  },
  rootless: {
    name: 'rootless',
    kind: 'choice',
    value: 'MODE',
    choices: ['true', 'false', 'auto'],
    default: 'auto',
    help: 'whether to do without what only root may do',
  },
} as const satisfies FlagSpecs;

/** Flags that are a request of their own; `help` is one of every command as well. */
export const actionFlags = {
  version: { name: 'version', short: 'v', kind: 'switch', help: 'print the version' },
  help: { name: 'help', short: 'h', kind: 'switch', help: 'print this help; after a command, help for that command' },
} as const satisfies FlagSpecs;

const idArg = { kind: 'id', value: 'ID', help: 'the name of the container' } as const satisfies ArgSpec;

const bundleFlag = {
  name: 'bundle',
  short: 'b',
  kind: 'path',
  value: 'DIR',
  default: '.',
  help: 'directory with config.json and the root file system',
} as const satisfies FlagSpec;

const configFlag = {
  name: 'config',
  short: 'f',
  kind: 'path',
  value: 'FILE',
  help: 'configuration to use in place of config.json of the bundle',
} as const satisfies FlagSpec;

/** What `create` and `run` have in common. */
const createFlags = {
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
  pidfdSocket: {
    name: 'pidfd-socket',
    kind: 'path',
    value: 'PATH',
    refused: 'this version of tsrun cannot send a pidfd yet',
    help: "socket that receives a pidfd of the container's process",
  },
  preserveFds: {
    name: 'preserve-fds',
    kind: 'count',
    value: 'N',
    default: 0,
    max: maxPreservedFds,
    help: 'descriptors from 3 on to pass to the container, beside those of LISTEN_FDS',
  },
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

const microseconds = { kind: 'integer', value: 'MICROSECONDS' } as const;
const bytes = { kind: 'size', value: 'BYTES' } as const;
const noKernelMemory = 'Linux has no limit for the memory of the kernel alone any more; use --memory';
const noIntelRdt = 'this version of tsrun does not support Intel RDT yet';

/** What `update` is given: a file of limits, or limits one by one. */
const updateFlags = once(
  () =>
    ({
      resources: {
        name: 'resources',
        short: 'r',
        kind: 'path',
        value: 'FILE',
        help: 'limits as in linux.resources of config.json, or - for standard input; replaces all other flags',
      },
      blkioWeight: {
        name: 'blkio-weight',
        kind: 'integer',
        value: 'WEIGHT',
        min: 10,
        max: 1000,
        help: 'share of disk time beside other containers, 10 to 1000',
      },
      cpuPeriod: { ...microseconds, name: 'cpu-period', min: 0, max: maxUint64, help: 'period of the CPU quota' },
      cpuQuota: {
        ...microseconds,
        name: 'cpu-quota',
        min: -1,
        max: maxInt64,
        help: 'CPU time in each period; -1 for no limit',
      },
      cpuBurst: {
        ...microseconds,
        name: 'cpu-burst',
        min: 0,
        max: maxUint64,
        help: 'CPU time that may be saved up beyond the quota',
      },
      cpuShare: {
        name: 'cpu-share',
        kind: 'integer',
        value: 'SHARES',
        min: 0,
        max: maxUint64,
        help: 'share of CPU time beside other containers; 1024 is usual',
      },
      cpuRtPeriod: {
        ...microseconds,
        name: 'cpu-rt-period',
        min: 0,
        max: maxUint64,
        help: 'period of --cpu-rt-runtime (cgroup v1)',
      },
      cpuRtRuntime: {
        ...microseconds,
        name: 'cpu-rt-runtime',
        min: -1,
        max: maxInt64,
        help: 'CPU time of realtime processes in each period (cgroup v1)',
      },
      cpuIdle: {
        name: 'cpu-idle',
        kind: 'integer',
        value: '0|1',
        min: 0,
        max: 1,
        help: '1: run only where nobody else wants the CPU',
      },
      cpusetCpus: { name: 'cpuset-cpus', kind: 'text', value: 'LIST', help: 'CPUs to run on, as in 0-3,7' },
      cpusetMems: { name: 'cpuset-mems', kind: 'text', value: 'LIST', help: 'memory nodes to use, as in 0-1' },
      memory: { ...bytes, name: 'memory', help: 'limit of memory, as in 64M; -1 for none' },
      memoryReservation: {
        ...bytes,
        name: 'memory-reservation',
        help: 'memory that is left to it when others need some',
      },
      memorySwap: { ...bytes, name: 'memory-swap', help: 'limit of memory and swap together; -1 for no limit of swap' },
      pidsLimit: {
        name: 'pids-limit',
        kind: 'integer',
        value: 'N',
        min: -1,
        max: maxInt64,
        help: 'limit of processes and threads; -1 for none',
      },
      kernelMemory: { ...bytes, name: 'kernel-memory', refused: noKernelMemory, help: 'limit of kernel memory' },
      kernelMemoryTcp: { ...bytes, name: 'kernel-memory-tcp', refused: noKernelMemory, help: 'limit of TCP buffers' },
      l3CacheSchema: { name: 'l3-cache-schema', kind: 'text', value: 'SCHEMA', refused: noIntelRdt, help: 'L3 cache' },
      memBwSchema: {
        name: 'mem-bw-schema',
        kind: 'text',
        value: 'SCHEMA',
        refused: noIntelRdt,
        help: 'memory bandwidth',
      },
    }) as const satisfies FlagSpecs,
);

/** The commands, in the order of the help text. */
export const commands = {
  create: {
    summary: 'set up a container; its program does not run yet',
    flags: {
      ...createFlags,
      noSubreaper: {
        name: 'no-subreaper',
        kind: 'switch',
        help: 'accepted as by run; create waits for nobody and is never a subreaper',
      },
    },
    args: { id: idArg },
  },
  start: { summary: "run the program of a container made by 'create'", flags: {}, args: { id: idArg } },
  state: { summary: 'print the state of a container as JSON', flags: {}, args: { id: idArg } },
  kill: {
    summary: "send a signal to a container's process",
    flags: {
      all: {
        name: 'all',
        short: 'a',
        kind: 'switch',
        help: 'signal every process of the container; no error if it has ended',
      },
      signal: { name: 'signal', short: 's', kind: 'signal', value: 'SIGNAL', help: 'the signal, by name or number' },
    },
    args: {
      id: idArg,
      signal: { kind: 'signal', value: 'SIGNAL', optional: true, default: 15, help: 'by name or number; SIGTERM' },
    },
  },
  delete: {
    summary: 'remove what is left of a container that has ended',
    flags: {
      force: {
        name: 'force',
        short: 'f',
        kind: 'switch',
        help: 'kill the container first if it runs; no error if there is none',
      },
    },
    args: { id: idArg },
  },
  run: {
    summary: 'create and start a container, wait for it, and delete it',
    details: "Ends with the exit status of the container's program, or 128 and the number of the signal that ended it.",
    flags: {
      ...createFlags,
      detach: { name: 'detach', short: 'd', kind: 'switch', help: 'do not wait: return once the program runs' },
      keep: { name: 'keep', kind: 'switch', help: 'do not delete the container when its program has ended' },
      noSubreaper: {
        name: 'no-subreaper',
        kind: 'switch',
        help: "do not adopt the container's orphaned processes while waiting",
      },
    },
    args: { id: idArg },
  },
  list: {
    summary: 'list the containers',
    flags: {
      format: {
        name: 'format',
        short: 'f',
        kind: 'choice',
        value: 'FORMAT',
        choices: ['table', 'json'],
        default: 'table',
        help: 'how to print them',
      },
      quiet: { name: 'quiet', short: 'q', kind: 'switch', help: 'print the ids alone' },
    },
    args: {},
  },
  ps: {
    summary: 'list the processes of a container',
    details:
      'Runs the ps of the host, with the arguments after ID (-ef where there are none), and leaves out what is not of the container.',
    flags: {
      format: {
        name: 'format',
        short: 'f',
        kind: 'choice',
        value: 'FORMAT',
        choices: ['table', 'json'],
        default: 'table',
        help: 'a table as ps prints it, or a JSON array of pids as the host sees them',
      },
    },
    args: {
      id: idArg,
      psArgs: { kind: 'rest', value: 'PS-ARGUMENT...', optional: true, help: 'what to call ps with' },
    },
  },
  pause: { summary: 'stop all processes of a container where they are', flags: {}, args: { id: idArg } },
  resume: { summary: "let the processes of a container run on after 'pause'", flags: {}, args: { id: idArg } },
  update: {
    summary: 'change the limits of a container',
    details: 'Either all that is asked for changes, or nothing.',
    get flags() {
      return updateFlags();
    },
    args: { id: idArg },
  },
  events: {
    summary: 'print what a container uses, and when it runs out of memory',
    details: 'One JSON object on each line, until the container ends.',
    flags: {
      interval: { name: 'interval', kind: 'duration', value: 'TIME', default: 5000, help: 'how often to print usage' },
      stats: { name: 'stats', kind: 'switch', help: 'print usage once, and end' },
    },
    args: { id: idArg },
  },
  spec: {
    summary: 'write a config.json to begin with',
    details: 'An existing file is never overwritten.',
    flags: {
      bundle: { ...bundleFlag, help: 'directory to write config.json to' },
      file: { name: 'file', short: 'f', kind: 'path', value: 'FILE', help: 'file to write in place of config.json' },
      rootless: { name: 'rootless', kind: 'switch', help: 'for a container without root: a user namespace, no limits' },
    },
    args: {},
  },
  features: { summary: 'print what this tsrun supports as JSON', flags: {}, args: {} },
  validate: {
    summary: 'check a config.json without running anything',
    flags: {
      bundle: { ...bundleFlag, help: 'directory whose config.json is checked' },
      strict: { name: 'strict', kind: 'switch', help: 'warnings are errors, unknown properties too' },
      json: { name: 'json', kind: 'switch', help: 'print the findings as JSON' },
    },
    args: { file: { kind: 'path', value: 'FILE', optional: true, help: 'the configuration to check' } },
  },
  explain: {
    summary: 'print step by step what create would do, and do nothing',
    flags: {
      bundle: bundleFlag,
      config: configFlag,
      json: { name: 'json', kind: 'switch', help: 'print the plan as JSON' },
    },
    args: {},
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof commands;

/** Commands of the runtime command line that callers may ask for and that this version refuses by name. */
export const refusedCommands: readonly string[] = ['exec', 'checkpoint', 'restore', 'mounts', 'doctor', 'completion'];

type ValueOf<S> = S extends { kind: 'switch' }
  ? boolean
  : S extends { kind: 'rest' }
    ? readonly string[]
    : S extends { kind: 'integer' | 'size' }
      ? Int64 | undefined
      : ScalarOf<S>;

type ScalarOf<S> = S extends { kind: 'count' | 'signal' | 'duration' }
  ? number
  : S extends { kind: 'text' }
    ? string | undefined
    : S extends { kind: 'choice'; choices: readonly (infer Choice)[] }
      ? Choice | Absent<S>
      : S extends { kind: 'path'; default: string }
        ? string
        : S extends { optional: true } | { kind: 'path'; name: string }
          ? string | undefined
          : string;

/** `undefined` where a choice has no default. */
type Absent<S> = S extends { default: string } ? never : undefined;

/** The parsed values of a table of flags or arguments: every key is there, `undefined` where nothing stands for it. */
export type Values<T> = {
  -readonly [Key in keyof T as T[Key] extends { refused: string } ? never : Key]: ValueOf<T[Key]>;
};

/** The values of the global flags as they were typed. */
export type GlobalValues = Values<typeof globalFlags>;
