import type { IdMapping } from '../spec/config.ts';
import type { ControllerFacts } from './cgroup/resources.ts';

/** What plan() must know of the host; host.ts finds it out. Everything here is data, so that plans can be tested. */
export interface HostFacts {
  cgroup: CgroupFacts;
  /** Whether tsrun runs inside a user namespace already (rootless engines call it so, with euid 0). */
  inUserNamespace: boolean;
  /** The capabilities that a process without a user namespace of its own can be given: a bit mask. */
  capabilities: bigint;
  /** Which security modules confine processes here; looked at only where the configuration names a label. */
  security: SecurityFacts;
  /** Where the resctrl file system is mounted; looked for only where the configuration has `intelRdt`. */
  resctrl: string | undefined;
  /** Types of the namespaces joined by path that belong to the user namespace joined by path: joined after it. */
  ownedByJoinedUser: ReadonlySet<string>;
  /** The caller's effective ids, in its own user namespace. */
  user: { readonly uid: number; readonly gid: number };
  /** Whether processes of the caller's user namespace may set their supplementary groups. */
  setsGroups: boolean;
  /** Whether the caller may clone trees of mounts, for init to attach: init reaches less where its ids are others. */
  clonesMounts: boolean;
  /** What is mapped into the user namespace that the caller is in; absent in the initial one, where all is. */
  ownMaps?: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] };
}

export interface SecurityFacts {
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

export interface CgroupFacts {
  /** `unified`: cgroup v2 alone. `hybrid`: v2 beside v1 controllers. `legacy`: no v2 hierarchy. `none`: no cgroups. */
  layout: 'unified' | 'hybrid' | 'legacy' | 'none';
  /** Where the v2 hierarchy is mounted; empty without one. */
  root: string;
  /** Which controllers there are, and where; looked at only where the configuration asks for limits. */
  controllers: ControllerFacts;
  /** What a caller without root's rights may do there; absent for one who has them. */
  delegation?: Delegation;
}

/** The part of the cgroup tree that is the caller's to use. */
export interface Delegation {
  /** A cgroup below which the caller may make others, with a leading slash (empty: the root); undefined: there is none. */
  base: string | undefined;
  /** Whether the caller may make the cgroup that `linux.cgroupsPath` names by an absolute path. */
  givenPath: boolean;
  /** For the systemd driver: the cgroup of the caller's own service manager, without a slash at its end. */
  managerRoot: string;
}
