/** The tests of test/vm/tests: one boot for each suite. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BootOptions, type Ending, type Kind, run } from './machine.ts';
import { harness, type Parts, repository } from './requirements.ts';

/** A directory of tests/, and the kind of boot that it needs; guest/tests.sh says who calls the runtime there. */
interface Suite {
  name: string;
  kind: Kind;
}

const suites: readonly Suite[] = [
  { name: 'plain', kind: 'plain' },
  // It takes controllers away from cgroup v2, for good.
  { name: 'conformance', kind: 'plain' },
  { name: 'rootless', kind: 'plain' },
  { name: 'systemd', kind: 'systemd' },
  { name: 'engines', kind: 'systemd' },
  { name: 'user', kind: 'systemd' },
];

/** The test files of a suite whose names contain one of the filters (all, where there is no filter). */
function filesOf({ name: suite }: Suite, filters: readonly string[]): string[] {
  return readdirSync(join(harness, 'tests', suite))
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => filters.length === 0 || filters.some((filter) => `${suite}/${name}`.includes(filter)));
}

/** Runs the suites one after the other and prints the counts as the last line; 0 where nothing failed. */
export async function runSuites(
  parts: Parts,
  kinds: readonly Kind[],
  filters: readonly string[],
  common: Pick<BootOptions, 'env' | 'timeout' | 'silence' | 'console'>,
  report: (ending: Ending) => void,
): Promise<number> {
  const reports = mkdtempSync(join(tmpdir(), 'tsrun-vm-reports-'));
  process.on('exit', () => rmSync(reports, { recursive: true, force: true }));
  let status = 0;
  const counted: string[] = [];
  for (const suite of suites) {
    const files = kinds.includes(suite.kind) ? filesOf(suite, filters) : [];
    if (files.length === 0) continue;
    const target = join(reports, `${suite.name}.json`);
    counted.push(target);
    process.stdout.write(`== vm: ${suite.name}\n`);
    const options: BootOptions = {
      ...common,
      kind: suite.kind,
      command: [
        ...['sh', join(harness, 'guest/tests.sh'), suite.name],
        ...files.map((name) => join('tests', suite.name, name)),
      ],
      cwd: repository,
      // A guest that hangs leaves no report: count-tests takes a missing one for a failure.
      collect: (exchange) => {
        const made = join(exchange, 'report.json');
        if (existsSync(made)) copyFileSync(made, target);
      },
    };
    if ((await run(parts, options, report)) !== 0) status = 1;
  }
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
