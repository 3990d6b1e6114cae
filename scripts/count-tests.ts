/**
 * Adds up vitest's JSON reports: a line `FAILED: …` for each test that failed, a line `UNSTEADY: …` for each that passed only
 * when it was tried again, and `N passed, N failed, N skipped` as the last line.
 *
 * usage: bun scripts/count-tests.ts REPORT...
 *
 * A report that is missing or cut off counts as one failure: a suite that crashed is not a suite without failures.
 * The exit status is 1 where anything failed.
 */
import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';

interface TestResult {
  status: string;
  fullName: string;
  failureMessages?: string[];
}
interface FileResult {
  name: string;
  status: string;
  message?: string;
  assertionResults: TestResult[];
}
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: FileResult[];
}

/** vitest says of a test that took too long only where it was made. */
const firstLine = (text: string | undefined): string =>
  text?.split('\n', 1)[0]?.replace(/^Error: STACK_TRACE_ERROR$/, 'it took too long') ?? '';

/** A line for each test of a file. */
function told({ name }: FileResult, tests: readonly TestResult[]): string[] {
  const file = relative(process.cwd(), name);
  return tests.map(({ fullName, failureMessages }) => `${file}: ${fullName}: ${firstLine(failureMessages?.[0])}`);
}

/** A file that cannot be loaded has no tests that could fail. */
const isUnloaded = ({ status, assertionResults }: FileResult): boolean =>
  status === 'failed' && assertionResults.length === 0;

/** What failed of a file, a line each. */
function failures(file: FileResult): string[] {
  if (isUnloaded(file)) return [`${relative(process.cwd(), file.name)}: ${firstLine(file.message)}`];
  return told(
    file,
    file.assertionResults.filter(({ status }) => status === 'failed'),
  );
}

/** What passed only when it was tried again. */
function unsteady(file: FileResult): string[] {
  return told(
    file,
    file.assertionResults.filter(({ status, failureMessages }) => status === 'passed' && failureMessages?.length),
  );
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    total.failed += report.testResults.filter(isUnloaded).length;
    const suite = basename(path, '.json');
    for (const line of report.testResults.flatMap(failures)) process.stdout.write(`FAILED: ${suite}: ${line}\n`);
    for (const line of report.testResults.flatMap(unsteady)) process.stdout.write(`UNSTEADY: ${suite}: ${line}\n`);
    if (report.testResults.length === 0) throw new Error('no test file ran');
  } catch (error) {
    process.stdout.write(`FAILED: ${path}: ${String(error)}\n`);
    total.failed++;
  }
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
