/**
 * Reads what the programs of the validation suite wrote, prints a table, and says where tsrun is behind.
 *
 * usage: bun test/conformance/report.ts [--record] RESULTS VIEW...
 *
 * RESULTS holds a directory VIEW-RUNTIME for each run (test/conformance/inside.sh). What the peers, and tsrun in views
 * that are not run, reached before is in recorded.json; --record writes it, and docs/conformance.md. The exit status is 1
 * where tsrun fails a program that a peer passes and the specification does not speak against.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTRADICTIONS, UNREACHABLE } from './programs.ts';
import {
  behind,
  passed,
  type Recorded,
  RUNTIMES,
  type Run,
  type Runtime,
  readRecorded,
  readRun,
  recordedFile,
} from './results.ts';

const VIEWS: Readonly<Record<string, string>> = {
  hybrid: 'a host with cgroup v1 and v2 beside each other',
  v2: 'the same host, with nothing but cgroup v2 in view, and without controllers',
  guest: 'the guest of `npm run test:vm`, with seccomp and AppArmor',
  'guest-v1':
    'the same guest with every controller of cgroup v1, for the programs about cgroups know no other (crun refuses such a host)',
};

const documentFile = join(import.meta.dirname, '../../docs/conformance.md');

/** A table of one view: a line for each program, a column for each runtime that ran. */
function table(runs: Partial<Record<Runtime, Run>>): string[] {
  const columns = RUNTIMES.filter((runtime) => runs[runtime] !== undefined);
  const programs = Object.keys(runs.tsrun?.programs ?? runs.crun?.programs ?? {}).sort();
  const note = (program: string): string => {
    if (columns.every((runtime) => runs[runtime]?.programs[program] === 'ok')) return '';
    if (program in CONTRADICTIONS) return 'against the specification, see below';
    return program in UNREACHABLE && runs.tsrun?.programs[program] !== 'ok' ? 'out of reach, see below' : '';
  };
  return [
    `| program | ${columns.map((runtime) => `${runtime} ${runs[runtime]?.version}`).join(' | ')} | |`,
    `|---|${columns.map(() => '---|').join('')}---|`,
    ...programs.map(
      (program) =>
        `| ${program} | ${columns.map((runtime) => runs[runtime]?.programs[program] ?? '–').join(' | ')} | ${note(program)} |`,
    ),
    `| **passed of ${programs.length}** | ${columns.map((runtime) => `**${passed(runs[runtime])}**`).join(' | ')} | |`,
  ];
}

function documentOf(recorded: Recorded): string {
  const list = (notes: Readonly<Record<string, string>>): string[] =>
    Object.entries(notes).map(([program, why]) => `* \`${program}\` ${why}`);
  return [
    '# Conformance',
    '',
    '`npm run conformance` builds the validation suite of opencontainers/runtime-tools (0.9.0.109) from Debian’s packages, runs',
    'it against tsrun, crun and runc in a box of their own, and writes this page. It fails where tsrun fails a program that',
    'crun or runc passes, unless the program contradicts the specification. `killsig`, `pidfile`, `poststart`, `poststop` and',
    '`poststop_fail` are races, which pass where the machine is slow at the right moment: of ten runs the best counts, and',
    'another day’s runs of the others say nothing. `npm run conformance -- --guest` does the same in the guest of',
    '`npm run test:vm`, for what needs a kernel with AppArmor, or the controllers of cgroup v1.',
    ...Object.entries(VIEWS).flatMap(([view, title]) => {
      const runs = recorded[view];
      return runs ? ['', `## ${view}: ${title}`, '', ...table(runs)] : [];
    }),
    '',
    '## Against the specification',
    '',
    ...list(CONTRADICTIONS),
    '',
    '## Out of reach',
    '',
    'In the v2 view, `linux_cgroups_*`, `delete_resources` and `delete_only_create_resources` as well: they want the',
    'controllers, or the paths, of cgroup v1.',
    '',
    ...list(UNREACHABLE),
    '',
  ].join('\n');
}

const words = process.argv.slice(2);
const record = words[0] === '--record';
const [results = '', ...views] = record ? words.slice(1) : words;
const recorded: Recorded = readRecorded();
let status = 0;
let [ok, failed, others] = [0, 0, 0];
for (const view of views) {
  const runs = { ...recorded[view] };
  for (const runtime of RUNTIMES) {
    const run = readRun(join(results, `${view}-${runtime}`));
    if (run) runs[runtime] = run;
  }
  recorded[view] = runs;
  process.stdout.write(`${view}: ${VIEWS[view] ?? view}\n${table(runs).join('\n')}\n\n`);
  if (!runs.tsrun) status = 1;
  for (const program of behind(runs, record ? 'beside' : 'recorded')) {
    process.stdout.write(`FAILED: conformance, ${view}: tsrun fails ${program}, which a peer passes\n`);
    status = 1;
    failed++;
  }
  const reached = passed(runs.tsrun);
  ok += reached;
  others += Object.keys(runs.tsrun?.programs ?? {}).length - reached;
}
if (record) {
  writeFileSync(recordedFile, `${JSON.stringify(recorded, null, 2)}\n`);
  writeFileSync(documentFile, documentOf(recorded));
}
// What no runtime passes, or the specification speaks against, is no failure.
process.stdout.write(`${ok} passed, ${failed} failed, ${others - failed} skipped\n`);
process.exitCode = status;
