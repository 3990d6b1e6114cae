import type { Config, Process, Resources } from '../config.ts';
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
  bindMountsHaveNoData,
  destinationsAreUsable,
  idmapsAreComplete,
  mountsAreComplete,
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
  programIsNamed,
  rlimitsAreConsistent,
  schedulerFitsPolicy,
} from './process.ts';
import {
  blockWeightsAreGiven,
  cpuIsConsistent,
  pageSizesAreSizes,
  rdmaLimitsAreGiven,
  swapIncludesMemory,
  unifiedNamesAreFiles,
} from './resources.ts';
import { seccompErrnosFit, seccompListenerIsGiven } from './seccomp.ts';
import { sysctlsAreTheContainers } from './sysctl.ts';

/** A rule on a value that has the right types; its name says the rule. `at` is where the value is in the document. */
export type Check<Value> = (value: Value, findings: Findings, at: Path) => void;

export const PROCESS_CHECKS: readonly Check<Process>[] = [
  programIsNamed,
  cwdIsAbsolute,
  environmentIsWellFormed,
  idsAreIds,
  capabilitiesAreKnown,
  effectiveIsPermitted,
  ambientIsInheritable,
  rlimitsAreConsistent,
  schedulerFitsPolicy,
  affinitiesAreLists,
];

export const RESOURCE_CHECKS: readonly Check<Resources>[] = [
  deviceRulesAreRules,
  swapIncludesMemory,
  cpuIsConsistent,
  blockWeightsAreGiven,
  pageSizesAreSizes,
  rdmaLimitsAreGiven,
  unifiedNamesAreFiles,
];

export const CONFIG_CHECKS: readonly Check<Config>[] = [
  versionIsSupported,
  rootIsUsable,
  processIsUsable,
  namesNeedUts,
  annotationsHaveKeys,
  namespacesAreUnique,
  namespacePathsAreAbsolute,
  mappingsNeedUserNamespace,
  mappingsAreConsistent,
  timeOffsetsNeedNewNamespace,
  destinationsAreUsable,
  mountsAreComplete,
  bindMountsHaveNoData,
  procIsNotCovered,
  mountsNeedNamespace,
  idmapsAreComplete,
  devicesAreComplete,
  netDevicesAreMovable,
  cgroupsPathIsBelowRoot,
  resourcesAreUsable,
  sysctlsAreTheContainers,
  maskedPathsAreAbsolute,
  seccompErrnosFit,
  seccompListenerIsGiven,
  intelRdtIsWellFormed,
  memoryPolicyHasItsNodes,
  personalityHasNoFlags,
  hookPathsAreAbsolute,
];

function processIsUsable({ process }: Config, findings: Findings): void {
  for (const check of PROCESS_CHECKS) check(process, findings, ['process']);
}

function resourcesAreUsable({ linux }: Config, findings: Findings): void {
  if (linux?.resources === undefined) return;
  for (const check of RESOURCE_CHECKS) check(linux.resources, findings, ['linux', 'resources']);
}
