/** The help texts, made from the tables of the command line; only built when somebody asks. */

import type { ArgSpec, CommandSpec, FlagSpec } from './kinds.ts';
import { actionFlags, type CommandName, commands, globalFlags } from './spec.ts';

const lineWidth = 80;
const commandTable: Readonly<Record<string, CommandSpec>> = commands;

/** `text` in lines of at most `width`, broken at blanks. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}

/** Two columns, the second one wrapped; `rows` is not empty. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const indent = Math.max(...rows.map(([left]) => left.length)) + 4;
  return rows
    .map(([left, right]) => {
      const lines = wrap(right, Math.max(20, lineWidth - indent));
      return `  ${left.padEnd(indent - 2)}${lines.join(`\n${' '.repeat(indent)}`)}\n`;
    })
    .join('');
}

function flagRow(flag: FlagSpec): [string, string] {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  const value = flag.kind === 'switch' ? '' : ` ${flag.value}`;
  const notes: string[] = [];
  if (flag.kind === 'choice') notes.push(flag.choices.join(', '));
  if (flag.kind === 'list') notes.push('can be repeated');
  if (flag.kind === 'duration') notes.push(`default: ${flag.default / 1000}s`);
  else if ('default' in flag && flag.default !== undefined) notes.push(`default: ${flag.default}`);
  if (flag.refused !== undefined) notes.push(`refused: ${flag.refused}`);
  return [`${short}--${flag.name}${value}`, notes.length === 0 ? flag.help : `${flag.help} (${notes.join('; ')})`];
}

function argWord(arg: ArgSpec): string {
  return arg.optional === undefined ? arg.value : `[${arg.value}]`;
}

/** How to call one command, without the program's name: `kill [flags] ID [SIGNAL]`. */
function usageOf(name: CommandName): string {
  const spec: CommandSpec = commands[name];
  return [name, '[flags]', ...Object.values(spec.args).map(argWord)].join(' ');
}

function globalHelp(): string {
  const commandRows = Object.entries(commandTable).map(([name, spec]): [string, string] => [name, spec.summary]);
  return `tsrun - an OCI container runtime

Usage:
  tsrun [global flags] COMMAND [flags] [arguments]

Commands:
${columns(commandRows)}
Global flags:
${columns([...Object.values(globalFlags), ...Object.values(actionFlags)].map(flagRow))}
tsrun COMMAND --help tells more about one command.
`;
}

function commandHelp(name: CommandName): string {
  const spec: CommandSpec = commands[name];
  const args = Object.values(spec.args).map((arg): [string, string] => [arg.value, arg.help]);
  const flags = [...Object.values(spec.flags), actionFlags.help].map((flag) =>
    flagRow(flag === actionFlags.help ? { ...actionFlags.help, help: 'print this help' } : flag),
  );
  const details = spec.details === undefined ? '' : `\n${wrap(spec.details, lineWidth).join('\n')}\n`;
  return `tsrun ${name} - ${spec.summary}

Usage:
  tsrun [global flags] ${usageOf(name)}
${details}${args.length === 0 ? '' : `\nArguments:\n${columns(args)}`}
Flags:
${columns(flags)}`;
}

/** The text of `--help`, of one command where `topic` names it. Ends with a newline. */
export function helpText(topic: CommandName | undefined): string {
  return topic === undefined ? globalHelp() : commandHelp(topic);
}
