import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from '../../../spec/explain.ts';
import { Findings } from '../../../spec/finding.ts';
import { validateConfig, validateProcess, validateResources } from '../../../spec/generated/validate-config.js';
import type { Path } from '../../../spec/json/error.ts';
import { definition, resolve } from '../../../spec/schema/definitions.ts';
import type { Schema } from '../../../spec/schema/schema.ts';
import { errorOf } from './documents.ts';

/** JSON texts of which no property takes more than one or two. */
const VALUES = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '1.5',
  '1e3',
  '18446744073709551616',
  '""',
  '"x\\u0000"',
  '"1"',
  '[]',
  '[{}]',
  '{}',
];

interface Place {
  readonly path: Path;
  readonly schema: Exclude<Schema, { $ref: string }>;
}

/** Every property of a schema, with the elements of arrays and the values of maps. */
function places(schema: Schema, path: Path = []): Place[] {
  const whole = resolve(schema);
  const here = { path, schema: whole };
  if ('int' in whole || whole.type === 'string' || whole.type === 'boolean') return [here];
  if (whole.type === 'array') return [here, ...places(whole.items, [...path, 0])];
  if ('additionalProperties' in whole) return [here, ...places(whole.additionalProperties, [...path, 'name'])];
  return [here, ...Object.entries(whole.properties).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

/** The least valid value of a schema, with the property at a path set to a text. */
function textWith(schema: Schema, path: Path, text: string): string {
  const [step, ...rest] = path;
  if (step === undefined) return text;
  const whole = resolve(schema);
  if ('items' in whole) return `[${textWith(whole.items, rest, text)}]`;
  if ('additionalProperties' in whole) return `{"name":${textWith(whole.additionalProperties, rest, text)}}`;
  if (!('properties' in whole)) throw new Error('no such path');
  const names = new Set([...(whole.required ?? []), String(step)]);
  const members = [...names].map((name) => {
    const inner = whole.properties[name];
    if (inner === undefined) throw new Error('no such path');
    return `${JSON.stringify(name)}:${name === step ? textWith(inner, rest, text) : least(inner)}`;
  });
  return `{${members.join(',')}}`;
}

/** The least valid value of a schema, as far as the schema says. */
function least(schema: Schema): string {
  const whole = resolve(schema);
  if ('int' in whole) return String(whole.int[0]);
  if (whole.type === 'boolean') return 'true';
  if (whole.type === 'string') return JSON.stringify(whole.enum?.[0] ?? 'x');
  if ('items' in whole) return whole.minItems === undefined ? '[]' : `[${least(whole.items)}]`;
  if ('additionalProperties' in whole) return '{}';
  return `{${(whole.required ?? []).map((name) => `"${name}":${least(whole.properties[name] ?? whole)}`).join(',')}}`;
}

/** Whether a text is a value of a schema's type; a string's own rules are left to the checks. */
function hasType(schema: Place['schema'], text: string): boolean {
  const value: unknown = /^-?[0-9]{17}/.test(text) ? BigInt(text) : JSON.parse(text);
  if ('int' in schema) {
    const isInteger = typeof value === 'bigint' || (Number.isInteger(value) && text !== '1e3');
    return (
      isInteger && BigInt(String(value)) >= BigInt(schema.int[0]) && BigInt(String(value)) <= BigInt(schema.int[1])
    );
  }
  if (schema.type === 'boolean') return typeof value === 'boolean';
  if (schema.type === 'string') return typeof value === 'string' && (schema.enum?.includes(value) ?? true);
  if (schema.type === 'array') return Array.isArray(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const all = places(definition('config'));
const rows = all.flatMap((place) =>
  VALUES.filter((text) => !hasType(place.schema, text)).map((text) => ({ place, text })),
);

describe('wrong types', () => {
  it(`none of ${rows.length} is accepted, and each error names the property`, () => {
    const wrong: string[] = [];
    for (const { place, text } of rows) {
      const error = errorOf(textWith(definition('config'), place.path, text));
      const pointer = `/${place.path.join('/')}`;
      const named = error?.diagnostics.some((diagnostic) => place.path.length === 0 || diagnostic.pointer === pointer);
      if (named !== true) wrong.push(`${pointer} = ${text}: ${error?.message ?? 'accepted'}`);
    }
    expect(rows.length).toBeGreaterThan(1500);
    expect(wrong).toEqual([]);
  });

  it('there is an error, too, where a required property is missing', () => {
    const wrong: string[] = [];
    for (const { path, schema } of all) {
      if (!('required' in schema)) continue;
      for (const name of schema.required ?? []) {
        const rest = (schema.required ?? []).filter((other) => other !== name);
        const text = `{${rest.map((other) => `"${other}":${least(schema.properties[other] ?? schema)}`).join(',')}}`;
        const error = errorOf(textWith(definition('config'), path, text));
        const pointer = `/${[...path, name].join('/')}`;
        const expected = `${pointer} missing, but required`;
        const found = error?.diagnostics.map((diagnostic) => `${diagnostic.pointer} ${diagnostic.message}`) ?? [];
        if (!found.includes(expected)) wrong.push(`${expected}: ${error?.message ?? 'accepted'}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('the compiled validators and the explanation agree', () => {
  /** Values of a schema, with something wrong in one of so many parts. */
  function valuesOf(schema: Schema, odds: number): fc.Arbitrary<unknown> {
    const whole = resolve(schema);
    return fc.oneof(
      { weight: odds, arbitrary: rightOf(whole, odds) },
      { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    );
  }

  function rightOf(whole: Place['schema'], odds: number): fc.Arbitrary<unknown> {
    if ('int' in whole) {
      const [low, high] = [BigInt(whole.int[0]), BigInt(whole.int[1])];
      const near = (bound: bigint) => fc.bigInt(bound - 1n, bound + 1n).map(exact);
      return fc.oneof({ weight: odds, arbitrary: fc.bigInt(low, high).map(exact) }, near(low), near(high));
    }
    if (whole.type === 'boolean') return fc.boolean();
    if (whole.type === 'string')
      return whole.enum === undefined ? fc.string({ maxLength: 3 }) : fc.constantFrom(...whole.enum);
    if ('items' in whole) return fc.array(valuesOf(whole.items, odds), { maxLength: 2 });
    if ('additionalProperties' in whole) {
      return fc.dictionary(fc.string({ maxLength: 3 }), valuesOf(whole.additionalProperties, odds), { maxKeys: 2 });
    }
    const model = Object.fromEntries(
      Object.entries(whole.properties).map(([name, inner]) => [name, valuesOf(inner, odds)]),
    );
    return fc.oneof(
      { weight: odds, arbitrary: fc.record(model, { requiredKeys: [...(whole.required ?? [])] }) },
      { weight: 1, arbitrary: fc.record(model, { requiredKeys: [] }) },
    );
  }

  it.each([
    ['process', 60, validateProcess],
    ['resources', 60, validateResources],
    ['config', 300, validateConfig],
  ] as const)('%s', (name, odds, isValid) => {
    const seen = { right: 0, wrong: 0 };
    fc.assert(
      fc.property(valuesOf(definition(name), odds), (value) => {
        const findings = new Findings();
        explain(name, value, [], findings);
        const verdict = isValid(value);
        expect(!findings.hasErrors).toBe(verdict);
        seen[verdict ? 'right' : 'wrong']++;
      }),
      { numRuns: 1500 },
    );
    expect(seen.right).toBeGreaterThan(20);
    expect(seen.wrong).toBeGreaterThan(20);
  });
});

function exact(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
