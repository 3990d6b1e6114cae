import { RLIMITS } from '../tables.ts';
import { array, boolean, int, object, oneOf, type Schema, string, strings, uint32, uint64 } from './schema.ts';

const id = uint32;

/** NGROUPS_MAX of the kernel. */
const MAX_GROUPS = 65536;

/** config.md, "Process" */
export function processSchema(): Schema {
  return object({
    terminal: boolean,
    // The kernel's struct winsize holds 16 bits of each.
    consoleSize: object({ 'height!': int(0, 0xffff), 'width!': int(0, 0xffff) }),
    'user!': object({
      'uid!': id,
      'gid!': id,
      umask: int(0, 0o777),
      additionalGids: array(id, { maxItems: MAX_GROUPS }),
    }),
    'args!': array(string, { minItems: 1 }),
    env: strings,
    'cwd!': string,
    capabilities: object({
      bounding: strings,
      effective: strings,
      inheritable: strings,
      permitted: strings,
      ambient: strings,
    }),
    rlimits: array(object({ 'type!': oneOf('resource limit', ...RLIMITS), 'soft!': uint64, 'hard!': uint64 })),
    noNewPrivileges: boolean,
    apparmorProfile: string,
    selinuxLabel: string,
    oomScoreAdj: int(-1000, 1000),
    scheduler: object({
      'policy!': oneOf(
        'scheduling policy',
        'SCHED_OTHER',
        'SCHED_FIFO',
        'SCHED_RR',
        'SCHED_BATCH',
        'SCHED_ISO',
        'SCHED_IDLE',
        'SCHED_DEADLINE',
      ),
      nice: int(-20, 19),
      priority: int(0, 99),
      flags: array(
        oneOf(
          'scheduling flag',
          'SCHED_FLAG_RESET_ON_FORK',
          'SCHED_FLAG_RECLAIM',
          'SCHED_FLAG_DL_OVERRUN',
          'SCHED_FLAG_KEEP_POLICY',
          'SCHED_FLAG_KEEP_PARAMS',
          'SCHED_FLAG_UTIL_CLAMP_MIN',
          'SCHED_FLAG_UTIL_CLAMP_MAX',
        ),
      ),
      runtime: uint64,
      deadline: uint64,
      period: uint64,
    }),
    ioPriority: object({
      'class!': oneOf('I/O scheduling class', 'IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'),
      'priority!': int(0, 7),
    }),
    execCPUAffinity: object({ initial: string, final: string }),
  });
}
