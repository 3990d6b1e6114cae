import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';

/** C strings end at a NUL, so that the rest would be cut off unseen. Annotations, which stay text, are left out. */
export function stringsHaveNoNul(value: unknown, findings: Findings, at: Path): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) findings.error(at, 'must not contain a NUL character');
  } else if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) stringsHaveNoNul(value[index], findings, [...at, index]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      if (at.length === 0 && key === 'annotations') continue;
      if (key.includes('\0')) findings.errorAt([...at, key], 'the name must not contain a NUL character');
      stringsHaveNoNul(member, findings, [...at, key]);
    }
  }
}
