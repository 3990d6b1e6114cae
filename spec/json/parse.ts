import { type JsonValue, MAX_DEPTH, readExactly } from './reader.ts';

/**
 * Reads a JSON text as `readExactly` does, by way of the engine's JSON.parse where that certainly gives the same.
 *
 * JSON.parse accepts the same grammar, but it lets the last of equal keys win, rounds integers, takes lone surrogates
 * and has no limit of depth. Wherever the text could hold such a thing the exact reader decides; it also words the errors.
 * Only built-in searches look at the text: a loop over its characters would take longer than all the rest.
 *
 * @throws JsonError
 */
export function parseJson(text: string): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return readExactly(text);
  }
  const structure = structureOf(text);
  const isSame =
    structure !== undefined && !hasOddNumber(structure) && countKeys(value, 0) === occurrences(structure, ':');
  return isSame ? value : readExactly(text);
}

/**
 * What a valid JSON text has outside of its strings; undefined if a string may hold a lone surrogate. Each colon in it stands for
 * one key, whether or not the key was there before.
 */
function structureOf(text: string): string | undefined {
  let plain = text;
  if (text.includes('\\')) {
    if (text.includes('\\ud') || text.includes('\\uD')) return undefined;
    plain = text.replaceAll('\\\\', '').replaceAll('\\"', '');
  }
  // Without escaped quotes the quotes alternate: every second part is inside a string.
  const parts = plain.split('"');
  let structure = '';
  for (let index = 0; index < parts.length; index += 2) structure += parts[index];
  return structure;
}

/** Whether there is a number with a fraction, an exponent or a negative zero; the words have an `e` each. */
function hasOddNumber(structure: string): boolean {
  if (structure.includes('.') || structure.includes('E') || structure.includes('-0')) return true;
  return occurrences(structure, 'e') !== occurrences(structure, 'true') + occurrences(structure, 'false');
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** The number of keys in a value; NaN where a number is not exact or the value nests too deep. */
function countKeys(value: JsonValue, depth: number): number {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 0 : Number.NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= MAX_DEPTH) return Number.NaN;
  let count = 0;
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element !== 'string') count += countKeys(element, depth + 1);
    return count;
  }
  for (const key in value) {
    const member = value[key];
    count++;
    if (member !== undefined && typeof member !== 'string') count += countKeys(member, depth + 1);
  }
  return count;
}
