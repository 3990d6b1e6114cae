/**
 * Copies an executable so that the kernel can map its code in huge pages (elf-layout.ts).
 *
 * usage: bun scripts/align-engine.ts SOURCE TARGET
 */
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { aligned, HUGE_PAGE } from './elf-layout.ts';

const [source = '', target = ''] = process.argv.slice(2);
const bytes = aligned(readFileSync(source));
const temporary = `${target}.new`;
const file = openSync(temporary, 'w', 0o755);
// The page cache has a file in pieces as large as those in which it was written.
for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(2 * HUGE_PAGE, bytes.length - at));
closeSync(file);
renameSync(temporary, target);
