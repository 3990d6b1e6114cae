/** What a command line may not say although each word of it is right: a list of named checks, each one rule. */

import type { CommandRequest } from './parse.ts';
import type { CommandName } from './spec.ts';
import { UsageError } from './usage.ts';

type Rule = (request: CommandRequest) => void;

/** In the foreground `run` itself sits between the caller's terminal and the container's. */
const consoleSocketNeedsDetach: Rule = (request) => {
  if (request.command !== 'run' || request.consoleSocket === undefined || request.detach) return;
  throw new UsageError('--console-socket: only with --detach, for run in the foreground uses the terminal it has');
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

const rules: { readonly [Name in CommandName]?: readonly Rule[] } = {
  run: [consoleSocketNeedsDetach],
  update: [somethingToUpdate],
  validate: [oneFileToValidate],
};

/** @throws {UsageError} the first rule of its command that `request` breaks. */
export function checkRules(request: CommandRequest): void {
  for (const rule of rules[request.command] ?? []) rule(request);
}
