/** What every refusal of bad input has in common. */
import type { Result } from './runtime.ts';
import { expect } from './test.ts';

/** The one line on standard error, and nothing else: fit for a terminal, a log and engines that read 8191 bytes. */
export function theLine(result: Result, code = 1): string {
  expect([result.code, result.stdout]).toEqual([code, '']);
  expect(result.stderr).toMatch(/^tsrun: [^\n]+\n$/);
  expect(result.stderr.trimEnd()).not.toMatch(/[\x00-\x1f\x7f\u202e]/);
  expect(result.stderr).not.toMatch(/\bat .+:\d+:\d+\)?$/m);
  expect(Buffer.byteLength(result.stderr)).toBeLessThan(8191);
  return result.stderr.trimEnd();
}

export const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
