/** The global flags, put together into what the commands work with. */

import type { LogOptions } from '../log.ts';
import { quote } from '../text.ts';
import type { GlobalValues } from './spec.ts';
import { UsageError } from './usage.ts';

/** Who makes the cgroup of a new container. */
export type CgroupManager = 'cgroupfs' | 'systemd' | 'disabled';

/** What the flags before the command say. Paths are as the caller gave them. */
export interface GlobalOptions {
  debug: boolean;
  log: LogOptions;
  /** Absolute, and never the root directory; undefined: the default for this user. */
  root: string | undefined;
  /** For containers that are made; a container that exists has its own in its state. */
  cgroupManager: CgroupManager;
  rootless: 'true' | 'false' | 'auto';
}

/** Logging as asked for, with no file: what is left when --log itself is wrong. */
function logWithoutFile(values: GlobalValues): LogOptions {
  return { file: undefined, format: values.logFormat, level: values.debug ? 'debug' : values.logLevel };
}

function logFile(value: string): string {
  if (value.startsWith('file:')) {
    const file = value.slice('file:'.length);
    if (file === '') throw new UsageError('--log: no file after file:');
    return file;
  }
  if (value.startsWith('journald:') || value.startsWith('syslog:')) {
    const form = value.slice(0, value.indexOf(':') + 1);
    throw new UsageError(`--log: ${form} is not supported: got ${quote(value)}; give a file`, 'unsupported');
  }
  return value;
}

/** Whether an absolute path without links is the root directory, however it is spelled. */
function isRootDirectory(path: string): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth = Math.max(0, depth - 1);
    else if (part !== '' && part !== '.') depth++;
  }
  return depth === 0;
}

function rootOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!value.startsWith('/')) throw new UsageError(`--root: not an absolute path: got ${quote(value)}`);
  if (isRootDirectory(value)) throw new UsageError('--root: the state cannot be kept in the root directory itself');
  return value;
}

function cgroupManagerOf(values: GlobalValues): CgroupManager {
  const asked = values.cgroupManager;
  if (!values.systemdCgroup) return asked ?? 'cgroupfs';
  if (asked !== undefined && asked !== 'systemd') {
    throw new UsageError(`--systemd-cgroup and --cgroup-manager ${asked} contradict each other; give one of them`);
  }
  return 'systemd';
}

/** The options, once all global flags are read. */
export function globalOptions(values: GlobalValues): GlobalOptions {
  const log = logWithoutFile(values);
  if (values.log !== undefined) log.file = logFile(values.log);
  return {
    debug: values.debug,
    log,
    root: rootOf(values.root),
    cgroupManager: cgroupManagerOf(values),
    rootless: values.rootless,
  };
}

/** The options as far as they go, to log an error of the command line by; never throws. */
export function tentativeGlobalOptions(values: GlobalValues): GlobalOptions {
  const log = logWithoutFile(values);
  try {
    if (values.log !== undefined) log.file = logFile(values.log);
  } catch {
    // The error on its way to the user is this one, or came before it: stderr is enough for both.
  }
  return { debug: values.debug, log, root: undefined, cgroupManager: 'cgroupfs', rootless: 'auto' };
}
