/** What the configuration of a sandbox depends on beside what was asked for; probe.ts finds it out. */
import type { Process, Seccomp } from '../../spec/config.ts';
import type { Layer } from './layers.ts';

/** An entry of the host's root directory. */
export interface RootEntry {
  readonly name: string;
  readonly kind: 'directory' | 'file' | 'link';
  /** Where a link leads. */
  readonly target?: string;
}

/** A range of ids that a user may map. */
export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** A root file system that was unpacked for the sandbox. */
export interface Unpacked {
  /** Absolute. */
  readonly path: string;
  /** What the image says about its process, where it is one. */
  readonly process: Process | undefined;
}

/** Directories of the host's root that a sandbox gets anew, for what is in them is about the host's processes. */
export const replaced: readonly string[] = ['dev', 'proc', 'run', 'sys', 'tmp'];

export interface SandboxFacts {
  readonly uid: number;
  readonly gid: number;
  /** The caller's directory. */
  readonly cwd: string;
  readonly env: readonly string[];
  /** Whether the caller's standard input and output are a terminal. */
  readonly terminal: boolean;
  /** The host's root directory, sorted. */
  readonly root: readonly RootEntry[];
  /** The host's tree taken apart for overlays; looked at only where the sandbox is to have them. */
  readonly layers: readonly Layer[];
  /** Files of the host that an overlay of a caller without privileges begins with copies of. */
  readonly edited: readonly string[];
  /** The process that the image of the root file system is for. */
  readonly imageProcess: Process | undefined;
  /** The names in the host's /dev, sorted; looked at only where the sandbox is to have them. */
  readonly devices: readonly string[];
  /** Whether a cgroup can be made for the sandbox, and shown in it. */
  readonly cgroups: boolean;
  /** Process ids of the containers whose namespaces are to be joined. */
  readonly containers: ReadonlyMap<string, number>;
  /** Whether the user namespace to be joined has an id 0, as far as that can be known. */
  readonly joinsRoot: boolean;
  /** The caller's subordinate ids. */
  readonly subordinate: { readonly uid: readonly IdRange[]; readonly gid: readonly IdRange[] };
  /** Files outside of what the sandbox shows that `/etc/resolv.conf` leads to. */
  readonly resolver: string | undefined;
  /** The filter of system calls that was asked for, for this machine and the capabilities asked for. */
  readonly seccomp: Seccomp | undefined;
}
