/**
 * Writes the tarball that unpacking is measured with: 200 MB in 20,000 files of all sizes, in 800 directories.
 *
 *   bun test/bench/tarball.ts FILE
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { end, entry } from '../e2e/harness/archive.ts';

const FILES = 20_000;
const BYTES = 200e6;
const DIRECTORIES = 800;

/** The same numbers from 0 to 1 at each run, in no order. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

const random = numbers();
const noise = Buffer.from(Array.from({ length: 2 ** 20 }, () => Math.floor(random.next().value * 256)));
// Most files are small, and some are large, as in a root file system.
const weights = Array.from({ length: FILES }, () => random.next().value ** 4 + 0.01);
const total = weights.reduce((sum, weight) => sum + weight, 0);
const out = openSync(process.argv[2] ?? '', 'w');
const directory = (index: number): string => `usr/d${index % 40}/s${Math.floor(index / 40)}`;
for (let i = 0; i < DIRECTORIES; i++) writeSync(out, entry({ name: `${directory(i)}/`, type: '5' }));
weights.forEach((weight, i) => {
  const content = noise.subarray(i, i + Math.floor((weight / total) * BYTES));
  const name = `${directory(Math.floor((i * DIRECTORIES) / FILES))}/file${i}`;
  writeSync(out, entry({ name, content, mtime: 1_600_000_000 + i }));
});
writeSync(out, end);
closeSync(out);
