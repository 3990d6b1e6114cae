/** Plans as they are kept in files. */

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** Data in one order: `op` first, then by name. A bigint is told from a number by its `n`. */
export function plain(value: unknown): Value {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `${value.length / 8} instructions`;
  if (value instanceof Uint32Array) return `${value.length / 2} instructions`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value as Value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => Number(b === 'op') - Number(a === 'op') || (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}

/** One line for each property, and for each entry of a list. */
export function render(data: object): string {
  const lines = Object.entries(data).map(([name, value]) => {
    const isList = Array.isArray(value) && value.length > 0;
    const text = isList
      ? `[\n${value.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n')}\n  ]`
      : JSON.stringify(value);
    return `  ${JSON.stringify(name)}: ${text}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}
