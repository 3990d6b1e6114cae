/** The plan: what will be done to make a container, as data. See DESIGN in docs/lifecycle.md for the order. */
import type { Hook, IdMapping } from '../../spec/config.ts';
import type { UnitProperty } from '../cgroup/dbus-value.ts';
import type { DeviceRule } from '../cgroup/device-policy.ts';
import type { LegacyCgroup } from '../cgroup/legacy.ts';
import type { CgroupWrite } from '../cgroup/resources.ts';
import type { Operation } from '../generated/wire.ts';
import type { ProfileSummary } from '../seccomp/profile.ts';
import type { RdtPlan } from './rdt.ts';

/** An operation of init and why it is there. */
export interface Step {
  readonly operation: Operation;
  /** The property of config.json that asks for it (`mounts[1]`), or a reason in words. */
  readonly from: string;
}

/** A namespace to join by path. The host opens it; its index in `Plan.joins` is the descriptor's. */
export interface Join {
  readonly type: string;
  readonly flag: number;
  readonly path: string;
  readonly from: string;
}

/** A tree of mounts that only the host can open, and sends to init. */
export interface HostSource {
  readonly path: string;
  readonly recursive: boolean;
  /** A missing source is an error of this property. */
  readonly from: string;
  /** How its ids are mapped, where they are. */
  readonly idMap?: SourceMap;
}

/** The mapping of an ID-mapped mount. config.md "POSIX-platform Mounts" */
export interface SourceMap {
  /** Absent: that of the container's user namespace. */
  readonly maps?: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] };
  /** Whether the mounts below are mapped as well. */
  readonly recursive: boolean;
}

/** A resource limit that the host sets. */
export interface HostLimit {
  readonly resource: number;
  readonly soft: number | bigint;
  readonly hard: number | bigint;
  readonly from: string;
}

/** What goes into the files of a new user namespace. */
export interface IdMaps {
  readonly uid: IdMap;
  readonly gid: IdMap;
  /** Whether setgroups(2) is denied in it for good: the price of a group map that is written without privileges. */
  readonly denySetgroups: boolean;
}

/** One of the two maps. */
export interface IdMap {
  readonly mappings: readonly IdMapping[];
  /** `write`: tsrun writes it. `helper`: newuidmap(1) or newgidmap(1) does, which may map what /etc/subuid gives. */
  readonly by: 'write' | 'helper';
}

/** Who makes the cgroup. */
export type CgroupDriver = 'cgroupfs' | 'systemd' | 'disabled';

/** A transient scope of systemd. */
export interface ScopePlan {
  /** Whether the caller's own service manager makes it, and not the system's. */
  readonly user: boolean;
  readonly unit: string;
  readonly slice: string;
  /** What `systemctl status` shows; a mark of the one making is added to it. */
  readonly description: string;
  /** From annotations; limits are turned into properties when the version of systemd is known. */
  readonly properties: readonly UnitProperty[];
}

/** A rule list and its place in the cgroup file system. */
export interface CgroupPlan {
  /** `cgroupfs`: a directory of the v2 hierarchy. `systemd`: a transient scope. `disabled`: none is made. */
  readonly driver: CgroupDriver;
  /** For `disabled`: nothing is delegated to the caller, who asked for another driver. */
  readonly isUndelegated?: boolean;
  /** For `systemd`: the scope. */
  readonly scope?: ScopePlan;
  /** Below the v2 root, with a leading slash; empty when disabled. */
  readonly path: string;
  /** The mount point of the v2 hierarchy. */
  readonly root: string;
  /** The device program, in BPF instructions; absent where no policy can or must be set. */
  readonly deviceProgram?: Uint8Array;
  /** The rules that the program was made from. */
  readonly deviceRules: readonly DeviceRule[];
  /** Limits, in the order in which they are written. */
  readonly writes: readonly CgroupWrite[];
  /** Controllers of the v2 hierarchy that must be enabled on the way down. */
  readonly controllers: readonly string[];
  /** Cgroups in v1 hierarchies of a hybrid host, for the limits that are bound there. */
  readonly v1: readonly LegacyCgroup[];
  /** The uid that the cgroup is given to, as the caller knows it. */
  readonly owner?: number;
}

/** A network device of the host that becomes the container's. */
export interface NetDevicePlan {
  /** Its name on the host. */
  readonly source: string;
  /** Its name in the container; `%d` stands for a number that is free. */
  readonly name: string;
  readonly from: string;
}

/** Hooks that the host runs. */
export interface HostHooks {
  readonly prestart: readonly Hook[];
  readonly createRuntime: readonly Hook[];
  readonly poststart: readonly Hook[];
  readonly poststop: readonly Hook[];
}

/** `linux.uidMappings` and `linux.gidMappings` beside a user namespace that is joined. */
export interface JoinedMaps {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

/** Everything that happens from `create` to the container's first instruction. */
export interface Plan {
  /** CLONE_NEW* flags that init is born with. */
  readonly cloneFlags: number;
  readonly joins: readonly Join[];
  readonly steps: readonly Step[];
  /** For the user namespace that a step makes. */
  readonly idMaps?: IdMaps;
  /** What the user namespace that is joined must map; absent where the configuration does not say. */
  readonly joinedMaps?: JoinedMaps;
  /** The content of timens_offsets, one line a clock. */
  readonly timeOffsets?: string;
  readonly sources: readonly HostSource[];
  /** The directory that the host makes for the root of a container in another's mount namespace. */
  readonly mountPoint?: string;
  readonly limits: readonly HostLimit[];
  /** The class of service of Intel RDT. */
  readonly rdt?: RdtPlan;
  /** Moved at POINT.NET_DEVICES. */
  readonly netDevices: readonly NetDevicePlan[];
  readonly oomScoreAdj?: number;
  readonly cgroup: CgroupPlan;
  /** What `linux.seccomp` says, in numbers. */
  readonly seccomp?: ProfileSummary;
  readonly hooks: HostHooks;
  /** Which hooks run inside the container, so that init must be given the state for them. */
  readonly containerHooks: { readonly create: boolean; readonly start: boolean };
  readonly terminal: boolean;
  readonly preservedFds: number;
  /** Said at log level `warning`. */
  readonly warnings: readonly string[];
}
