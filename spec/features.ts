import { KEEP_ORIGINAL_GROUPS, MOUNT_CONTEXT_TYPE, SYSTEMD_PROPERTY } from './annotations.ts';
import { HOOK_KINDS } from './checks/hooks.ts';
import { MEMORY_POLICIES, MEMORY_POLICY_FLAGS } from './scheduling.ts';
import { SECCOMP_ACTIONS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './seccomp.ts';
import { OCI_VERSION } from './state.ts';
import { CAPABILITIES, MOUNT_OPTIONS, NAMESPACES } from './tables.ts';

/** The features document. features.md, features-linux.md */
export interface Features {
  readonly ociVersionMin: string;
  readonly ociVersionMax: string;
  readonly hooks?: readonly string[];
  readonly mountOptions?: readonly string[];
  readonly linux?: LinuxFeatures;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Annotations of a configuration that change what the runtime does; one that ends in `.` stands for all that begin so. */
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[];
}

/** features-linux.md */
export interface LinuxFeatures {
  readonly namespaces?: readonly string[];
  readonly capabilities?: readonly string[];
  readonly cgroup?: CgroupFeatures;
  readonly seccomp?: SeccompFeatures;
  readonly apparmor?: { readonly enabled?: boolean };
  readonly selinux?: { readonly enabled?: boolean };
  readonly intelRdt?: { readonly enabled?: boolean; readonly schemata?: boolean; readonly monitoring?: boolean };
  readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] };
  readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } };
  readonly netDevices?: { readonly enabled?: boolean };
}

/** features-linux.md, "Cgroup" */
export interface CgroupFeatures {
  readonly v1?: boolean;
  readonly v2?: boolean;
  readonly systemd?: boolean;
  readonly systemdUser?: boolean;
  readonly rdma?: boolean;
}

/** features-linux.md, "Seccomp" */
export interface SeccompFeatures {
  readonly enabled?: boolean;
  readonly actions?: readonly string[];
  readonly operators?: readonly string[];
  readonly archs?: readonly string[];
  readonly knownFlags?: readonly string[];
  readonly supportedFlags?: readonly string[];
}

/** What the features document says of the build. */
export interface BuildFacts {
  /** The version of tsrun. */
  readonly version: string;
  /** The commit it was built from. */
  readonly commit: string;
  /** libseccomp and the kernel; absent where libseccomp is not installed. */
  readonly seccomp?: SeccompFacts;
}

/** What libseccomp and the kernel can do. */
export interface SeccompFacts {
  /** The version of libseccomp. */
  readonly version: string;
  /** SCMP_ARCH_* that it knows. */
  readonly architectures: readonly string[];
  /** SECCOMP_FILTER_FLAG_* that the kernel knows. */
  readonly flags: readonly string[];
}

/** features-linux.md, "Seccomp" */
function seccompFeatures({ seccomp }: BuildFacts): SeccompFeatures {
  return {
    enabled: seccomp !== undefined,
    actions: SECCOMP_ACTIONS,
    operators: SECCOMP_OPERATORS,
    knownFlags: SECCOMP_FLAGS,
    ...(seccomp ? { archs: seccomp.architectures, supportedFlags: seccomp.flags } : {}),
  };
}

/**
 * The features document of this version of tsrun. It is about the program, and about the host only where seccomp is. Its lists are the tables that
 * the configuration is read with, so that it lists what works and nothing else.
 */
export function features(facts: BuildFacts): Features {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: OCI_VERSION,
    hooks: HOOK_KINDS,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: [...NAMESPACES.keys()].sort(),
      capabilities: CAPABILITIES,
      // v1 alone, without a v2 hierarchy to keep processes in, is not supported; on a hybrid host its controllers are used.
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: seccompFeatures(facts),
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: Object.keys(MEMORY_POLICIES), flags: Object.keys(MEMORY_POLICY_FLAGS) },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: {
      'org.tsrun.version': facts.version,
      'org.tsrun.commit': facts.commit,
      // Under a name of its own, as the specification has none.
      'org.tsrun.checkpoint.enabled': 'false',
      ...(facts.seccomp ? { 'io.github.seccomp.libseccomp.version': facts.seccomp.version } : {}),
    },
    potentiallyUnsafeConfigAnnotations: [SYSTEMD_PROPERTY, KEEP_ORIGINAL_GROUPS, MOUNT_CONTEXT_TYPE],
  };
}
