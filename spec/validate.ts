import { CONFIG_CHECKS, PROCESS_CHECKS, RESOURCE_CHECKS } from './checks/index.ts';
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
import type { Path } from './json/error.ts';
import { nearestProperty } from './schema/properties.ts';
import { type Shape, type UnknownProperty, unknownProperties } from './unknown.ts';

/** A rule on a value that has the right types. It names itself in a stack trace and nowhere else. */
export type Check<Value> = (value: Value, findings: Findings, at: Path) => void;

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

/**
 * Validates a value as it was read from JSON. Unknown properties are warnings, and errors if `strict`; the checks run once the types
 * are right.
 */
export function validate<Value>(kind: DocumentKind<Value>, value: unknown, strict = false): Validation<Value> {
  const findings = new Findings();
  const isTyped = kind.hasRightTypes(value);
  if (isTyped) for (const check of kind.checks) check(value, findings, []);
  else explain(kind.name, value, [], findings);
  for (const unknown of unknownProperties(value, kind.shape())) reportUnknown(kind.name, unknown, strict, findings);
  return { value: isTyped && !findings.hasErrors ? value : undefined, findings: findings.all };
}

function reportUnknown(document: string, unknown: UnknownProperty, strict: boolean, findings: Findings): void {
  const near = nearestProperty(document, unknown);
  const hint = near === undefined ? undefined : `did you mean ${near}?`;
  if (strict) findings.errorAt(unknown.path, 'unknown property', hint);
  else findings.warningAt(unknown.path, 'unknown property, ignored', hint);
}
