import type { Findings } from './finding.ts';
import type { Path } from './json/error.ts';
import { nearest } from './near-miss.ts';
import { definition, resolve } from './schema/definitions.ts';
import type { ArraySchema, IntSchema, MapSchema, ObjectSchema, Schema, StringSchema } from './schema/schema.ts';

/** Says in words where a value does not fit a document's schema. It accepts exactly what the compiled validator accepts. */
export function explain(document: string, value: unknown, at: Path, findings: Findings): void {
  explainValue(definition(document), value, at, findings);
}

function explainValue(schema: Schema, value: unknown, at: Path, findings: Findings): void {
  const whole = resolve(schema);
  if ('int' in whole) explainInt(whole, value, at, findings);
  else if (whole.type === 'boolean') explainBoolean(value, at, findings);
  else if (whole.type === 'string') explainString(whole, value, at, findings);
  else if (whole.type === 'array') explainArray(whole, value, at, findings);
  else explainObject(whole, value, at, findings);
}

function explainBoolean(value: unknown, at: Path, findings: Findings): void {
  if (typeof value !== 'boolean') findings.error(at, 'expected true or false');
}

function explainString(schema: StringSchema, value: unknown, at: Path, findings: Findings): void {
  if (typeof value !== 'string') {
    findings.error(at, 'expected a string');
  } else if (schema.enum !== undefined && !schema.enum.includes(value)) {
    const near = schema.enum.length > 4 ? nearest(value, schema.enum) : undefined;
    const hint = near === undefined ? `use ${listing(schema.enum)}` : `did you mean ${near}?`;
    findings.error(at, `unknown ${schema.title ?? 'value'}`, hint);
  }
}

function explainInt(schema: IntSchema, value: unknown, at: Path, findings: Findings): void {
  const [min, max] = schema.int.map((bound) => BigInt(bound));
  if (min === undefined || max === undefined) throw new Error('an integer has two bounds');
  if (isInteger(value) && value >= min && value <= max) return;
  const range = max > BigInt(Number.MAX_SAFE_INTEGER) ? wideRange(min, max) : `from ${min} to ${max}`;
  const hint = typeof value === 'string' && /^-?[0-9]+$/.test(value) ? 'write the number without quotes' : undefined;
  findings.error(at, `expected an integer ${range}`, hint);
}

function isInteger(value: unknown): value is number | bigint {
  return Number.isSafeInteger(value) || typeof value === 'bigint';
}

function wideRange(min: bigint, max: bigint): string {
  const bits = max >= 2n ** 63n ? 'unsigned 64 bits' : 'signed 64 bits';
  return min === -1n ? `of ${bits}, or -1 for no limit` : `of ${bits}`;
}

function explainArray(schema: ArraySchema, value: unknown, at: Path, findings: Findings): void {
  if (!Array.isArray(value)) {
    findings.error(at, `expected an array of ${plural(schema.items)}`);
  } else if (value.length < (schema.minItems ?? 0)) {
    findings.error(at, 'expected at least one element');
  } else if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    findings.errorAt(at, `has ${value.length} elements, expected at most ${schema.maxItems}`);
  } else {
    value.forEach((element: unknown, index) => {
      explainValue(schema.items, element, [...at, index], findings);
    });
  }
}

function plural(items: Schema): string {
  const whole = resolve(items);
  if ('int' in whole) return 'integers';
  return `${whole.type}s`;
}

function explainObject(schema: ObjectSchema | MapSchema, value: unknown, at: Path, findings: Findings): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    findings.error(at, 'expected an object');
    return;
  }
  const members = new Map<string, unknown>(Object.entries(value));
  if ('additionalProperties' in schema) {
    for (const [key, member] of members) explainValue(schema.additionalProperties, member, [...at, key], findings);
    return;
  }
  for (const name of schema.required ?? []) {
    if (members.has(name)) continue;
    const others = [...members.keys()].filter((key) => !Object.hasOwn(schema.properties, key));
    const near = nearest(name, others);
    findings.errorAt(
      [...at, name],
      'missing, but required',
      near === undefined ? undefined : `there is ${near} instead`,
    );
  }
  for (const [name, inner] of Object.entries(schema.properties)) {
    if (members.has(name)) explainValue(inner, members.get(name), [...at, name], findings);
  }
}

function listing(values: readonly string[]): string {
  if (values.length > 9) return `one of ${values.slice(0, 8).join(', ')}, …`;
  return values.length > 2 ? `one of ${values.join(', ')}` : values.join(' or ');
}
