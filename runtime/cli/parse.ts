/**
 * From the words of the command line to a {@link Request}, or a {@link UsageError}: pure, in one pass, each word looked
 * at once. Global flags stand before the command; flags of the command may stand before or after its arguments.
 */

import { parseSignal } from '../../spec/signals.ts';
import { quote } from '../text.ts';
import { type GlobalOptions, globalOptions, tentativeGlobalOptions } from './global.ts';
import { checkContainerId } from './id.ts';
import type { ArgSpec, ArgSpecs, CommandSpec, FlagSpec, FlagSpecs, ListItems, Values } from './kinds.ts';
import { type CgroupFlag, capability, cgroup, id, type UserFlag, user, variable } from './process-values.ts';
import { checkRules } from './rules.ts';
import { actionFlags, type CommandName, commands, type GlobalValues, globalFlags, refusedCommands } from './spec.ts';
import { nearest, UsageError } from './usage.ts';
import { duration, integer, size } from './values.ts';

type Flat<T> = { [Key in keyof T]: T[Key] };

/** A command with everything it was told. */
export type CommandRequest = {
  [Name in CommandName]: Flat<
    { command: Name; global: GlobalOptions } & Values<(typeof commands)[Name]['flags']> &
      Values<(typeof commands)[Name]['args']>
  >;
}[CommandName];

/** What the command line asks for. */
export type Request =
  | CommandRequest
  | { command: 'version'; global: GlobalOptions }
  | { command: 'help'; global: GlobalOptions; topic: CommandName | undefined };

/** The request of one command. */
export type RequestOf<Name extends CommandName> = Extract<CommandRequest, { command: Name }>;

/** Values by key, before they are known to be those of a table. */
type Found = Record<string, Value | readonly Value[] | undefined>;
type Value = string | number | bigint | boolean | UserFlag | CgroupFlag;

/** The words, and how far they are read. */
interface Words {
  list: readonly string[];
  next: number;
}

/** A word that is a flag, taken apart. */
interface Typed {
  readonly word: string;
  readonly name: string;
  readonly long: boolean;
  /** What stands after `=`. */
  readonly value: string | undefined;
}

// The kernel takes no path of more bytes than this (PATH_MAX less the final zero byte).
const maxPath = 4095;

function takeApart(word: string): Typed {
  const start = word.startsWith('--') ? 2 : 1;
  const equals = word.indexOf('=', start);
  const name = equals < 0 ? word.slice(start) : word.slice(start, equals);
  // "-no-subreaper" is how some callers write long flags; one letter after two dashes is nobody's.
  return { word, name, long: start === 2 || name.length > 1, value: equals < 0 ? undefined : word.slice(equals + 1) };
}

function findFlag(flags: FlagSpecs, { name, long }: Typed): string | undefined {
  for (const key in flags) {
    const flag = flags[key];
    if (flag !== undefined && (long ? flag.name === name : flag.short === name)) return key;
  }
  return undefined;
}

/**
 * `-td` as `-t -d`, where each letter is a switch, and the last one perhaps a flag with a value; undefined for anything else.
 */
function separate(flags: FlagSpecs, { word, name, value }: Typed): string[] | undefined {
  if (word.startsWith('--') || name.length < 2 || value !== undefined) return undefined;
  const letters = [...name];
  for (const [index, letter] of letters.entries()) {
    const key = findFlag(flags, { word, name: letter, long: false, value: undefined });
    const flag = key === undefined ? undefined : flags[key];
    if (flag === undefined || (flag.kind !== 'switch' && index < letters.length - 1)) return undefined;
  }
  return letters.map((letter) => `-${letter}`);
}

function shown(flag: FlagSpec): string {
  return flag.kind === 'switch' ? `--${flag.name}` : `--${flag.name} ${flag.value}`;
}

function switchValue(flag: FlagSpec, { value }: Typed): boolean {
  if (value === undefined || value === 'true') return true;
  if (value === 'false') return false;
  throw new UsageError(`--${flag.name}: neither true nor false: got ${quote(value)}`);
}

/** The value that belongs to a flag which takes one: after `=`, or the next word. */
function valueText(flag: FlagSpec, typed: Typed, flags: FlagSpecs, words: Words): string {
  if (typed.value !== undefined) return typed.value;
  const next = words.list[words.next];
  if (next === undefined) throw new UsageError(`flag needs an argument: ${shown(flag)}`);
  // A caller who left the value out gets told so, instead of a bundle named "--pid-file".
  if (next.startsWith('--') && findFlag(flags, takeApart(next)) !== undefined) {
    throw new UsageError(`flag needs an argument: ${shown(flag)}: got ${quote(next)}`);
  }
  words.next++;
  return next;
}

/** A text that can be written to a file or be its name. */
function plainText(text: string, what: string): string {
  if (text === '') throw new UsageError(`${what}: must not be empty`);
  if (text.length > maxPath) throw new UsageError(`${what}: longer than ${maxPath} bytes: got ${quote(text)}`);
  if (text.includes('\0')) throw new UsageError(`${what}: contains a NUL byte: got ${quote(text)}`);
  // An argument that is not UTF-8 reaches us with this character in it, and would name another file.
  if (text.includes('\ufffd')) throw new UsageError(`${what}: not valid UTF-8: got ${quote(text)}`);
  return text;
}

function count(text: string, max: number, what: string): number {
  const number = /^(?:0|[1-9][0-9]{0,8})$/.test(text) ? Number(text) : -1;
  if (number >= 0 && number <= max) return number;
  throw new UsageError(`${what}: not a decimal number from 0 to ${max}: got ${quote(text)}`);
}

function choice(text: string, choices: readonly string[], what: string): string {
  if (choices.includes(text)) return text;
  const meant = nearest(text, choices);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new UsageError(`${what}: not one of ${choices.join(', ')}: got ${quote(text)}${hint}`);
}

function signal(text: string, what: string): number {
  const number = parseSignal(text);
  if (number !== undefined) return number;
  throw new UsageError(`${what}: unknown signal: got ${quote(text)}; give a name as in KILL or SIGKILL, or 0 to 64`);
}

function listItem(of: keyof ListItems, text: string, what: string): Value {
  switch (of) {
    case 'variable':
      return variable(text, what);
    case 'capability':
      return capability(text, what);
    case 'id':
      return id(text, what);
    case 'cgroup':
      return cgroup(plainText(text, what), what);
  }
}

function flagValue(flag: FlagSpec, typed: Typed, flags: FlagSpecs, words: Words): Value {
  const what = `--${flag.name}`;
  if (flag.refused !== undefined) throw new UsageError(`${what}: ${flag.refused}`, 'unsupported');
  if (flag.kind === 'switch') return switchValue(flag, typed);
  const text = valueText(flag, typed, flags, words);
  switch (flag.kind) {
    case 'path':
    case 'text':
    case 'texts':
      return plainText(text, what);
    case 'integer':
      return integer(text, flag.min, flag.max, what);
    case 'size':
      return size(text, what);
    case 'duration':
      return duration(text, what);
    case 'count':
      return count(text, flag.max, what);
    case 'choice':
      return choice(text, flag.choices, what);
    case 'signal':
      return signal(text, what);
    case 'user':
      return user(text, what);
    case 'list':
      return listItem(flag.of, text, what);
  }
}

function isRepeated({ kind }: FlagSpec): boolean {
  return kind === 'list' || kind === 'texts';
}

/** Keeps the value of a flag: the last one where it is given twice, or all. */
function keep(found: Found, key: string, flag: FlagSpec, value: Value): void {
  const before = found[key];
  if (isRepeated(flag) && Array.isArray(before)) before.push(value);
  else found[key] = value;
}

function argValue(spec: Exclude<ArgSpec, { kind: 'rest' }>, text: string): string | number {
  switch (spec.kind) {
    case 'id':
      return checkContainerId(text);
    case 'path':
    case 'text':
      return plainText(text, spec.value);
    case 'signal':
      return signal(text, spec.value);
    case 'choice': {
      if (spec.choices.includes(text)) return text;
      const meant = nearest(text, spec.choices);
      throw new UsageError(
        `${spec.value}: got ${quote(text)}; ${meant === undefined ? `use one of ${spec.choices.join(', ')}` : `did you mean ${meant}?`}`,
      );
    }
  }
}

function defaultOf(flag: FlagSpec): Value | readonly Value[] | undefined {
  if (flag.kind === 'switch') return false;
  if (isRepeated(flag)) return [];
  return 'default' in flag ? flag.default : undefined;
}

function flagDefaults(flags: FlagSpecs, found: Found): void {
  for (const key in flags) {
    const flag = flags[key];
    if (flag === undefined || flag.refused !== undefined) continue;
    found[key] = defaultOf(flag);
  }
}

/** Gives the positional words to the arguments of a command, in order. */
function takeArgs(args: ArgSpecs, given: readonly string[], found: Found): void {
  let taken = 0;
  for (const key in args) {
    const spec = args[key];
    if (spec === undefined) continue;
    if (spec.kind === 'rest') {
      found[key] = given.slice(taken);
      return;
    }
    const text = given[taken];
    if (text === undefined) {
      if (spec.optional === undefined) throw new UsageError(`missing argument: ${spec.value}, ${spec.help}`);
      found[key] ??= 'default' in spec ? spec.default : undefined;
      continue;
    }
    taken++;
    if (found[key] !== undefined)
      throw new UsageError(`${spec.value} is given twice: as a flag, and as ${quote(text)}`);
    found[key] = argValue(spec, text);
  }
  const extra = given[taken];
  if (extra !== undefined) throw new UsageError(`too many arguments: ${quote(extra)} is one more than ${taken}`);
}

function namesOf(flags: FlagSpecs): string[] {
  return Object.values(flags).map((flag) => flag.name);
}

function commandsWithFlag(typed: Typed): string[] {
  return Object.entries(commands as Readonly<Record<string, CommandSpec>>)
    .filter(([, spec]) => findFlag(spec.flags, typed) !== undefined)
    .map(([name]) => name);
}

function dashed({ word, value }: Typed): string {
  return quote(value === undefined ? word : word.slice(0, -value.length - 1));
}

function unknownGlobalFlag(typed: Typed): UsageError {
  const what = `unknown flag: got ${dashed(typed)}`;
  const owners = commandsWithFlag(typed);
  if (owners.length > 0) return new UsageError(`${what}; it is a flag of ${owners.join(', ')} and follows that word`);
  const meant = nearest(typed.name, [...namesOf(globalFlags), ...namesOf(actionFlags)]);
  return new UsageError(meant === undefined ? `${what}; see tsrun --help` : `${what}; did you mean --${meant}?`);
}

function unknownFlag(name: string, flags: FlagSpecs, typed: Typed): UsageError {
  const what = `unknown flag: got ${dashed(typed)}`;
  if (findFlag(globalFlags, typed) !== undefined) {
    return new UsageError(`${what}; it is a global flag and stands before ${name}`);
  }
  if (name === 'kill' && parseSignal(typed.name) !== undefined) {
    return new UsageError(`${what}; the signal stands after the id: tsrun kill ID ${typed.name}`);
  }
  const meant = nearest(typed.name, namesOf(flags));
  return new UsageError(
    meant === undefined ? `${what}; see tsrun ${name} --help` : `${what}; did you mean --${meant}?`,
  );
}

function isCommand(name: string): name is CommandName {
  for (const known in commands) if (known === name) return true;
  return false;
}

function unknownCommand(name: string): UsageError {
  if (refusedCommands.includes(name)) {
    return new UsageError(`${name}: this version of tsrun has no such command yet`, 'unsupported');
  }
  const meant = nearest(name, Object.keys(commands));
  const hint = meant === undefined ? 'see tsrun --help' : `did you mean ${meant}?`;
  return new UsageError(`unknown command: got ${quote(name)}; ${hint}`);
}

function helpTopic(words: Words): CommandName | undefined {
  const name = words.list[words.next];
  if (name === undefined) return undefined;
  if (!isCommand(name)) throw unknownCommand(name);
  const extra = words.list[words.next + 1];
  if (extra !== undefined) throw new UsageError(`help: too many arguments: ${quote(extra)} is one more than 1`);
  return name;
}

/** Reads the flags before the command; the answer says whether one of them is a request of its own. */
function readGlobalFlags(words: Words, found: Found): 'version' | 'help' | undefined {
  for (;;) {
    const word = words.list[words.next];
    if (word === undefined || !word.startsWith('-') || word === '-') return undefined;
    words.next++;
    if (word === '--') return undefined;
    const typed = takeApart(word);
    const key = findFlag(globalFlags, typed);
    if (key !== undefined) {
      found[key] = flagValue(globalFlags[key as keyof typeof globalFlags], typed, globalFlags, words);
      continue;
    }
    const action = findFlag(actionFlags, typed);
    if (action === undefined) throw unknownGlobalFlag(typed);
    if (switchValue(actionFlags[action as 'version' | 'help'], typed)) return action as 'version' | 'help';
  }
}

/** Where the words of another program begin, which are not looked at. */
interface Foreign {
  /** How many arguments are ours. */
  readonly after: number;
  /** Whether our flags may follow those. */
  readonly afterFlags: boolean;
}

/** Whether `word`, which follows `given` arguments, is one of another program. */
function begins({ after, afterFlags }: Foreign, given: number, word: string): boolean {
  return given > after || (given === after && !(afterFlags && word.startsWith('-') && word !== '-'));
}

function foreignWords(args: ArgSpecs): Foreign | undefined {
  let after = 0;
  for (const key in args) {
    const spec = args[key];
    if (spec?.kind === 'rest') return { after, afterFlags: spec.afterFlags === true };
    after++;
  }
  return undefined;
}

/** Reads the words after the command into `found`; true where they ask for its help. */
function readCommand(name: CommandName, words: Words, found: Found): boolean {
  const { flags, args }: CommandSpec = commands[name];
  flagDefaults(flags, found);
  const given: string[] = [];
  const foreign = foreignWords(args);
  for (;;) {
    const word = words.list[words.next];
    if (word === undefined) break;
    if (foreign !== undefined && begins(foreign, given.length, word)) {
      given.push(...words.list.slice(words.next));
      break;
    }
    words.next++;
    if (word === '--') {
      given.push(...words.list.slice(words.next));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      given.push(word);
      continue;
    }
    const typed = takeApart(word);
    const key = findFlag(flags, typed);
    const flag = key === undefined ? undefined : flags[key];
    if (key !== undefined && flag !== undefined) {
      keep(found, key, flag, flagValue(flag, typed, flags, words));
      continue;
    }
    const separated = separate(flags, typed);
    if (separated !== undefined) {
      words.list = [...separated, ...words.list.slice(words.next)];
      words.next = 0;
      continue;
    }
    if (typed.name !== (typed.long ? actionFlags.help.name : actionFlags.help.short)) {
      throw unknownFlag(name, flags, typed);
    }
    if (switchValue(actionFlags.help, typed)) return true;
  }
  takeArgs(args, given, found);
  return false;
}

/** The exit status of a command that fails. */
export function failureStatus(name: CommandName): number {
  const spec: CommandSpec = commands[name];
  return spec.failureStatus ?? 1;
}

function parseCommand(name: CommandName, words: Words, global: GlobalOptions): Request {
  try {
    const found: Found = {};
    if (readCommand(name, words, found)) return { command: 'help', global, topic: name };
    // The tables make this type, and the tables were followed to find the values.
    const request = { command: name, global, ...found } as unknown as CommandRequest;
    checkRules(request);
    return request;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${name}: ${error.message}`, error.code, failureStatus(name));
  }
}

function parseWords(words: Words, globals: Found): Request {
  const action = readGlobalFlags(words, globals);
  const global = globalOptions(globals as GlobalValues);
  if (action === 'version') return { command: 'version', global };
  if (action === 'help') return { command: 'help', global, topic: undefined };
  const name = words.list[words.next];
  if (name === undefined) throw new UsageError('no command given; see tsrun --help');
  words.next++;
  if (name === 'help') return { command: 'help', global, topic: helpTopic(words) };
  if (!isCommand(name)) throw unknownCommand(name);
  return parseCommand(name, words, global);
}

/**
 * What `words`, the command line without the program's name, asks for. Paths are left as given, but are not empty and
 * hold no NUL.
 *
 * @throws {UsageError} with `global` set as far as it goes, so that the error can be logged where the caller looks.
 */
export function parse(words: readonly string[]): Request {
  const globals: Found = {};
  flagDefaults(globalFlags, globals);
  try {
    return parseWords({ list: words, next: 0 }, globals);
  } catch (error) {
    if (error instanceof UsageError) error.global = tentativeGlobalOptions(globals as GlobalValues);
    throw error;
  }
}
