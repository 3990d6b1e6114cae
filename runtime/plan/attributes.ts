/** When and where the process runs. config.md "Linux Process", config-linux.md "Memory policy" and "Personality". */
import type { IoPriority, Linux, MemoryPolicy, Personality, Process, Scheduler } from '../../spec/config.ts';
import {
  EXECUTION_DOMAINS,
  IO_CLASSES,
  MEMORY_POLICIES,
  MEMORY_POLICY_FLAGS,
  numbersOf,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
} from '../../spec/scheduling.ts';
import type { Step } from './types.ts';

function flagsOf<Name extends string>(
  names: readonly Name[] | undefined,
  numbers: Readonly<Record<Name, number>>,
): number {
  let flags = 0;
  for (const name of names ?? []) flags |= numbers[name];
  return flags;
}

function schedulerStep({ policy, flags, nice, priority, runtime, deadline, period }: Scheduler): Step {
  return {
    operation: {
      op: 'scheduler',
      policy: SCHEDULER_POLICIES[policy],
      flags: flagsOf(flags, SCHEDULER_FLAGS),
      nice: nice ?? 0,
      priority: priority ?? 0,
      runtime: runtime ?? 0,
      deadline: deadline ?? 0,
      period: period ?? 0,
    },
    from: 'process.scheduler',
  };
}

function ioPriorityStep({ class: name, priority }: IoPriority): Step {
  return { operation: { op: 'ioPriority', class: IO_CLASSES[name], level: priority }, from: 'process.ioPriority' };
}

function personalityStep({ domain }: Personality): Step {
  return { operation: { op: 'personality', domain: EXECUTION_DOMAINS[domain] }, from: 'linux.personality' };
}

function memoryPolicyStep({ mode, nodes, flags }: MemoryPolicy): Step {
  return {
    operation: {
      op: 'memoryPolicy',
      mode: MEMORY_POLICIES[mode] | flagsOf(flags, MEMORY_POLICY_FLAGS),
      nodes: nodes ? numbersOf(nodes) : [],
    },
    from: 'linux.memoryPolicy',
  };
}

/**
 * Plans them, in the order of the peers. They come after the CPU affinity, which a process of SCHED_DEADLINE cannot change any more, and
 * while the process has CAP_SYS_NICE.
 */
export function planAttributes(process: Process, linux: Linux): Step[] {
  const steps: Step[] = [];
  if (process.scheduler) steps.push(schedulerStep(process.scheduler));
  if (process.ioPriority) steps.push(ioPriorityStep(process.ioPriority));
  if (linux.personality) steps.push(personalityStep(linux.personality));
  if (linux.memoryPolicy) steps.push(memoryPolicyStep(linux.memoryPolicy));
  return steps;
}
