import type { Process } from '../config.ts';
import type { Findings } from '../finding.ts';
import type { Path } from '../json/error.ts';
import { checkAbsolute, checkNumberList, MAX_CPU } from './text.ts';

/** config.md, "Process": args[0] is the program. */
export function programIsNamed({ args }: Process, findings: Findings, at: Path): void {
  if (args[0] === '') findings.error([...at, 'args', 0], 'the program has no name');
}

/** config.md, "Process" */
export function cwdIsAbsolute({ cwd }: Process, findings: Findings, at: Path): void {
  checkAbsolute(cwd, findings, [...at, 'cwd']);
}

/** config.md, "Process": environ(7) has no other form than NAME=value, but the kernel passes on anything. */
export function environmentIsWellFormed({ env = [] }: Process, findings: Findings, at: Path): void {
  const names = new Set<string>();
  for (const [index, variable] of env.entries()) {
    const name = variable.slice(0, Math.max(variable.indexOf('='), 0));
    if (name === '') findings.warning([...at, 'env', index], 'not of the form NAME=value, passed on as it is');
    else if (names.has(name))
      findings.warning([...at, 'env', index], 'the variable is given twice, passed on as it is');
    names.add(name);
  }
}

/** (uid_t)-1 means "do not change" to the kernel's calls, so that the process would stay root. */
export function idsAreIds({ user }: Process, findings: Findings, at: Path): void {
  const { uid, gid, additionalGids = [] } = user;
  const problem = 'not an id: the kernel takes it for "no change"';
  const noId = 0xffff_ffff;
  if (uid === noId) findings.error([...at, 'user', 'uid'], problem);
  if (gid === noId) findings.error([...at, 'user', 'gid'], problem);
  const index = additionalGids.indexOf(noId);
  if (index !== -1) findings.error([...at, 'user', 'additionalGids', index], problem);
}

/** config.md, "POSIX process" */
export function rlimitsAreConsistent({ rlimits = [] }: Process, findings: Findings, at: Path): void {
  const types = new Set<string>();
  for (const [index, { type, soft, hard }] of rlimits.entries()) {
    const here = [...at, 'rlimits', index];
    if (types.has(type)) findings.error([...here, 'type'], 'the resource limit is given twice');
    types.add(type);
    if (soft > hard) findings.error([...here, 'soft'], `greater than the hard limit ${hard}`);
  }
}

/** sched(7): a nice value is kept for SCHED_OTHER and SCHED_BATCH, and passed over for the other policies. */
export function niceHasEffect({ scheduler }: Process, findings: Findings, at: Path): void {
  const { policy, nice = 0 } = scheduler ?? {};
  if (nice !== 0 && policy !== 'SCHED_OTHER' && policy !== 'SCHED_BATCH')
    findings.warning([...at, 'scheduler', 'nice'], `no effect: ${policy} has no nice value`);
}

/** sched(7): each group of policies has parameters of its own. */
export function schedulerFitsPolicy({ scheduler }: Process, findings: Findings, at: Path): void {
  if (scheduler === undefined) return;
  const { policy, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler;
  const here = [...at, 'scheduler'];
  const isRealTime = policy === 'SCHED_FIFO' || policy === 'SCHED_RR';
  if (isRealTime && priority === 0) findings.errorAt([...here, 'priority'], `${policy} needs a priority from 1 to 99`);
  if (!isRealTime && priority !== 0) findings.error([...here, 'priority'], `${policy} has no priority`);
  if (policy !== 'SCHED_DEADLINE') {
    for (const property of ['runtime', 'deadline', 'period'] as const) {
      if ((scheduler[property] ?? 0) > 0) findings.error([...here, property], 'only SCHED_DEADLINE has it');
    }
  } else if (runtime === 0 || runtime > deadline || (period > 0 && deadline > period)) {
    findings.errorAt(here, 'SCHED_DEADLINE needs 0 < runtime <= deadline <= period');
  }
}

/** config.md, "Linux Process" */
export function affinitiesAreLists({ execCPUAffinity }: Process, findings: Findings, at: Path): void {
  for (const property of ['initial', 'final'] as const) {
    const list = execCPUAffinity?.[property];
    if (list === undefined || list === '') continue;
    checkNumberList(list, MAX_CPU, findings, [...at, 'execCPUAffinity', property]);
  }
}
