/**
 * The command line as data: every flag, argument and command of tsrun, once. The parser, the help texts, and whatever
 * else speaks about the command line (completions, manual page) are made from these tables, so they cannot disagree.
 *
 * A key of `flags` or `args` is the property of the parsed request; `name` is what is typed.
 */
import { bundleFlags } from './bundle-flags.ts';
import { bundleFlag, configFlag, createFlags } from './create-flags.ts';
import { execFlags } from './exec-flags.ts';
import type { ArgSpec, CommandSpec, FlagSpec, FlagSpecs, Values } from './kinds.ts';
import { enterFlags, sandboxFlags } from './sandbox-flags.ts';
import { updateFlags } from './update-flags.ts';

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

/** How what is listed is printed. */
const formatFlag = (help: string) =>
  ({
    name: 'format',
    short: 'f',
    kind: 'choice',
    value: 'FORMAT',
    choices: ['table', 'json'],
    default: 'table',
    help,
  }) as const satisfies FlagSpec;

const idArg = { kind: 'id', value: 'ID', help: 'the name of the container' } as const satisfies ArgSpec;

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
  exec: {
    summary: 'run another program in a container',
    details:
      'Ends with the exit status of the program, 128 and the number of the signal that ended it, or 255 where it could not be run.',
    failureStatus: 255,
    get flags() {
      return execFlags();
    },
    args: {
      id: idArg,
      program: {
        kind: 'rest',
        value: 'COMMAND [ARGUMENT...]',
        optional: true,
        afterFlags: true,
        help: 'the program and its arguments',
      },
    },
  },
  list: {
    summary: 'list the containers',
    flags: {
      format: formatFlag('how to print them'),
      quiet: { name: 'quiet', short: 'q', kind: 'switch', help: 'print the ids alone' },
    },
    args: {},
  },
  ps: {
    summary: 'list the processes of a container',
    details:
      'Runs the ps of the host, with the arguments after ID (-ef where there are none), and leaves out what is not of the container.',
    flags: {
      format: formatFlag('a table as ps prints it, or a JSON array of pids as the host sees them'),
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
  mounts: {
    summary: 'add, remove or list mounts of a running container',
    details:
      "'add' and 'remove' read a JSON array of mounts, as in config.json; of those to remove only the destination counts. Either all are added, or none. Relative sources begin in the current directory.",
    flags: {
      format: formatFlag('how to list them'),
    },
    args: {
      action: {
        kind: 'choice',
        value: 'add|remove|list',
        choices: ['add', 'remove', 'list'],
        required: true,
        help: 'what to do',
      },
      id: idArg,
      file: { kind: 'path', value: 'FILE', optional: true, help: 'the mounts, or - for standard input' },
    },
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
  bundle: {
    summary: "make a bundle from an archive, an image or the host's own root",
    details:
      'SOURCE is an archive of a root file system (tar, also with gzip or zstd; - is standard input), an image in an OCI image layout (a directory or an archive of one), or the word host: a bundle whose containers have the root of this machine, read-only. rootfs:FILE and oci:PATH[:TAG] say which it is, and which of several images. The bundle appears under its name when it is complete, or not at all.',
    get flags() {
      return bundleFlags();
    },
    args: {
      source: { kind: 'path', value: 'SOURCE', help: 'what to make it from' },
      directory: { kind: 'path', value: 'DIRECTORY', help: 'the bundle: must not exist, or be empty' },
    },
  },
  sandbox: {
    summary: 'run a command in a container made from flags alone',
    details:
      "By default the command sees the host's files read-only, fresh /proc, /sys, /dev, /run and /tmp, no network and no process but its own, and a filter keeps it from system calls that sandboxes have no use for; nothing of the sandbox is left when it ends. Without COMMAND it is a shell.",
    get flags() {
      return sandboxFlags();
    },
    args: {
      words: {
        kind: 'rest',
        value: 'COMMAND...',
        optional: true,
        afterFlags: true,
        help: 'the program to run, and its arguments',
      },
    },
  },
  enter: {
    summary: 'run a command in the namespaces of a container, or of any process',
    details:
      "The command joins namespaces and nothing else: it stays in the caller's cgroup, with the caller's limits, environment, terminal and privileges, and without the container's system call filter. ('exec' is for a process of the container.) Without COMMAND it is a shell.",
    get flags() {
      return enterFlags();
    },
    args: {
      target: { kind: 'text', value: 'ID|PID', help: 'a container, or the number of a process' },
      words: {
        kind: 'rest',
        afterFlags: true,
        value: 'COMMAND...',
        optional: true,
        help: 'the program to run, and its arguments',
      },
    },
  },
  seccomp: {
    summary: 'tell what a seccomp profile does with a system call',
    details:
      'PROFILE is a config.json, linux.seccomp alone, or a profile as podman and Docker have it. The profile is compiled, and the filter is asked.',
    flags: {
      arch: {
        name: 'arch',
        kind: 'texts',
        value: 'ARCH',
        help: 'architecture to ask about, as in x32; those of the profile',
      },
      cap: { name: 'cap', kind: 'texts', value: 'CAP', help: "a capability of the container, for an engine's profile" },
      json: { name: 'json', kind: 'switch', help: 'print the answers as JSON' },
    },
    args: {
      action: { kind: 'text', value: 'explain', help: 'what to do with the profile' },
      profile: { kind: 'path', value: 'PROFILE', help: 'the file' },
      call: { kind: 'text', value: 'CALL', help: 'a system call, by name or number' },
      values: { kind: 'rest', value: 'ARGUMENT...', optional: true, help: 'its arguments; 0 where there are none' },
    },
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
export const refusedCommands: readonly string[] = ['checkpoint', 'restore', 'doctor', 'completion'];

/** The values of the global flags as they were typed. */
export type GlobalValues = Values<typeof globalFlags>;
