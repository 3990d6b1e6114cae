/** What a command line may not say although each word of it is right: a list of named checks, each one rule. */

import { quote } from '../text.ts';
import type { CommandRequest } from './parse.ts';
import { type CommandName, commands } from './spec.ts';
import { UsageError } from './usage.ts';

type Rule = (request: CommandRequest) => void;

/** In the foreground tsrun itself sits between the caller's terminal and the container's. */
const consoleSocketNeedsDetach: Rule = (request) => {
  if (
    (request.command !== 'run' && request.command !== 'exec') ||
    request.consoleSocket === undefined ||
    request.detach
  )
    return;
  throw new UsageError(
    `--console-socket: only with --detach, for ${request.command} in the foreground uses the terminal it has`,
  );
};

/** What `--process FILE` tells alone. */
const processFlags = ['cwd', 'env', 'user', 'additionalGids', 'cap', 'noNewPrivs', 'processLabel', 'apparmor'] as const;

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

const oneProcess: Rule = (request) => {
  if (request.command !== 'exec') return;
  const { process, program } = request;
  if (process === undefined) {
    if (program.length > 0) return;
    throw new UsageError('missing argument: COMMAND, the program to run, or --process FILE');
  }
  const first = program[0];
  if (first !== undefined)
    throw new UsageError(`--process and the command ${quote(first)} are both given; one of them says what to run`);
  for (const key of processFlags)
    if (isGiven(request[key]))
      throw new UsageError(
        `--process and --${commands.exec.flags[key].name} are both given; the file says what the process is`,
      );
};

/** What is not UTF-8 reaches us with a replacement character in it, and would reach the program so. */
const programIsText: Rule = (request) => {
  if (request.command !== 'exec') return;
  const [program] = request.program;
  if (program === '') throw new UsageError('COMMAND: must not be empty');
  for (const word of request.program)
    if (word.includes('\ufffd')) throw new UsageError(`COMMAND: not valid UTF-8: got ${quote(word)}`);
};

/** One path for all hierarchies, or one for each of some controllers. */
const cgroupsAreClear: Rule = (request) => {
  if (request.command !== 'exec') return;
  const { cgroup } = request;
  const named = new Set<string>();
  for (const { controllers, path } of cgroup) {
    if (controllers.length === 0 && cgroup.length > 1)
      throw new UsageError(`--cgroup ${quote(path)}: a path for every controller, and there is another --cgroup`);
    for (const controller of controllers) {
      if (named.has(controller)) throw new UsageError(`--cgroup: the controller ${quote(controller)} is given twice`);
      named.add(controller);
    }
  }
};

const oneFileToValidate: Rule = (request) => {
  if (request.command !== 'validate' || request.file === undefined || request.bundle === '.') return;
  throw new UsageError('FILE and --bundle are both given; one of them says what to check');
};

const somethingToUpdate: Rule = (request) => {
  if (request.command !== 'update') return;
  for (const key in request)
    if (key !== 'command' && key !== 'global' && key !== 'id' && request[key as keyof typeof request] !== undefined)
      return;
  throw new UsageError('nothing to change: give --resources or a limit such as --memory 64M');
};

const mountsComeFromFile: Rule = (request) => {
  if (request.command !== 'mounts') return;
  const { action, file } = request;
  if (action === 'list' && file !== undefined)
    throw new UsageError(`too many arguments: ${quote(file)} is one more than 2`);
  if (action !== 'list' && file === undefined)
    throw new UsageError(`missing argument: FILE, the mounts to ${action}, or - for standard input`);
};

const rules: { readonly [Name in CommandName]?: readonly Rule[] } = {
  run: [consoleSocketNeedsDetach],
  exec: [oneProcess, programIsText, cgroupsAreClear, consoleSocketNeedsDetach],
  mounts: [mountsComeFromFile],
  update: [somethingToUpdate],
  validate: [oneFileToValidate],
};

/** @throws {UsageError} the first rule of its command that `request` breaks. */
export function checkRules(request: CommandRequest): void {
  for (const rule of rules[request.command] ?? []) rule(request);
}
