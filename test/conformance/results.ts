/** What the runtimes reached: read from the directories of a run, and from what was recorded. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTRADICTIONS, RACES } from './programs.ts';
import { best, type Verdict, verdictOf } from './verdict.ts';

export const RUNTIMES = ['tsrun', 'crun', 'runc'] as const;
export type Runtime = (typeof RUNTIMES)[number];

/** What one runtime reached in one view. */
export interface Run {
  version: string;
  programs: Record<string, Verdict>;
}
/** By view. */
export type Recorded = Record<string, Partial<Record<Runtime, Run>>>;

export const recordedFile: string = join(import.meta.dirname, 'recorded.json');

export function readRecorded(): Recorded {
  return existsSync(recordedFile) ? (JSON.parse(readFileSync(recordedFile, 'utf8')) as Recorded) : {};
}

/** What a directory holds that inside.sh wrote; undefined where it wrote none. */
export function readRun(directory: string): Run | undefined {
  if (!existsSync(join(directory, 'version'))) return undefined;
  const verdicts = new Map<string, Verdict[]>();
  for (const name of readdirSync(directory).sort()) {
    const [, program, run] = /^(\w+)\.(?:(\d+)\.)?status$/.exec(name) ?? [];
    if (program === undefined) continue;
    const base = join(directory, run === undefined ? program : `${program}.${run}`);
    const outcome = {
      status: Number(readFileSync(`${base}.status`, 'utf8')),
      text: readFileSync(`${base}.out`, 'utf8'),
    };
    verdicts.set(program, [...(verdicts.get(program) ?? []), verdictOf(outcome)]);
  }
  return {
    version: readFileSync(join(directory, 'version'), 'utf8').trim(),
    programs: Object.fromEntries([...verdicts].map(([program, all]) => [program, best(all)])),
  };
}

/** What tsrun is compared with: peers that ran beside it, or what was recorded of them. */
export type Peers = 'beside' | 'recorded';

/** Whether tsrun must not fail a program, because a peer passes it and the specification does not speak against it. */
function isBehind(program: string, verdict: Verdict, runs: Partial<Record<Runtime, Run>>, peers: Peers): boolean {
  if (verdict === 'ok' || program in CONTRADICTIONS || (peers === 'recorded' && RACES.has(program))) return false;
  return RUNTIMES.some((peer) => {
    const reached = runs[peer]?.programs[program];
    return peer !== 'tsrun' && (reached === 'ok' || (reached === 'skipped' && verdict === 'not ok'));
  });
}

/** Programs that tsrun fails though a peer passes them. */
export function behind(runs: Partial<Record<Runtime, Run>>, peers: Peers): string[] {
  return Object.entries(runs.tsrun?.programs ?? {})
    .filter(([program, verdict]) => isBehind(program, verdict, runs, peers))
    .map(([program]) => program);
}

export function passed(run: Run | undefined): number {
  return Object.values(run?.programs ?? {}).filter((verdict) => verdict === 'ok').length;
}
