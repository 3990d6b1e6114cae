/**
 * Writes the manual page and the completions, made from the tables of the command line.
 *
 * usage: bun scripts/generate-manual.ts DIRECTORY VERSION
 *
 * The files lie in DIRECTORY as they do below a prefix's share/.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bashCompletion, fishCompletion, zshCompletion } from './manual/completions.ts';
import { manualPage } from './manual/man.ts';

const [directory = '', version = ''] = process.argv.slice(2);
const files: Readonly<Record<string, string>> = {
  'man/man8/tsrun.8': manualPage(version),
  'bash-completion/completions/tsrun': bashCompletion(),
  'zsh/site-functions/_tsrun': zshCompletion(),
  'fish/vendor_completions.d/tsrun.fish': fishCompletion(),
};
for (const [name, text] of Object.entries(files)) {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
