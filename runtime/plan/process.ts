/** The container's process: config.md "Process". */
import { KEEP_ORIGINAL_GROUPS } from '../../spec/annotations.ts';
import type { Capabilities, Process } from '../../spec/config.ts';
import { capabilityNumber, rlimitNumber } from '../../spec/tables.ts';
import { mapped } from '../lists.ts';
import type { HostLimit, Step } from './types.ts';
import type { GroupsUse } from './user.ts';

/** Bit mask of capability names; unknown ones are warned about when the configuration is read. */
function maskOf(names: readonly string[] | undefined): bigint {
  let mask = 0n;
  for (const name of names ?? []) {
    const number = capabilityNumber(name);
    if (number !== undefined) mask |= 1n << BigInt(number);
  }
  return mask;
}

function namesOf(capabilities: Capabilities, missing: bigint): string[] {
  const all = new Set(Object.values(capabilities).flatMap((names: readonly string[]) => [...names]));
  return [...all].filter((name) => {
    const number = capabilityNumber(name);
    return number !== undefined && (missing >> BigInt(number)) & 1n;
  });
}

/** The five sets as masks, within what can be granted. */
interface Sets {
  bounding: bigint;
  effective: bigint;
  inheritable: bigint;
  permitted: bigint;
  ambient: bigint;
}

/**
 * "Any value which cannot be … granted … MUST be logged as a warning", and the container goes on without it.
 *
 * @param grantable What the caller holds itself.
 */
function capabilitySets(process: Process, grantable: bigint, warnings: string[]): Sets {
  const { capabilities = {} } = process;
  const asked: Sets = {
    bounding: maskOf(capabilities.bounding),
    effective: maskOf(capabilities.effective),
    inheritable: maskOf(capabilities.inheritable),
    permitted: maskOf(capabilities.permitted),
    ambient: maskOf(capabilities.ambient),
  };
  const all = asked.bounding | asked.effective | asked.inheritable | asked.permitted | asked.ambient;
  const missing = all & ~grantable;
  if (missing !== 0n) {
    const names = namesOf(capabilities, missing).join(', ');
    warnings.push(`process.capabilities: ${names}: not granted, for the caller does not hold it`);
  }
  // Only such can be in the ambient set, says the kernel; buildah names all that a program may have, and none inheritable.
  const raisable = asked.permitted & asked.inheritable;
  const lost = asked.ambient & grantable & ~raisable;
  if (lost !== 0n) {
    const names = namesOf({ ambient: capabilities.ambient ?? [] }, lost).join(', ');
    warnings.push(
      `process.capabilities.ambient: ${names}: not granted, for an ambient capability must be permitted and inheritable as well`,
    );
  }
  return {
    bounding: asked.bounding & grantable,
    effective: asked.effective & grantable,
    inheritable: asked.inheritable & grantable,
    permitted: asked.permitted & grantable,
    ambient: asked.ambient & raisable & grantable,
  };
}

/** Who the process is. */
export interface Identity {
  /** In the order in which each step still has the privilege for the next. */
  readonly steps: readonly Step[];
  /** Gives up what was kept beyond that; empty where nothing was. */
  readonly last: readonly Step[];
}

/**
 * Plans who the process is.
 *
 * @param kept Capabilities that the process keeps until the last steps: a bit mask.
 */
export function planIdentity(
  process: Process,
  grantable: bigint,
  groups: GroupsUse,
  kept: bigint,
  warnings: string[],
): Identity {
  const { uid, gid, additionalGids = [] } = process.user;
  const sets = capabilitySets(process, grantable, warnings);
  const { effective, permitted, inheritable } = sets;
  const keeps = (kept & ~(effective & permitted)) !== 0n;
  const steps: Step[] = [
    { operation: { op: 'stdioNull' }, from: 'process' },
    { operation: { op: 'stdioOwner', uid, gid }, from: 'process.user' },
    { operation: { op: 'bounding', capabilities: sets.bounding }, from: 'process.capabilities.bounding' },
  ];
  const from = 'process.user.additionalGids';
  if (groups === 'whereAllowed' && additionalGids.length === 0)
    steps.push({ operation: { op: 'groups', whereAllowed: 1, gids: [] }, from });
  else if (groups === 'kept') {
    if (additionalGids.length > 0)
      warnings.push(`${from}: not set, for the annotation ${KEEP_ORIGINAL_GROUPS} keeps the caller's groups`);
  } else if (groups !== 'denied') steps.push({ operation: { op: 'groups', gids: additionalGids }, from });
  steps.push(
    { operation: { op: 'user', uid, gid }, from: 'process.user' },
    {
      operation: {
        op: 'capabilities',
        effective: effective | kept,
        permitted: permitted | kept,
        inheritable,
      },
      from: 'process.capabilities',
    },
    { operation: { op: 'ambient', capabilities: sets.ambient }, from: 'process.capabilities.ambient' },
  );
  if (process.noNewPrivileges) steps.push({ operation: { op: 'noNewPrivileges' }, from: 'process.noNewPrivileges' });
  const last: Step[] = keeps
    ? [
        {
          operation: { op: 'lastCapabilities', effective, permitted, inheritable },
          from: 'process.capabilities',
        },
      ]
    : [];
  return { steps, last };
}

/** The resource limits. */
export function planLimits(process: Process): HostLimit[] {
  return mapped(process.rlimits ?? [], ({ type, soft, hard }, index) => ({
    resource: rlimitNumber(type) ?? -1,
    soft,
    hard,
    from: `process.rlimits[${index}]`,
  }));
}

/** What the process runs with: arguments and environment, to which `added` variables come. */
export function planProgram(process: Process, added: readonly string[]): Step[] {
  return [
    { operation: { op: 'args', args: process.args }, from: 'process.args' },
    { operation: { op: 'env', env: [...(process.env ?? []), ...added] }, from: 'process.env' },
    { operation: { op: 'home', uid: process.user.uid }, from: 'process.user.uid' },
  ];
}
