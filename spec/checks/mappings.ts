import type { IdMapping, Linux } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { namespaceOf } from '../namespaces.ts';

/** UID_GID_MAP_MAX_EXTENTS of the kernel. */
const MAX_MAPPINGS = 340;

const PROPERTIES = ['uidMappings', 'gidMappings'] as const;

/**
 * A new user namespace needs both mappings, and mappings without a user namespace would leave the container's root the host's.
 * With a joined namespace mappings are allowed, since callers of other runtimes have to give a dummy.
 */
export function mappingsNeedUserNamespace(linux: Linux, findings: Findings): void {
  const namespace = namespaceOf(linux, 'user');
  for (const property of PROPERTIES) {
    const isGiven = (linux[property]?.length ?? 0) > 0;
    if (isGiven && namespace === undefined) {
      findings.errorAt(['linux', property], 'needs a user namespace', 'add {"type": "user"} to linux.namespaces');
    } else if (!isGiven && namespace !== undefined && namespace.path === undefined) {
      findings.errorAt(['linux', property], 'missing, but a new user namespace needs one');
    }
  }
}

/** config-linux.md, "User namespace mappings" */
export function mappingsAreConsistent(linux: Linux, findings: Findings): void {
  for (const property of PROPERTIES) checkIdMappings(linux[property] ?? [], findings, ['linux', property]);
}

/** What the kernel refuses with a bare EINVAL (user_namespaces(7)). */
export function checkIdMappings(mappings: readonly IdMapping[], findings: Findings, at: Path): void {
  if (mappings.length > MAX_MAPPINGS) {
    findings.errorAt(at, `has ${mappings.length} entries, expected at most ${MAX_MAPPINGS}`);
    return;
  }
  mappings.forEach(({ containerID, hostID, size }, index) => {
    if (size === 0) findings.error([...at, index, 'size'], 'maps nothing');
    // 4294967295 is no id: the last one that can be mapped is before it.
    for (const property of ['containerID', 'hostID'] as const) {
      const first = property === 'containerID' ? containerID : hostID;
      if (first + size > 0xffff_ffff)
        findings.error([...at, index, property], `plus size ${size} is beyond the last id`);
    }
  });
  for (const property of ['containerID', 'hostID'] as const) checkOverlap(mappings, property, findings, at);
}

function checkOverlap(
  mappings: readonly IdMapping[],
  property: 'containerID' | 'hostID',
  findings: Findings,
  at: Path,
): void {
  const order = mappings.map((mapping, index) => ({ index, first: mapping[property], size: mapping.size }));
  order.sort((left, right) => left.first - right.first);
  order.forEach((mapping, position) => {
    const before = order[position - 1];
    if (before === undefined || before.first + before.size <= mapping.first) return;
    findings.error([...at, mapping.index, property], `overlaps with entry ${before.index}`);
  });
}
