/**
 * Turns the samples of measure.c into the table that `npm run bench` prints.
 *
 *   bun test/bench/report.ts SAMPLES FACTS [JSON]
 *
 * SAMPLES is measure's output; FACTS holds lines `name<TAB>value` about the machine and the runtimes; JSON is a file to
 * write the same numbers to.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Nanoseconds by scenario, by runtime, by round. */
export type Samples = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, number>>>;

/** One cell of the table. */
export interface Figure {
  runtime: string;
  /** Milliseconds. */
  median: number;
  /** Milliseconds: the fastest sample, and the one that nine of ten stay below. */
  best: number;
  p90: number;
  samples: number;
  /** tsrun's time as a multiple of this runtime's: the median of the rounds' ratios; absent for tsrun itself. */
  ratio?: number;
}

/** A row: a scenario with the runtimes in the order in which they were given. */
export interface Row {
  scenario: string;
  figures: Figure[];
  failed: string[];
  /** tsrun's time as a multiple of its own time in the scenario that this one has an aim against. */
  ownRatio?: number;
}

const SUBJECT = 'tsrun';

/** What is measured; the aim for tsrun as a multiple of another runtime's time, and as one of its own in another scenario. */
interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly aims: Readonly<Record<string, number>>;
  readonly ownAim?: { readonly scenario: string; readonly most: number };
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'version', title: '--version', aims: {} },
  { name: 'state', title: 'state', aims: { crun: 3 } },
  { name: 'create', title: 'create', aims: {} },
  {
    name: 'create-profiled',
    title: "create with podman's seccomp profile",
    aims: {},
    ownAim: { scenario: 'create', most: 1.1 },
  },
  { name: 'lifecycle', title: 'create + start + delete', aims: {} },
  { name: 'run', title: 'run', aims: { crun: 2, runc: 0.6 } },
  { name: 'exec', title: 'exec', aims: { crun: 2, runc: 0.6 } },
  { name: 'unpack', title: 'bundle of 200 MB in 20,000 files', aims: { tar: 3 } },
];

const FLOOR = 'spawn';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
}

/** Reads measure's lines. */
export function parseSamples(text: string): { samples: Samples; failed: Map<string, string[]> } {
  const samples = new Map<string, Map<string, Map<number, number>>>();
  const failed = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [round = '', scenario = '', runtime = '', nanoseconds = ''] = line.split(' ');
    if (round === '') continue;
    if (round === 'failed') {
      failed.set(scenario, [...(failed.get(scenario) ?? []), runtime]);
      continue;
    }
    const runtimes = samples.get(scenario) ?? new Map<string, Map<number, number>>();
    samples.set(scenario, runtimes);
    const rounds = runtimes.get(runtime) ?? new Map<number, number>();
    runtimes.set(runtime, rounds);
    rounds.set(Number(round), Number(nanoseconds));
  }
  return { samples, failed };
}

/** The row of a scenario. A ratio compares within rounds: what slowed a round down slowed both of its halves down. */
export function rowOf(scenario: string, samples: Samples, failed: ReadonlyMap<string, readonly string[]>): Row {
  const runtimes = samples.get(scenario) ?? new Map<string, ReadonlyMap<number, number>>();
  const subject = runtimes.get(SUBJECT);
  const figures: Figure[] = [];
  for (const [runtime, rounds] of [...runtimes].toSorted(([a], [b]) => order(a) - order(b))) {
    const times = [...rounds.values()].map((nanoseconds) => nanoseconds / 1e6);
    const figure: Figure = {
      runtime,
      median: median(times),
      best: Math.min(...times),
      p90: quantile(times, 0.9),
      samples: times.length,
    };
    const ratio = runtime === SUBJECT ? undefined : ratioOf(subject, rounds);
    if (ratio !== undefined) figure.ratio = ratio;
    figures.push(figure);
  }
  const row: Row = { scenario, figures, failed: [...(failed.get(scenario) ?? [])] };
  const base = SCENARIOS.find(({ name }) => name === scenario)?.ownAim?.scenario;
  const ownRatio = base === undefined ? undefined : ratioOf(subject, samples.get(base)?.get(SUBJECT));
  if (ownRatio !== undefined) row.ownRatio = ownRatio;
  return row;
}

/** The median of the ratios of the rounds that both have. */
function ratioOf(
  times: ReadonlyMap<number, number> | undefined,
  others: ReadonlyMap<number, number> | undefined,
): number | undefined {
  const ratios = [...(others ?? [])].flatMap(([round, other]) => {
    const time = times?.get(round);
    return time === undefined ? [] : [time / other];
  });
  return ratios.length > 0 ? median(ratios) : undefined;
}

function order(runtime: string): number {
  const known = [SUBJECT, 'crun', 'runc'].indexOf(runtime);
  return known < 0 ? Number.POSITIVE_INFINITY : known;
}

/** The table, and below it how tsrun does against its aims. */
export function renderTable(rows: readonly Row[]): string {
  const runtimes = [...new Set(rows.flatMap(({ figures, failed }) => [...figures.map((f) => f.runtime), ...failed]))];
  runtimes.sort((a, b) => order(a) - order(b));
  const others = runtimes.includes(SUBJECT) ? runtimes.filter((name) => name !== SUBJECT) : [];
  const header = ['median, ms', ...runtimes, ...others.map((name) => `÷ ${name}`)];
  const lines = rows.map((row) => {
    const figure = (name: string) => row.figures.find(({ runtime }) => runtime === name);
    const { title } = SCENARIOS.find(({ name }) => name === row.scenario) ?? { title: row.scenario };
    return [
      title,
      ...runtimes.map((name) => (row.failed.includes(name) ? 'failed' : (figure(name)?.median.toFixed(2) ?? '-'))),
      ...others.map((name) => figure(name)?.ratio?.toFixed(2) ?? '-'),
    ];
  });
  const widths = header.map((_, column) => Math.max(...[header, ...lines].map((line) => (line[column] ?? '').length)));
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .concat(aimLines(rows))
    .join('\n');
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function aimLines(rows: readonly Row[]): string[] {
  const lines: string[] = [];
  const say = (title: string, ratio: number | undefined, what: string, aim: number) => {
    if (ratio === undefined) return;
    lines.push(`aim ${ratio <= aim ? 'met' : 'missed'}: ${title} takes ${ratio.toFixed(2)} × ${what} (at most ${aim})`);
  };
  for (const { name, title, aims, ownAim } of SCENARIOS) {
    const row = rows.find(({ scenario }) => scenario === name);
    for (const [other, aim] of Object.entries(aims)) {
      say(title, row?.figures.find(({ runtime }) => runtime === other)?.ratio, `${other}'s time`, aim);
    }
    if (ownAim !== undefined) {
      const base = SCENARIOS.find(({ name: candidate }) => candidate === ownAim.scenario)?.title ?? ownAim.scenario;
      say(title, row?.ownRatio, `the time of ${base}`, ownAim.most);
    }
  }
  return lines.length > 0 ? ['', ...lines] : lines;
}

function main([samplesFile = '', factsFile = '', jsonFile = '']: string[]): number {
  const { samples, failed } = parseSamples(readFileSync(samplesFile, 'utf8'));
  const facts = readFileSync(factsFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('\t'))
    .map((line): [string, string] => [line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)]);
  const rows = SCENARIOS.map(({ name }) => rowOf(name, samples, failed));
  const floor = median([...(samples.get(FLOOR)?.values() ?? [])].flatMap((rounds) => [...rounds.values()])) / 1e6;
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = [
    ...facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    `${'floor'.padEnd(width)}  ${floor.toFixed(2)} ms to spawn and await a static \`true\` without any runtime`,
    '',
    renderTable(rows),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (jsonFile !== '') {
    writeFileSync(jsonFile, `${JSON.stringify({ facts: Object.fromEntries(facts), floorMs: floor, rows }, null, 2)}\n`);
  }
  return rows.some((row) => row.failed.includes(SUBJECT)) ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2));
