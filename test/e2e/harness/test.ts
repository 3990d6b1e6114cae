/** `test` with a {@link Lab} of its own, cleaned and checked after each test. */
import { basename } from 'node:path';
import { test as base, expect, type RunnerTestSuite } from 'vitest';
import { Lab } from './lab.ts';
import { caller } from './places.ts';
import { reasonToSkip } from './rootless-skips.ts';

/** The name of a test behind those of the suites that it is in. */
function nameOf({ name, suite }: { name: string; suite?: RunnerTestSuite | undefined }): string {
  return suite === undefined || suite.name === '' ? name : `${nameOf(suite)} ${name}`;
}

export const test = base.extend<{ lab: Lab }>({
  lab: async ({ task, skip }, use) => {
    const reason = caller === undefined ? undefined : reasonToSkip(basename(task.file.name), nameOf(task));
    if (reason !== undefined) skip(reason);
    const lab = new Lab();
    try {
      await use(lab);
    } finally {
      const complaints = await lab.close();
      expect(complaints, 'left behind after delete --force').toEqual([]);
    }
  },
});

export { describe, expect } from 'vitest';
