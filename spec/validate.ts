import {
  apply,
  CONFIG_CHECKS,
  MOUNT_LIST_CHECKS,
  PROCESS_CHECKS,
  RESOURCE_CHECKS,
  type Rules,
} from './checks/index.ts';
import { stringsHaveNoNul } from './checks/nul.ts';
import type { Config, MountList, Process, Resources } from './config.ts';
import { explain } from './explain.ts';
import { type Finding, Findings } from './finding.ts';
import {
  configShape,
  mountListShape,
  processShape,
  resourcesShape,
  validateConfig,
  validateMountList,
  validateProcess,
  validateResources,
} from './generated/validate-config.js';
import { nearestProperty } from './schema/properties.ts';
import { type Shape, type UnknownProperty, unknownProperties } from './unknown.ts';

/** How a kind of document is validated. */
export interface DocumentKind<Value> {
  readonly name: string;
  readonly hasRightTypes: (value: unknown) => value is Value;
  readonly shape: () => Shape;
  readonly rules: Rules<Value>;
}

/** config.json. */
export const CONFIG: DocumentKind<Config> = {
  name: 'config',
  hasRightTypes: validateConfig,
  shape: configShape,
  rules: CONFIG_CHECKS,
};

/** A `process` alone, as `exec --process` takes it. */
export const PROCESS: DocumentKind<Process> = {
  name: 'process',
  hasRightTypes: validateProcess,
  shape: processShape,
  rules: PROCESS_CHECKS,
};

/** `linux.resources` alone, as `update --resources` takes them. */
export const RESOURCES: DocumentKind<Resources> = {
  name: 'resources',
  hasRightTypes: validateResources,
  shape: resourcesShape,
  rules: RESOURCE_CHECKS,
};

/** Mounts alone, as `mounts add` takes them. */
export const MOUNT_LIST: DocumentKind<MountList> = {
  name: 'mountList',
  hasRightTypes: validateMountList,
  shape: mountListShape,
  rules: MOUNT_LIST_CHECKS,
};

/** Mounts of which only the destination counts. */
export const MOUNTED: DocumentKind<MountList> = { ...MOUNT_LIST, rules: { errors: [], warnings: [] } };

/** The result of a validation. */
export interface Validation<Value> {
  /** The value, unless there are errors. */
  readonly value: Value | undefined;
  readonly errors: readonly Finding[];
  /** What is questionable; found out when it is asked for. */
  readonly warnings: () => readonly Finding[];
}

export interface ValidateOptions {
  /** Unknown properties are errors instead of warnings. */
  readonly strict?: boolean;
  /** That no string of the value contains a NUL character is known already. */
  readonly isFreeOfNul?: boolean;
}

/** Validates a value as it was read from JSON. The rules apply once the types are right. */
export function validate<Value>(
  kind: DocumentKind<Value>,
  value: unknown,
  options: ValidateOptions = {},
): Validation<Value> {
  const findings = new Findings();
  const isTyped = kind.hasRightTypes(value);
  if (isTyped) {
    apply(kind.rules.errors, value, findings, []);
    if (options.isFreeOfNul !== true) stringsHaveNoNul(value, findings, []);
  } else explain(kind.name, value, [], findings);
  if (options.strict === true) reportUnknown(kind, value, findings, true);
  const isUsable = isTyped && !findings.hasErrors;
  return {
    value: isUsable ? value : undefined,
    errors: findings.errors,
    warnings: () => {
      const questions = new Findings();
      if (isTyped) apply(kind.rules.warnings, value, questions, []);
      if (options.strict !== true) reportUnknown(kind, value, questions, false);
      return [...findings.warnings, ...questions.warnings];
    },
  };
}

/** Sections of the specification for platforms that tsrun is not for. config.md, "Platform-specific configuration" */
const OTHER_PLATFORMS: readonly string[] = ['freebsd', 'solaris', 'vm', 'windows', 'zos'];

function reportUnknown<Value>(kind: DocumentKind<Value>, value: unknown, findings: Findings, isStrict: boolean): void {
  for (const unknown of unknownProperties(value, kind.shape())) {
    if (kind.name === 'config' && isOtherPlatform(unknown)) {
      findings.warningAt(unknown.path, 'not for Linux, ignored');
      continue;
    }
    const near = nearestProperty(kind.name, unknown);
    const hint = near === undefined ? undefined : `did you mean ${near}?`;
    if (isStrict) findings.errorAt(unknown.path, 'unknown property', hint);
    else findings.warningAt(unknown.path, 'unknown property, ignored', hint);
  }
}

function isOtherPlatform({ path }: UnknownProperty): boolean {
  return path.length === 1 && OTHER_PLATFORMS.includes(String(path[0]));
}
