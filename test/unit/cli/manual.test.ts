/** The manual page and the completions name every command and flag, and nothing that is refused. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bashCompletion, fishCompletion, zshCompletion } from '../../../scripts/manual/completions.ts';
import { manualPage } from '../../../scripts/manual/man.ts';
import { globals, table } from '../../../scripts/manual/table.ts';

const plainManual = manualPage('1.2.3')
  .replaceAll('\\-', '-')
  .replaceAll(/\\f[BIR]/g, '');

test('the table has the commands and their flags', () => {
  const run = table.find(({ name }) => name === 'run');
  expect(run?.flags.map(({ long }) => long)).toEqual(expect.arrayContaining(['--bundle', '--detach', '--help']));
  expect(globals.map(({ long }) => long)).toEqual(expect.arrayContaining(['--root', '--log', '--version']));
});

describe.each(table)('$name', ({ name, flags }) => {
  test('in the manual page', () => {
    expect(plainManual).toContain(`.SS ${name}\ntsrun ${name} [flags]`);
    for (const { long, help } of flags)
      if (long !== '--help')
        expect(plainManual).toMatch(new RegExp(`${long}( \\S+)?\\n${help.slice(0, 20).replace(/[^\w ]/g, '.')}`));
  });

  test('in the completions', () => {
    expect(bashCompletion()).toContain(`\n    ${name})\n`);
    expect(zshCompletion()).toContain(`\n        ${name}) _arguments`);
    expect(fishCompletion()).toContain(` -a ${name} -d `);
    for (const { long } of flags) {
      expect(zshCompletion()).toContain(`${long}[`);
      expect(fishCompletion()).toContain(`'__fish_seen_subcommand_from ${name}' -l ${long.slice(2)} `);
    }
  });
});

test('no line of the page is taken for a command of roff by accident', () => {
  const macros = manualPage('1')
    .split('\n')
    .filter((line) => /^[.']/.test(line));
  for (const line of macros) expect(line).toMatch(/^\.(TH|SH|SS|TP|PP|B|BR|I)\b/);
});

describe('bash completes', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-completion-'));
  const script = join(directory, 'tsrun');
  writeFileSync(script, bashCompletion());

  test.each([
    [['ex'], ['exec', 'explain'].filter((name) => table.some((command) => command.name === name))],
    [['--log-f'], ['--log-format']],
    [
      ['--log-format', ''],
      ['text', 'json'],
    ],
    [['--root', '/x', 'pau'], ['pause']],
    [['list', '--form'], ['--format']],
    [['list', '--format', 'j'], ['json']],
    [['run', '--no-p'], ['--no-pivot']],
  ])('%j', (words, expected) => {
    const program = `source ${script}; compopt() { :; }; COMP_WORDS=(tsrun "$@"); COMP_CWORD=$#; _tsrun; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ended = spawnSync('bash', ['-c', program, 'bash', ...words], { encoding: 'utf8' });
    expect(ended.stderr).toBe('');
    expect(ended.stdout.trim().split('\n').sort()).toEqual([...expected].sort());
  });

  test('the directory goes', () => rmSync(directory, { recursive: true }));
});
