import { nearest } from '../near-miss.ts';
import type { UnknownProperty } from '../unknown.ts';
import { definition, resolve } from './definitions.ts';
import type { Schema } from './schema.ts';

/** What an unknown property was probably meant to be: a neighbour with a similar name, or one of that name elsewhere in the document. */
export function nearestProperty(document: string, unknown: UnknownProperty): string | undefined {
  const name = unknown.path.at(-1);
  if (typeof name !== 'string') return undefined;
  const neighbour = nearest(name, unknown.known);
  if (neighbour !== undefined) return neighbour;
  const elsewhere = placesOf(name, definition(document), '');
  return elsewhere.length === 1 ? elsewhere[0] : undefined;
}

function placesOf(name: string, schema: Schema, prefix: string): string[] {
  const whole = resolve(schema);
  if (!('type' in whole)) return [];
  if (whole.type === 'array') return placesOf(name, whole.items, `${prefix}[]`);
  if (whole.type !== 'object' || !('properties' in whole)) return [];
  return Object.entries(whole.properties).flatMap(([key, member]) => {
    const place = prefix === '' ? key : `${prefix}.${key}`;
    return key === name ? [place] : placesOf(name, member, place);
  });
}
