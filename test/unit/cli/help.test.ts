import { describe, expect, test } from 'vitest';
import { helpText } from '../../../runtime/cli/help.ts';
import type { CommandSpec } from '../../../runtime/cli/kinds.ts';
import { type CommandName, commands, globalFlags } from '../../../runtime/cli/spec.ts';
import { nearest } from '../../../runtime/cli/usage.ts';
import { versionText } from '../../../runtime/version.ts';

const names = Object.keys(commands) as CommandName[];

describe('help', () => {
  test('names every command and every global flag', () => {
    const text = helpText(undefined);
    for (const name of names) expect(text).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
    for (const flag of Object.values(globalFlags)) expect(text).toContain(`--${flag.name}`);
  });

  test.each(names)('%s: names its flags and arguments', (name) => {
    const spec: CommandSpec = commands[name];
    const text = helpText(name);
    expect(text.startsWith(`tsrun ${name} - ${spec.summary}\n`)).toBe(true);
    for (const flag of Object.values(spec.flags)) expect(text).toContain(`--${flag.name}`);
    for (const arg of Object.values(spec.args)) expect(text).toContain(`  ${arg.value} `);
  });

  test.each([undefined, ...names])('%s: fits on a terminal and ends its last line', (topic) => {
    const text = helpText(topic);
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(text).not.toMatch(/ \n|undefined/);
  });

  test('shows what a flag accepts and what it is without being given', () => {
    expect(helpText('list')).toMatch(/-f, --format FORMAT +how to print them \(table, json; default:\s+table\)/);
    expect(helpText('kill')).toContain('tsrun [global flags] kill [flags] ID [SIGNAL]');
  });
});

describe('the tables', () => {
  test.each([['', globalFlags] as const, ...names.map((name) => [name, commands[name].flags] as const)])(
    '%s: no name stands for two flags, and none for the actions',
    (_, flags) => {
      const taken = Object.values(flags).flatMap((flag) => ('short' in flag ? [flag.name, flag.short] : [flag.name]));
      expect(new Set([...taken, 'help', 'h', 'version', 'v']).size).toBe(taken.length + 4);
    },
  );
});

describe('near misses', () => {
  const known = ['create', 'start', 'state', 'bundle', 'pid-file'];
  test.each([
    ['creat', 'create'],
    ['craete', 'create'],
    ['Create', 'create'],
    ['stat', 'state'],
    ['strat', 'start'],
    ['pidfile', 'pid-file'],
    ['bun', 'bundle'],
    ['bu', undefined],
    ['x', undefined],
    ['', undefined],
    ['completely-else', undefined],
    ['create'.repeat(100), undefined],
  ])('%s: %s', (typed, expected) => {
    expect(nearest(typed, known)).toBe(expected);
  });
});

test('--version: one line alone has the word that callers look for', () => {
  const lines = versionText().split('\n');
  expect(lines[0]).toMatch(/^tsrun version \S+$/);
  expect(lines[1]).toMatch(/^commit: \S+$/);
  expect(lines[2]).toBe('spec: 1.3.0');
  expect(lines.filter((line) => line.includes('version'))).toHaveLength(1);
});
