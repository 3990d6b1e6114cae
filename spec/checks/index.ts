import type { Config, Linux, MountList, Process, Resources } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { ambientIsInheritable, capabilitiesAreKnown, effectiveIsPermitted } from './capabilities.ts';
import { deviceRulesAreRules, devicesAreComplete } from './devices.ts';
import { annotationsHaveKeys, namesNeedUts, rootIsUsable, versionIsSupported } from './document.ts';
import { hookPathsAreAbsolute } from './hooks.ts';
import {
  cgroupsPathIsBelowRoot,
  intelRdtIsWellFormed,
  maskedPathsAreAbsolute,
  memoryPolicyHasItsNodes,
  personalityHasNoFlags,
} from './linux.ts';
import { mappingsAreConsistent, mappingsNeedUserNamespace } from './mappings.ts';
import {
  bindMountHasNoData,
  destinationIsUsable,
  destinationsAreAbsolute,
  idmapIsComplete,
  type MountCheck,
  mountIsComplete,
  mountsNeedNamespace,
  procIsNotCovered,
} from './mounts.ts';
import {
  namespacePathsAreAbsolute,
  namespacesAreUnique,
  netDevicesAreMovable,
  timeOffsetsNeedNewNamespace,
} from './namespaces.ts';
import {
  affinitiesAreLists,
  cwdIsAbsolute,
  environmentIsWellFormed,
  idsAreIds,
  niceHasEffect,
  programIsNamed,
  rlimitsAreConsistent,
  schedulerFitsPolicy,
} from './process.ts';
import {
  blockWeightsAreGiven,
  cpuIsConsistent,
  memoryHoldsAPage,
  pageSizesAreSizes,
  rdmaLimitsAreGiven,
  swapIncludesMemory,
  unifiedNamesAreFiles,
} from './resources.ts';
import { seccompCanNotify, seccompErrnosFit, seccompListenerIsGiven, seccompNamesAreNames } from './seccomp.ts';
import { sysctlsAreTheContainers } from './sysctl.ts';

/**
 * A rule on a value that has the right types; its name says the rule. `at` is where the value is in the document.
 *
 * Rules are part of every start. Those that usual configurations call are written with loops: the engine compiles map(), filter(), some()
 * and the like anew in each process, which takes longer than what they are used for.
 */
export type Check<Value> = (value: Value, findings: Findings, at: Path) => void;

/**
 * A check, and the property without which there is nothing to check: the engine compiles a function when it is first called, which
 * takes longer than the check itself.
 */
export type Rule<Value> = readonly [about: keyof Value, check: Check<Value>];

const PROCESS_RULES: readonly Rule<Process>[] = [
  ['args', programIsNamed],
  ['cwd', cwdIsAbsolute],
  ['user', idsAreIds],
  ['capabilities', effectiveIsPermitted],
  ['rlimits', rlimitsAreConsistent],
  ['scheduler', schedulerFitsPolicy],
  ['execCPUAffinity', affinitiesAreLists],
];

const PROCESS_WARNINGS: readonly Rule<Process>[] = [
  ['env', environmentIsWellFormed],
  ['capabilities', capabilitiesAreKnown],
  ['capabilities', ambientIsInheritable],
  ['scheduler', niceHasEffect],
];

const RESOURCE_RULES: readonly Rule<Resources>[] = [
  ['devices', deviceRulesAreRules],
  ['memory', memoryHoldsAPage],
  ['memory', swapIncludesMemory],
  ['cpu', cpuIsConsistent],
  ['blockIO', blockWeightsAreGiven],
  ['hugepageLimits', pageSizesAreSizes],
  ['rdma', rdmaLimitsAreGiven],
  ['unified', unifiedNamesAreFiles],
];

const LINUX_RULES: readonly Rule<Linux>[] = [
  ['namespaces', namespacesAreUnique],
  ['namespaces', namespacePathsAreAbsolute],
  ['namespaces', mappingsNeedUserNamespace],
  ['uidMappings', mappingsNeedUserNamespace],
  ['gidMappings', mappingsNeedUserNamespace],
  ['uidMappings', mappingsAreConsistent],
  ['gidMappings', mappingsAreConsistent],
  ['timeOffsets', timeOffsetsNeedNewNamespace],
  ['devices', devicesAreComplete],
  ['netDevices', netDevicesAreMovable],
  ['cgroupsPath', cgroupsPathIsBelowRoot],
  ['resources', resourcesAreUsable],
  ['sysctl', sysctlsAreTheContainers],
  ['maskedPaths', maskedPathsAreAbsolute],
  ['readonlyPaths', maskedPathsAreAbsolute],
  ['seccomp', seccompErrnosFit],
  ['seccomp', seccompListenerIsGiven],
  ['seccomp', seccompCanNotify],
  ['seccomp', seccompNamesAreNames],
  ['intelRdt', intelRdtIsWellFormed],
  ['memoryPolicy', memoryPolicyHasItsNodes],
  ['personality', personalityHasNoFlags],
];

const MOUNT_CHECKS: readonly MountCheck[] = [
  destinationIsUsable,
  mountIsComplete,
  bindMountHasNoData,
  procIsNotCovered,
  idmapIsComplete,
];

const CONFIG_RULES: readonly Rule<Config>[] = [
  ['ociVersion', versionIsSupported],
  ['root', rootIsUsable],
  ['process', processIsUsable],
  ['hostname', namesNeedUts],
  ['domainname', namesNeedUts],
  ['annotations', annotationsHaveKeys],
  ['linux', linuxIsUsable],
  ['mounts', mountsAreUsable],
  ['root', mountsNeedNamespace],
  ['hooks', hookPathsAreAbsolute],
];

const CONFIG_WARNINGS: readonly Rule<Config>[] = [
  ['process', processIsQuestionable],
  ['mounts', destinationsAreAbsolute],
];

/** The rules for a kind of document. Those for warnings need not be applied for the document to be used. */
export interface Rules<Value> {
  readonly errors: readonly Rule<Value>[];
  readonly warnings: readonly Rule<Value>[];
}

export const CONFIG_CHECKS: Rules<Config> = { errors: CONFIG_RULES, warnings: CONFIG_WARNINGS };
export const PROCESS_CHECKS: Rules<Process> = { errors: PROCESS_RULES, warnings: PROCESS_WARNINGS };
export const MOUNT_LIST_CHECKS: Rules<MountList> = { errors: [['mounts', mountsAreUsable]], warnings: [] };
export const RESOURCE_CHECKS: Rules<Resources> = { errors: RESOURCE_RULES, warnings: [] };

/** Applies the rules whose property is there; each check once. */
export function apply<Value>(rules: readonly Rule<Value>[], value: Value, findings: Findings, at: Path): void {
  let last: Check<Value> | undefined;
  for (const [about, check] of rules) {
    if (value[about] === undefined || check === last) continue;
    check(value, findings, at);
    last = check;
  }
}

function processIsUsable({ process }: Config, findings: Findings): void {
  apply(PROCESS_RULES, process, findings, ['process']);
}

function processIsQuestionable({ process }: Config, findings: Findings): void {
  apply(PROCESS_WARNINGS, process, findings, ['process']);
}

function linuxIsUsable({ linux }: Config, findings: Findings): void {
  if (linux !== undefined) apply(LINUX_RULES, linux, findings, ['linux']);
}

function resourcesAreUsable({ resources }: Linux, findings: Findings): void {
  if (resources !== undefined) apply(RESOURCE_RULES, resources, findings, ['linux', 'resources']);
}

function mountsAreUsable(config: Pick<Config, 'mounts' | 'linux'>, findings: Findings): void {
  for (const [index, mount] of config.mounts?.entries() ?? []) {
    for (const check of MOUNT_CHECKS) check(mount, index, findings, config);
  }
}
