/** The command line in the shape that the manual and the completions want: lists, with what is refused left out. */
import type { ArgSpec, CommandSpec, FlagSpec, FlagSpecs } from '../../runtime/cli/kinds.ts';
import { actionFlags, commands, globalFlags } from '../../runtime/cli/spec.ts';

export interface Flag {
  /** Long name with its dashes. */
  readonly long: string;
  /** One letter with its dash. */
  readonly short: string | undefined;
  /** What stands for the value; undefined for a switch. */
  readonly value: string | undefined;
  /** The words that it takes, where there are only a few. */
  readonly choices: readonly string[];
  readonly isPath: boolean;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly details: string | undefined;
  readonly flags: readonly Flag[];
  readonly args: readonly ArgSpec[];
}

function flagOf(flag: FlagSpec): Flag {
  return {
    long: `--${flag.name}`,
    short: flag.short === undefined ? undefined : `-${flag.short}`,
    value: flag.kind === 'switch' ? undefined : flag.value,
    choices: flag.kind === 'choice' ? flag.choices : [],
    isPath: flag.kind === 'path',
    help: flag.help,
  };
}

function flagsOf(flags: FlagSpecs): Flag[] {
  return Object.values(flags)
    .filter((flag) => flag.refused === undefined)
    .map(flagOf);
}

const helpFlag: Flag = { ...flagOf(actionFlags.help), help: 'print this help' };

/** Flags before the command. */
export const globals: readonly Flag[] = [...flagsOf(globalFlags), ...flagsOf(actionFlags)];

/** The commands, in the order of the help text. */
export const table: readonly Command[] = Object.entries(commands as Readonly<Record<string, CommandSpec>>).map(
  ([name, { summary, details, flags, args }]) => ({
    name,
    summary,
    details,
    flags: [...flagsOf(flags), helpFlag],
    args: Object.values(args),
  }),
);

/** `[ID]`, `ID`. */
export function argWord(arg: ArgSpec): string {
  return arg.optional === undefined ? arg.value : `[${arg.value}]`;
}

/** Whether the first argument of a command is the name of a container that exists. */
export function takesContainer({ name, args }: Command): boolean {
  return args[0]?.kind === 'id' && name !== 'create' && name !== 'run';
}
