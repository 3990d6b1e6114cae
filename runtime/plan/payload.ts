/**
 * What makes init, once the container's root is its root, into the container's program: the same for the process of `create` and for
 * those of `exec`. The order matters: what takes a privilege comes before the change of identity that gives it up.
 */
import type { Linux, Process } from '../../spec/config.ts';
import { numbersOf } from '../../spec/scheduling.ts';
import { capabilityNumber } from '../../spec/tables.ts';
import { TsrunError } from '../errors.ts';
import type { SecurityFacts } from '../facts.ts';
import { POINT } from '../generated/wire.ts';
import { mapped } from '../lists.ts';
import type { SeccompFilter } from '../seccomp/usable.ts';
import { planAttributes } from './attributes.ts';
import { planLabels } from './labels.ts';
import { planIdentity, planLimits, planProgram } from './process.ts';
import { notifies, planSeccomp } from './seccomp.ts';
import type { HostLimit, Step } from './types.ts';
import type { GroupsUse } from './user.ts';

/** What the payload depends on beside its `process`. */
export interface PayloadContext {
  /** Whether it is the container's own process, or one that joins it. */
  readonly purpose: 'create' | 'exec';
  /** The section `linux` of the container's configuration. */
  readonly linux: Linux;
  /** The capabilities that the process can be given: a bit mask. */
  readonly grantable: bigint;
  /** Whether hard limits are raised by the host, for a user namespace has not the privilege. */
  readonly limitsByHost: boolean;
  /** Whether supplementary groups may be set. */
  readonly groups: GroupsUse;
  /** Variables that come to those of the configuration. */
  readonly addedEnv: readonly string[];
  /** What `linux.seccomp` was compiled to: two words an instruction. Needed where it is there. */
  readonly seccompProgram: Uint32Array | undefined;
  /** Whether the host can fetch descriptors of init: see {@link canTrace}. */
  readonly fetches: boolean;
  /** Whether hooks run between the filter and the program: limits are set after them. */
  readonly hooksFollow: boolean;
  /** The security modules of the host. */
  readonly security: SecurityFacts;
  /** Sentences about what has no effect are added here. */
  readonly warnings: string[];
}

/** The steps of the payload. `create` waits between the two parts for `start`; for `exec` they are one. */
export interface Payload {
  /** Everything but the last: an error here still is one of `create`. */
  readonly setUp: readonly Step[];
  /** The seccomp filter. All that comes after it is filtered; an error here is the last one of `create`. */
  readonly filter: readonly Step[];
  /** From the moment at which nothing but the program is left to come. */
  readonly last: readonly Step[];
  /** The limits that the host raises at POINT.LIMITS. */
  readonly hostLimits: readonly HostLimit[];
}

const CAP_SYS_PTRACE = 19n;

/** Whether a caller with these capabilities may look into init, which hides from everybody else (PR_SET_DUMPABLE). */
export function canTrace(capabilities: bigint): boolean {
  return ((capabilities >> CAP_SYS_PTRACE) & 1n) !== 0n;
}

/** The default umask, as every runtime has it. */
const DEFAULT_UMASK = 0o022;

/** Raises hard limits, while there is the privilege: in a user namespace there is none, so the host does it. */
function raiseSteps(limits: readonly HostLimit[], byHost: boolean): Step[] {
  if (limits.length === 0) return [];
  if (byHost) return [{ operation: { op: 'sync', point: POINT.LIMITS }, from: 'process.rlimits' }];
  return mapped(limits, ({ resource, hard, from }) => ({ operation: { op: 'raiseLimit', resource, hard }, from }));
}

/** Sets the limits, at the very end: neither init nor hooks could do their work under some. */
function limitSteps(limits: readonly HostLimit[]): Step[] {
  return mapped(limits, ({ resource, soft, hard, from }) => ({
    operation: { op: 'rlimit', resource, soft, hard },
    from,
  }));
}

/** execCPUAffinity is for `exec` alone; its `initial` holds before the process is in the container's cgroup. */
function affinityStep({ execCPUAffinity }: Process, purpose: PayloadContext['purpose']): Step {
  const final = purpose === 'exec' ? execCPUAffinity?.final : undefined;
  if (!final) return { operation: { op: 'affinity', cpus: [] }, from: 'every CPU of the cpuset' };
  return { operation: { op: 'affinity', cpus: numbersOf(final) }, from: 'process.execCPUAffinity.final' };
}

function filterOf({ linux, seccompProgram }: PayloadContext): SeccompFilter | undefined {
  const profile = linux.seccomp;
  if (!profile) return undefined;
  if (!seccompProgram) throw new TsrunError('internal', 'linux.seccomp: planned without its compiled filter');
  return { profile, program: seccompProgram };
}

/**
 * The capability that loading a filter takes where no_new_privs is not set. It is kept until then, whatever the process is to have,
 * and given up by one capset(2): loading the filter before the change of identity, the profile would have to allow setgroups, setresuid,
 * prctl and whatever else comes in between.
 */
function capabilityForFilter(process: Process, { linux, grantable }: PayloadContext): bigint {
  if (!linux.seccomp || process.noNewPrivileges) return 0n;
  const admin = 1n << BigInt(capabilityNumber('CAP_SYS_ADMIN') ?? 0);
  if ((grantable & admin) === 0n)
    throw new TsrunError(
      'host-unsupported',
      'linux.seccomp: loading a filter takes CAP_SYS_ADMIN, which the caller lacks, or process.noNewPrivileges: set that to true',
    );
  return admin;
}

/** Plans the payload of `process`. */
export function planPayload(process: Process, context: PayloadContext): Payload {
  const { purpose, hooksFollow, warnings } = context;
  const seccomp = filterOf(context);
  const limits = planLimits(process);
  const identity = planIdentity(
    process,
    context.grantable,
    context.groups,
    capabilityForFilter(process, context),
    warnings,
  );
  // As little as possible is done under the filter. But neither hooks nor the descriptor of a listener may suffer from the limits.
  const limitsFirst = seccomp !== undefined && !hooksFollow && !notifies(seccomp.profile);
  const setUp: Step[] = [
    ...planProgram(process, context.addedEnv),
    { operation: { op: 'chdir', path: process.cwd }, from: 'process.cwd' },
    affinityStep(process, purpose),
    ...planAttributes(process, context.linux),
    ...planLabels(process, context.security),
    ...raiseSteps(limits, context.limitsByHost),
    ...identity.steps,
    { operation: { op: 'umask', mask: process.user.umask ?? DEFAULT_UMASK }, from: 'process.user.umask' },
    { operation: { op: 'findExecutable' }, from: 'process.args[0]' },
    { operation: { op: 'descriptors' }, from: 'nothing of the host is passed on' },
    ...(limitsFirst ? limitSteps(limits) : []),
    // The process of `create` is handed over after that; and a filter might refuse it.
    ...(purpose === 'exec' ? [{ operation: { op: 'release' }, from: 'it outlives tsrun' } satisfies Step] : []),
  ];
  const filter = seccomp
    ? [
        planSeccomp(seccomp, { capabilityIsGivenUp: identity.last.length > 0, fetches: context.fetches, warnings }),
        ...identity.last,
      ]
    : [];
  const last: Step[] = [
    ...(limitsFirst ? [] : limitSteps(limits)),
    { operation: { op: 'exec' }, from: 'process.args' },
  ];
  return { setUp, filter, last, hostLimits: context.limitsByHost ? limits : [] };
}
