/** The seccomp filter: config-linux.md, "Seccomp". Where it is loaded is the business of payload.ts; what is in it, of runtime/seccomp. */
import type { Seccomp } from '../../spec/config.ts';
import { TsrunError } from '../errors.ts';
import { hasAny } from '../lists.ts';
import { runFilter } from '../seccomp/bpf.ts';
import { FILTER_FLAG, flagNumber, NATIVE, RET } from '../seccomp/numbers.ts';
import { CALLS, dependsOnArguments, isLetThrough, refuseUnusable, type SeccompFilter } from '../seccomp/usable.ts';
import type { Step } from './types.ts';

/** Whether a rule asks somebody else; only then is the listener told. */
export function notifies({ syscalls = [] }: Seccomp): boolean {
  return hasAny(syscalls, ({ action }) => action === 'SCMP_ACT_NOTIFY');
}

/** The flags of seccomp(2). */
function flagsOf(profile: Seccomp, warnings: string[]): number {
  let flags = 0;
  for (const flag of profile.flags ?? []) flags |= flagNumber(flag);
  if (notifies(profile)) {
    flags |= FILTER_FLAG.NEW_LISTENER;
    // The kernel has two meanings for the result of both, and wants to be told which one is meant.
    if (flags & FILTER_FLAG.TSYNC) flags |= FILTER_FLAG.TSYNC_ESRCH;
  } else if (flags & FILTER_FLAG.WAIT_KILLABLE_RECV) {
    warnings.push(
      'linux.seccomp.flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: no effect without a rule of SCMP_ACT_NOTIFY',
    );
    flags &= ~FILTER_FLAG.WAIT_KILLABLE_RECV;
  }
  return flags;
}

/** Whether init can send a descriptor under the filter, without asking anybody. */
function sends({ profile, program }: SeccompFilter): boolean {
  const answer = runFilter(program, { number: CALLS.sendmsg[1], architecture: NATIVE });
  return isLetThrough(answer) && answer !== RET.USER_NOTIF && !dependsOnArguments(profile, 'sendmsg');
}

/** How the descriptor of the listener comes to the host. @throws {TsrunError} `host-unsupported` */
function handover(filter: SeccompFilter, fetches: boolean): { sends?: number } {
  if (!notifies(filter.profile)) return {};
  if (sends(filter)) return { sends: 1 };
  if (fetches) return {};
  throw new TsrunError(
    'host-unsupported',
    'linux.seccomp: SCMP_ACT_NOTIFY with a profile that does not simply allow sendmsg takes CAP_SYS_PTRACE, which the caller lacks: allow sendmsg without conditions, or run tsrun as root',
  );
}

/** What loading a filter depends on. */
export interface FilterContext {
  /** Whether the process keeps a capability for it, which it gives up afterwards. */
  readonly capabilityIsGivenUp: boolean;
  /** Whether the host can fetch descriptors of init. */
  readonly fetches: boolean;
  /** Sentences about what has no effect are added here. */
  readonly warnings: string[];
}

/** Loads the filter. @throws {TsrunError} where the container could never start under it. */
export function planSeccomp(filter: SeccompFilter, { capabilityIsGivenUp, fetches, warnings }: FilterContext): Step {
  if (capabilityIsGivenUp)
    refuseUnusable(
      filter,
      [CALLS.capset],
      'by which CAP_SYS_ADMIN is given up after the filter is loaded where process.noNewPrivileges is not set',
    );
  return {
    operation: {
      op: 'seccomp',
      flags: flagsOf(filter.profile, warnings),
      ...handover(filter, fetches),
      program: filter.program,
    },
    from: 'linux.seccomp',
  };
}
