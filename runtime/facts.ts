import type { ControllerFacts } from './cgroup/resources.ts';

/** What plan() must know of the host; host.ts finds it out. Everything here is data, so that plans can be tested. */
export interface HostFacts {
  cgroup: CgroupFacts;
  /** Whether tsrun runs inside a user namespace already (rootless engines call it so, with euid 0). */
  inUserNamespace: boolean;
  /** The capabilities that a process without a user namespace of its own can be given: a bit mask. */
  capabilities: bigint;
  /** Types of the namespaces joined by path that belong to the user namespace joined by path: joined after it. */
  ownedByJoinedUser: ReadonlySet<string>;
}

export interface CgroupFacts {
  /** `unified`: cgroup v2 alone. `hybrid`: v2 beside v1 controllers. `legacy`: no v2 hierarchy. `none`: no cgroups. */
  layout: 'unified' | 'hybrid' | 'legacy' | 'none';
  /** Where the v2 hierarchy is mounted; empty without one. */
  root: string;
  /** Which controllers there are, and where; looked at only where the configuration asks for limits. */
  controllers: ControllerFacts;
}
