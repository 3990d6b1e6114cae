/**
 * Adds up vitest's JSON reports and prints `N passed, N failed, N skipped` as its only line.
 *
 * usage: bun scripts/count-tests.ts REPORT...
 *
 * A report that is missing or cut off counts as one failure: a suite that crashed is not a suite without failures.
 * The exit status is 1 where anything failed.
 */
import { readFileSync } from 'node:fs';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: unknown[] }[];
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const path of process.argv.slice(2)) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests + report.numTodoTests;
    // A file that cannot be loaded has no tests that could fail.
    total.failed += report.testResults.filter(
      (file) => file.status === 'failed' && !file.assertionResults.length,
    ).length;
    if (report.testResults.length === 0) throw new Error('no test file ran');
  } catch (error) {
    process.stderr.write(`${path}: ${String(error)}\n`);
    total.failed++;
  }
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
