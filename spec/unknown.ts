import type { Path } from './json/error.ts';

/** The known properties of a document: 0 for a value without any, `each` for the elements of an array or the values of a map. */
export type Shape = 0 | { readonly properties: Readonly<Record<string, Shape>> } | { readonly each: Shape };

/** An unknown property, and its known neighbours. */
export interface UnknownProperty {
  readonly path: Path;
  readonly known: readonly string[];
}

/** The properties of a validated document that its schema does not have. config.md, "Extensibility" */
export function unknownProperties(value: unknown, shape: Shape): UnknownProperty[] {
  const found: UnknownProperty[] = [];
  collect(value, shape, [], found);
  return found;
}

function collect(value: unknown, shape: Shape, path: Path, found: UnknownProperty[]): void {
  if (shape === 0 || typeof value !== 'object' || value === null) return;
  if ('each' in shape) {
    if (Array.isArray(value))
      for (let index = 0; index < value.length; index++) collect(value[index], shape.each, [...path, index], found);
    else for (const [key, member] of Object.entries(value)) collect(member, shape.each, [...path, key], found);
    return;
  }
  if (Array.isArray(value)) return;
  const { properties } = shape;
  for (const [key, member] of Object.entries(value)) {
    const inner = properties[key];
    if (inner === undefined) found.push({ path: [...path, key], known: Object.keys(properties) });
    else if (inner !== 0) collect(member, inner, [...path, key], found);
  }
}
