/** `explain`: the plan for people and for programs. Pure: nothing is touched, and the same plan reads the same. */
import { describeDevicePolicy } from './cgroup/device-policy.ts';
import { type ExplainedStep, type ExplainRequest, explainSteps } from './explain/steps.ts';
import type { HostFacts } from './facts.ts';
import type { Plan } from './plan/types.ts';
import { escapeControls, show } from './text.ts';

export type { ExplainRequest } from './explain/steps.ts';

/** How {@link explain} looks. */
export interface ExplainStyle {
  /** Characters in a line; 120 where absent. Lines are longer only where a word is. */
  readonly width?: number;
  /** Whether escape sequences of a terminal may stand in it. */
  readonly colour?: boolean;
}

const defaultWidth = 120;
const gap = '  ';
/** The widest that the column of properties and reasons gets. */
const maxFrom = 34;

function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length++;
  return length;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - lengthOf(text)));
}

/** Breaks at spaces so that no line is longer than `width`, except for a word that is; further lines are indented. */
function wrap(text: string, width: number): string[] {
  const indent = '  ';
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = indent + word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

interface Columns {
  readonly number: number;
  readonly call: number;
  readonly from: number;
  readonly does: number;
}

function columnsOf(steps: readonly ExplainedStep[], width: number): Columns {
  const longest = (texts: readonly string[]): number => Math.max(...texts.map(lengthOf));
  const number = String(steps.length).length;
  const call = longest(steps.map((step) => step.call));
  const from = Math.min(maxFrom, longest(steps.map((step) => step.from)));
  const taken = number + 'init'.length + call + from + 4 * gap.length;
  return { number, call, from, does: Math.max(32, width - taken) };
}

type Paint = (text: string, code: number) => string;
const plain: Paint = (text) => text;
const coloured: Paint = (text, code) => (text === '' ? '' : `\x1b[${code}m${text}\x1b[0m`);
const bold = 1;
const dim = 2;
const cyan = 36;

function stepLines(step: ExplainedStep, number: number, columns: Columns, paint: Paint): string[] {
  const joint = step.details.some((detail) => detail.includes(', ')) ? '; ' : ', ';
  const details = step.details.length === 0 ? '' : ` (${step.details.join(joint)})`;
  const does = wrap(escapeControls(step.does + details), columns.does);
  const from = wrap(escapeControls(step.from), columns.from);
  return Array.from({ length: Math.max(does.length, from.length) }, (_, index) => {
    const first = index === 0;
    const cells = [
      String(first ? number : '').padStart(columns.number),
      paint(pad(first ? step.by : '', 'init'.length), step.by === 'host' ? cyan : bold),
      pad(does[index] ?? '', columns.does),
      paint(pad(first ? step.call : '', columns.call), dim),
      from[index] ?? '',
    ];
    return cells.join(gap).trimEnd();
  });
}

const layouts: { readonly [layout in HostFacts['cgroup']['layout']]: string } = {
  unified: 'cgroup v2',
  hybrid: 'cgroup v2 beside v1',
  legacy: 'cgroup v1 only',
  none: 'no cgroups',
};

function hostWords({ cgroup, inUserNamespace }: HostFacts): string {
  const where = cgroup.root === '' ? '' : ` at ${show(cgroup.root)}`;
  return `${layouts[cgroup.layout]}${where}; ${inUserNamespace ? 'inside a user namespace' : 'the initial user namespace'}`;
}

/** The plan for people: numbered steps with who does them, the system call, and the property that asks for it. */
export function explain(plan: Plan, request: ExplainRequest, facts: HostFacts, style: ExplainStyle = {}): string {
  const steps = explainSteps(plan, request);
  const columns = columnsOf(steps, style.width ?? defaultWidth);
  const paint = style.colour ? coloured : plain;
  const label = 'warning   ';
  const lines = [
    `container ${show(request.id)}`,
    `bundle    ${show(request.bundle)}`,
    `host      ${hostWords(facts)}`,
    ...plan.warnings.flatMap((warning) =>
      wrap(escapeControls(warning), (style.width ?? defaultWidth) - label.length).map(
        (line, index) => (index === 0 ? label : ' '.repeat(label.length)) + line,
      ),
    ),
  ];
  let phase: string | undefined;
  steps.forEach((step, index) => {
    if (step.phase !== phase) lines.push('', paint(step.phase, bold));
    phase = step.phase;
    lines.push(...stepLines(step, index + 1, columns, paint));
  });
  return `${lines.join('\n')}\n`;
}

/** A value as JSON can hold it: an integer above 2^53 − 1 is a decimal string. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** One step of {@link ExplainedPlan}. */
export interface JsonStep {
  /** From 1. */
  readonly number: number;
  /** The command that does it: `create`, `start` or `delete`. */
  readonly phase: string;
  /** `host` or `init`. */
  readonly by: string;
  /** In words. */
  readonly does: string;
  readonly details: readonly string[];
  /** The system call behind it. */
  readonly systemCall: string;
  /** The property of config.json that asks for it, or a reason in words. */
  readonly from: string;
  /** What init is told: `op`, and the fields that docs/wire-format.md lists for it. */
  readonly operation?: JsonValue;
}

/** What `explain --json` prints. Properties are added, but not renamed or removed. */
export interface ExplainedPlan {
  readonly id: string;
  readonly bundle: string;
  readonly host: { readonly cgroupLayout: string; readonly cgroupRoot: string; readonly inUserNamespace: boolean };
  readonly cgroup: { readonly driver: string; readonly path: string; readonly deviceRules: readonly string[] };
  readonly warnings: readonly string[];
  readonly steps: readonly JsonStep[];
}

/** Integers as they are where that is exact; masks and limits, which are unsigned, as such. */
function jsonOf(value: unknown): JsonValue {
  if (typeof value === 'bigint') {
    const unsigned = BigInt.asUintN(64, value);
    return unsigned <= Number.MAX_SAFE_INTEGER ? Number(unsigned) : String(unsigned);
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  if (value instanceof Uint32Array) return [...value];
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, field]) => field !== undefined)
        .map(([name, field]) => [name, jsonOf(field)]),
    );
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** The plan for programs. */
export function explainJson(plan: Plan, request: ExplainRequest, facts: HostFacts): ExplainedPlan {
  return {
    id: request.id,
    bundle: request.bundle,
    host: {
      cgroupLayout: facts.cgroup.layout,
      cgroupRoot: facts.cgroup.root,
      inUserNamespace: facts.inUserNamespace,
    },
    cgroup: {
      driver: plan.cgroup.driver,
      path: plan.cgroup.path,
      deviceRules: describeDevicePolicy(plan.cgroup.deviceRules),
    },
    warnings: plan.warnings,
    steps: explainSteps(plan, request).map(({ phase, by, does, details, call, from, operation }, index) => ({
      number: index + 1,
      phase,
      by,
      does,
      details,
      systemCall: call,
      from,
      ...(operation ? { operation: jsonOf(operation) } : {}),
    })),
  };
}
