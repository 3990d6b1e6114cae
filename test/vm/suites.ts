/** The tests of test/vm/tests: one boot for each suite. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BootOptions, type Kind, run, type Stream } from './machine.ts';
import { Output } from './output.ts';
import { endingText } from './report.ts';
import { harness, type Parts, repository } from './requirements.ts';

/** A directory of tests/, and the kind of boot that it needs; guest/tests.sh says who calls the runtime there. */
interface Suite {
  name: string;
  kind: Kind;
}

const suites: readonly Suite[] = [
  // The longest first, so that the last ones end together.
  { name: 'engines', kind: 'systemd' },
  { name: 'rootless', kind: 'plain' },
  { name: 'plain', kind: 'plain' },
  { name: 'systemd', kind: 'systemd' },
  // It takes controllers away from cgroup v2, for good.
  { name: 'conformance', kind: 'plain' },
  { name: 'user', kind: 'systemd' },
];

/** The test files of a suite whose names contain one of the filters (all, where there is no filter). */
function filesOf({ name: suite }: Suite, filters: readonly string[]): string[] {
  return readdirSync(join(harness, 'tests', suite))
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => filters.length === 0 || filters.some((filter) => `${suite}/${name}`.includes(filter)));
}

const MEMORY_FOR_TWO_KIB = 8 * 1024 ** 2;

/** How many guests at a time: each has two processors, and uses little more than one; and 3 GiB at the most. */
function lanes(): number {
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
  return availableParallelism() >= 2 && available > MEMORY_FOR_TWO_KIB ? 2 : 1;
}

/** Runs the suites, two at a time where the machine has room, and prints the counts as the last line; 0 where nothing failed. */
export async function runSuites(
  parts: Parts,
  kinds: readonly Kind[],
  filters: readonly string[],
  common: Pick<BootOptions, 'env' | 'timeout' | 'silence' | 'console'>,
): Promise<number> {
  const reports = mkdtempSync(join(tmpdir(), 'tsrun-vm-reports-'));
  process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
  let status = 0;
  const counted: string[] = [];
  const output = new Output((stream, bytes) => void process[stream].write(bytes));
  const pending = suites
    .map((suite) => ({ suite, files: kinds.includes(suite.kind) ? filesOf(suite, filters) : [] }))
    .filter(({ files }) => files.length > 0);

  async function runOne(suite: Suite, files: readonly string[]): Promise<void> {
    const target = join(reports, `${suite.name}.json`);
    counted.push(target);
    const { write, end } = output.next();
    const say = (stream: Stream, text: string): void => write(stream, Buffer.from(text));
    say('stdout', `== vm: ${suite.name}\n`);
    const options: BootOptions = {
      ...common,
      kind: suite.kind,
      command: [
        ...['sh', join(harness, 'guest/tests.sh'), suite.name],
        ...files.map((name) => join('tests', suite.name, name)),
      ],
      cwd: repository,
      write,
      // A guest that hangs leaves no report: count-tests takes a missing one for a failure.
      collect: (exchange) => {
        const made = join(exchange, 'report.json');
        if (existsSync(made)) copyFileSync(made, target);
      },
    };
    try {
      if ((await run(parts, options, (ending) => say('stderr', endingText(ending)))) !== 0) status = 1;
    } finally {
      end();
    }
  }
  const lane = async (): Promise<void> => {
    for (let next = pending.shift(); next; next = pending.shift()) await runOne(next.suite, next.files);
  };
  // Each to its end, so that none leaves anything; then the first that failed to run.
  const ends = await Promise.allSettled(Array.from({ length: lanes() }, lane));
  for (const ended of ends) if (ended.status === 'rejected') throw ended.reason;
  if (counted.length === 0) {
    process.stderr.write('test:vm: no test file has such a name\n');
    return 2;
  }
  // Through this process, so that it comes after all that is still to be written.
  const count = spawnSync(process.execPath, [join(repository, 'scripts/count-tests.ts'), ...counted], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(count.stdout);
  return count.status === 0 ? status : 1;
}
