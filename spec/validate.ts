import { type Check, CONFIG_CHECKS, PROCESS_CHECKS, RESOURCE_CHECKS } from './checks/index.ts';
import { stringsHaveNoNul } from './checks/nul.ts';
import type { Config, Process, Resources } from './config.ts';
import { explain } from './explain.ts';
import { type Finding, Findings } from './finding.ts';
import {
  configShape,
  processShape,
  resourcesShape,
  validateConfig,
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
  readonly checks: readonly Check<Value>[];
}

/** config.json. */
export const CONFIG: DocumentKind<Config> = {
  name: 'config',
  hasRightTypes: validateConfig,
  shape: configShape,
  checks: CONFIG_CHECKS,
};

/** A `process` alone, as `exec --process` takes it. */
export const PROCESS: DocumentKind<Process> = {
  name: 'process',
  hasRightTypes: validateProcess,
  shape: processShape,
  checks: PROCESS_CHECKS,
};

/** `linux.resources` alone, as `update --resources` takes them. */
export const RESOURCES: DocumentKind<Resources> = {
  name: 'resources',
  hasRightTypes: validateResources,
  shape: resourcesShape,
  checks: RESOURCE_CHECKS,
};

/** The result of a validation. */
export interface Validation<Value> {
  /** The value, unless there are errors. */
  readonly value: Value | undefined;
  readonly findings: readonly Finding[];
}

export interface ValidateOptions {
  /** Unknown properties are errors instead of warnings. */
  readonly strict?: boolean;
  /** That no string of the value contains a NUL character is known already. */
  readonly isFreeOfNul?: boolean;
}

/** Validates a value as it was read from JSON. The checks run once the types are right. */
export function validate<Value>(
  kind: DocumentKind<Value>,
  value: unknown,
  options: ValidateOptions = {},
): Validation<Value> {
  const findings = new Findings();
  const isTyped = kind.hasRightTypes(value);
  if (isTyped) {
    for (const check of kind.checks) check(value, findings, []);
    if (options.isFreeOfNul !== true) stringsHaveNoNul(value, findings, []);
  } else explain(kind.name, value, [], findings);
  const isStrict = options.strict === true;
  for (const unknown of unknownProperties(value, kind.shape())) reportUnknown(kind.name, unknown, isStrict, findings);
  return { value: isTyped && !findings.hasErrors ? value : undefined, findings: findings.all };
}

/** Sections of the specification for platforms that tsrun is not for. config.md, "Platform-specific configuration" */
const OTHER_PLATFORMS: readonly string[] = ['freebsd', 'solaris', 'vm', 'windows', 'zos'];

function reportUnknown(document: string, unknown: UnknownProperty, isStrict: boolean, findings: Findings): void {
  const [section, below] = unknown.path;
  if (document === 'config' && below === undefined && OTHER_PLATFORMS.includes(String(section))) {
    findings.warningAt(unknown.path, 'not for Linux, ignored');
    return;
  }
  const near = nearestProperty(document, unknown);
  const hint = near === undefined ? undefined : `did you mean ${near}?`;
  if (isStrict) findings.errorAt(unknown.path, 'unknown property', hint);
  else findings.warningAt(unknown.path, 'unknown property, ignored', hint);
}
