/**
 * The part of JSON Schema (draft 7) that the configuration needs, plus the keyword `int`: an integer within two bounds,
 * inclusive. The value may be a bigint where a number would not be exact; such a bound is a decimal string, as a schema is JSON.
 */
export type Schema = StringSchema | BooleanSchema | IntSchema | ArraySchema | ObjectSchema | MapSchema | RefSchema;

export interface StringSchema {
  readonly type: 'string';
  /** What the string is, for messages: "namespace type". */
  readonly title?: string;
  readonly enum?: readonly string[];
}

export interface BooleanSchema {
  readonly type: 'boolean';
}

export interface IntSchema {
  readonly int: readonly [number | string, number | string];
}

export interface ArraySchema {
  readonly type: 'array';
  readonly items: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** An object with known properties; others are ignored. */
export interface ObjectSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** An object whose keys are names from the user. */
export interface MapSchema {
  readonly type: 'object';
  readonly additionalProperties: Schema;
}

/** A schema that is also used alone, by its name in `definitions.ts`. */
export interface RefSchema {
  readonly $ref: string;
}

export const string: StringSchema = { type: 'string' };
export const boolean: BooleanSchema = { type: 'boolean' };
export const strings: ArraySchema = { type: 'array', items: string };

const INT64_MAX = '9223372036854775807';

export const uint16 = int(0, 0xffff);
export const uint32 = int(0, 0xffff_ffff);
export const int64 = int('-9223372036854775808', INT64_MAX);
export const uint64 = int(0, '18446744073709551615');
/** A limit where −1 means none. */
export const limit64 = int(-1, INT64_MAX);

export function int(min: number | string, max: number | string): IntSchema {
  return { int: [min, max] };
}

export function oneOf(title: string, ...values: readonly string[]): StringSchema {
  return { type: 'string', title, enum: values };
}

export function array(items: Schema, bounds: { minItems?: number; maxItems?: number } = {}): ArraySchema {
  return { type: 'array', items, ...bounds };
}

export function map(values: Schema): MapSchema {
  return { type: 'object', additionalProperties: values };
}

/** An object with known properties; the names of required ones end in `!`. */
export function object(properties: Readonly<Record<string, Schema>>): ObjectSchema {
  const entries = Object.entries(properties);
  const required = entries.filter(([name]) => name.endsWith('!')).map(([name]) => name.slice(0, -1));
  const plain = Object.fromEntries(entries.map(([name, schema]) => [name.replace('!', ''), schema]));
  return { type: 'object', properties: plain, ...(required.length > 0 ? { required } : {}) };
}
