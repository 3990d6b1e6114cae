/** `test` with a {@link Lab} of its own, cleaned and checked after each test. */
import { test as base, expect } from 'vitest';
import { Lab } from './lab.ts';

export const test = base.extend<{ lab: Lab }>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures' names from the pattern
  lab: async ({}, use) => {
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
