/** Which tests of the suite do not run for a caller without privileges, and why: most make no sense there, and some show a gap, which is said. */

import { isV1 } from './cgroups.ts';

const joins = 'the namespaces to join are root’s here; rootless.test.ts joins the caller’s own';
const v1 = 'needs a limit, and cgroup v1, which has the controllers of this host, is root’s';
const roots = 'the cgroup that is there already is root’s, and not delegated';
const locked = 'the kernel locks these attributes of the host’s mounts in a user namespace';
const device = 'device nodes are the host’s own, bound: none is made';
const policy = 'there is no device policy without privileges';
const numbers = 'says what ids are outside, for root';
const stranger = 'setpriv, which takes the privileges away, is changed by it as well';
const rootOnly = 'about what root of the machine alone can do';

/** By file: how the full names of tests begin, and the reason. */
const skips: Readonly<Record<string, readonly (readonly [names: RegExp, reason: string])[]>> = {
  'bad-input.test.ts': [
    [/mappings without a user namespace/, 'there is a user namespace'],
    [/"--pidfd-socket"/, 'there is no bundle that the caller could read'],
  ],
  'cgroup.test.ts': [
    [/^its own below one that is there, which stays/, roots],
    [/^its own parents that several share/, roots],
    [/^another’s is never taken and never killed/, roots],
    [/^the one that holds the cgroups of all containers/, 'there is none: containers are beside the caller’s cgroup'],
    [/limit/, v1],
  ],
  'cli.test.ts': [
    [
      /^spec writes a configuration that is valid and runs/,
      'for root; rootless.test.ts runs what spec --rootless writes',
    ],
    [/^forms of flags --flag value/, 'calls the runtime as root, too'],
    [/^the log appends/, 'the log is root’s'],
    [/^the state root a directory that is not ours/, 'what is in the way is root’s'],
  ],
  'damaged.test.ts': [[/^a link in the state root is not listed/, 'the state root is made by root, for the link']],
  'devices.test.ts': [
    [/^default devices nodes and links/, device],
    [/^linux\.devices/, device],
    [/^device policy/, policy],
  ],
  'engine.test.ts': [
    [/LD_(PRELOAD|DEBUG)$/, stranger],
    [/3 open files/, stranger],
    [/memfd_noexec = 2/, 'refused by name: see rootless.test.ts'],
  ],
  'events.test.ts': [[/^a container with a limit of memory/, v1]],
  'exec.test.ts': [
    [/joined a network namespace of the host/, joins],
    [/--user without a group/, numbers],
    [/--cgroup is below/, roots],
  ],
  'foreground.test.ts': [[/./, 'the program that waits is the same for everybody']],
  'foreign-mounts.test.ts': [[/./, 'a user namespace has no right to the mounts around it, and is refused by name']],
  'hooks.test.ts': [
    [/hooks of the caller’s namespaces run as the caller/, numbers],
    [/the pid can be used to enter the namespaces/, 'takes the user namespace as well, which the hook does not enter'],
    [/^a hook may call the runtime/, 'setpriv cannot be used twice'],
  ],
  'hostile.test.ts': [
    [/^device nodes that are there already/, device],
    [/nothing of it can be written by way of \/proc/, 'sets a sysctl that is refused by name: see rootless.test.ts'],
    [/a process in the same pid namespace cannot open/, joins],
  ],
  'exec-life.test.ts': [[/full of processes/, v1]],
  'limits.test.ts': [
    [/./, v1],
    [/ devices: /, policy],
  ],
  'lifecycle.test.ts': [
    [/is not dumpable/, 'while it waits, exec has to find its namespaces: what others see is in rootless.test.ts'],
  ],
  'live-mounts.test.ts': [[/from a source that only root reaches/, rootOnly]],
  'mounts.test.ts': [
    [/^options of a new file system .*uid=5/, numbers],
    [/^options of a new file system what they mean/, numbers],
    [/^file systems those of the default spec/, numbers],
    [/^bind mounts with \["(noatime|nodiratime|strictatime)"\]/, locked],
    [/^bind mounts of a directory: with bind alone/, 'mounts below a source are locked to it: rbind is needed'],
    [/^bind mounts of a file, a \/proc file/, 'some of the sources are closed to the caller'],
    [/^recursive attributes (rnodiratime|rnoatime|rstrictatime|.* clears)/, locked],
    [/^bind mounts a read-only bind cannot be written, its source can/, 'the source is root’s'],
    [/^propagation rshared: mounts travel/, 'mounts of a user namespace never travel out of it'],
  ],
  'namespaces.test.ts': [
    [/^a new namespace/, 'there is a user namespace as well'],
    [/^a joined namespace/, joins],
    [/^what is shared stays shared/, joins],
    [/^user namespace the maps are the configuration’s/, 'maps ids that are not the caller’s'],
    [/below (a directory that only root|such a directory)/, rootOnly],
  ],
  'process.test.ts': [
    [/^ids (uid|additional groups)/, numbers],
    [/^ids run\.oci\.keep_original_groups/, 'the caller of these tests is given no groups'],
    [/another user may open its standard streams/, 'the pipes are root’s'],
  ],
  'sandbox-overlay.test.ts': [
    [
      /is not seen in the sandbox|where a sandbox planted a link/,
      'the directory of the suite cannot be listed by the caller, so it is bound as a whole',
    ],
  ],
  'scheduling.test.ts': [[/less nice/, rootOnly]],
  'seccomp-podman.test.ts': [
    [/with CAP_SYS_ADMIN \d+ system calls/, 'what the kernel allows to that of a user namespace is less'],
  ],
  'seccomp.test.ts': [
    [/without the capability for it/, stranger],
    [/^notifications .*sendmsg/, 'takes a privilege: see rootless.test.ts'],
  ],
};

/** The reason why a test cannot run without privileges; undefined where it can. */
export function reasonToSkip(file: string, name: string): string | undefined {
  const applies = (reason: string): boolean => reason !== v1 || isV1('memory');
  return skips[file]?.find(([pattern, reason]) => applies(reason) && pattern.test(name))?.[1];
}
