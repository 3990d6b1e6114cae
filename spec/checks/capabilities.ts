import type { Capabilities, Process } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { nearest } from '../near-miss.ts';
import { CAPABILITIES, capabilityNumber } from '../tables.ts';

const SETS = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const;

/** config.md, "Linux Process": a capability that cannot be granted is warned of, and no reason to fail. */
export function capabilitiesAreKnown({ capabilities }: Process, findings: Findings, at: Path): void {
  if (capabilities === undefined) return;
  for (const set of SETS) {
    for (const [index, name] of capabilities[set]?.entries() ?? []) {
      if (capabilityNumber(name) !== undefined) continue;
      const near = CAPABILITIES.find((known) => known === `CAP_${name.toUpperCase()}`) ?? nearest(name, CAPABILITIES);
      const hint = near === undefined ? undefined : `did you mean ${near}?`;
      findings.warning([...at, 'capabilities', set, index], 'unknown capability, ignored', hint);
    }
  }
}

/** capset(2) refuses effective capabilities that are not permitted, without saying which. */
export function effectiveIsPermitted({ capabilities }: Process, findings: Findings, at: Path): void {
  for (const name of missingFrom(capabilities, 'effective', 'permitted')) {
    const index = capabilities?.effective?.indexOf(name) ?? 0;
    findings.error([...at, 'capabilities', 'effective', index], 'not in the permitted set', 'add it to permitted');
  }
}

/**
 * The kernel raises an ambient capability only if it is permitted and inheritable (capabilities(7)), and the container goes on
 * without. Where nothing at all is inheritable, that is what engines write since they gave up that set, and nothing to be told.
 */
export function ambientIsInheritable({ capabilities }: Process, findings: Findings, at: Path): void {
  for (const set of ['permitted', 'inheritable'] as const) {
    const names = missingFrom(capabilities, 'ambient', set);
    if (names.length === 0 || (set === 'inheritable' && !capabilities?.inheritable?.length)) continue;
    findings.warningAt([...at, 'capabilities', 'ambient'], `not raised, as they are not ${set}: ${names.join(', ')}`);
  }
}

/** The known capabilities of one set that another lacks. */
function missingFrom(
  capabilities: Capabilities | undefined,
  set: keyof Capabilities,
  other: keyof Capabilities,
): string[] {
  const missing: string[] = [];
  for (const name of capabilities?.[set] ?? [])
    if (capabilities?.[other]?.includes(name) !== true && capabilityNumber(name) !== undefined) missing.push(name);
  return missing;
}
