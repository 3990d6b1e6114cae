import type { HostFacts } from './facts.ts';
import type { Plan } from './plan.ts';

export function explain(plan: Plan, _about: { id: string; bundle: string }, _facts: HostFacts): string {
  return plan.steps.map((step) => `${step.operation.op} (${step.from})\n`).join('');
}
export function explainJson(plan: Plan, _about: { id: string; bundle: string }, _facts: HostFacts): object {
  return plan;
}
