/**
 * The engine's entry: arguments to request, request to command, one place for errors. It runs behind the launcher, which
 * hands over a record of the caller as the first argument (a descriptor), and it ends by _exit.
 */

import { addon } from './addon.ts';
import { type Caller, decodeCaller } from './caller.ts';
import { helpText } from './cli/help.ts';
import { failureStatus, parse, type Request, type RequestOf } from './cli/parse.ts';
import { UsageError } from './cli/usage.ts';
import { cleanUp, type Remaining, remainingOf } from './commands/clean-up.ts';
import { create } from './commands/create.ts';
import { exec } from './commands/exec.ts';
import { pause, resume } from './commands/freeze.ts';
import { deleteCommand, kill, list, startCommand, stateCommand } from './commands/lifecycle.ts';
import { run } from './commands/run.ts';
import type { Context } from './context.ts';
import { exitCodeOf, TsrunError } from './errors.ts';
import { Log, type LogOptions } from './log.ts';
import { print } from './output.ts';
import { check, checkValue } from './sys.ts';
import { versionText } from './version.ts';

const output = { open: addon.open, write: addon.write, now: () => new Date() };

/** What the launcher wrote down, byte for byte. */
function readRecord(argument: string | undefined): Uint8Array {
  const fd = Number(argument);
  const { size } = checkValue(addon.fstat(fd), 'fstat', 'the record of the launcher');
  const bytes = new Uint8Array(size);
  const count = check(addon.read(fd, bytes), 'read', 'the record of the launcher');
  addon.close(fd);
  return bytes.subarray(0, count);
}

/** What people call by hand, and seldom. */
type RareRequest = RequestOf<
  | 'bundle'
  | 'enter'
  | 'events'
  | 'explain'
  | 'features'
  | 'mounts'
  | 'ps'
  | 'sandbox'
  | 'seccomp'
  | 'spec'
  | 'update'
  | 'validate'
>;

/**
 * The commands whose code is in files of its own within the executable, and is loaded when they are called for: to have it all at hand
 * costs every command 1 ms in 10 (measured with that of `bundle` alone).
 */
async function executeRare(context: Context, request: RareRequest): Promise<number> {
  switch (request.command) {
    case 'bundle':
      return (await import('./commands/bundle.ts')).bundle(context, request);
    case 'enter':
      return (await import('./commands/enter.ts')).enter(context, request);
    case 'events':
      return (await import('./commands/events.ts')).events(context, request);
    case 'explain':
      return (await import('./commands/inspect.ts')).explainCommand(context, request);
    case 'features':
      return (await import('./commands/inspect.ts')).featuresCommand();
    case 'mounts':
      return (await import('./commands/mounts.ts')).mounts(context, request);
    case 'ps':
      return (await import('./commands/ps.ts')).ps(context, request);
    case 'sandbox':
      return (await import('./commands/sandbox.ts')).sandbox(context, request);
    case 'seccomp':
      return (await import('./commands/seccomp.ts')).seccompCommand(request);
    case 'spec':
      return (await import('./commands/inspect.ts')).specCommand(request);
    case 'update':
      return (await import('./commands/update.ts')).update(context, request);
    case 'validate':
      return (await import('./commands/inspect.ts')).validateCommand(request);
  }
}

function execute(context: Context, request: Request): number | Promise<number> {
  switch (request.command) {
    case 'version':
      print(versionText());
      return 0;
    case 'help':
      print(helpText(request.topic));
      return 0;
    case 'create':
      return create(context, request);
    case 'run':
      return run(context, request);
    case 'start':
      return startCommand(context, request);
    case 'state':
      return stateCommand(context, request);
    case 'list':
      return list(context, request);
    case 'kill':
      return kill(context, request);
    case 'delete':
      return deleteCommand(context, request);
    case 'pause':
      return pause(context, request);
    case 'resume':
      return resume(context, request);
    case 'exec':
      return exec(context, request);
    default:
      return executeRare(context, request);
  }
}

/** A log as asked for; where its file cannot be opened, that is the command's error. */
function openLog(options: LogOptions, status: number): Log {
  try {
    return new Log(options, output);
  } catch (error) {
    new Log({ ...options, file: undefined }, output).fail(error);
    addon.exit(status);
  }
}

const plainLog: LogOptions = { file: undefined, format: 'text', level: 'error' };

/** A umask that takes away the owner's own access would keep a caller without privileges from its own files. */
function keepOwnAccess(): void {
  if (addon.geteuid() !== 0) addon.umask(addon.umask(0o077) & 0o077);
}

/** What is left to do of a `run` whose program has ended. */
function finish(remaining: Remaining, caller: Caller): number {
  const log = openLog(remaining.log, 1);
  try {
    const status = cleanUp(remaining, caller, (message) => log.warn(message));
    log.succeed();
    return status;
  } catch (error) {
    return log.fail(error);
  }
}

function main(argv: readonly string[]): void {
  const words = argv.slice(3);
  let record: Uint8Array;
  let request: Request;
  let caller: Caller;
  try {
    record = readRecord(argv[2]);
    caller = decodeCaller(record);
    const remaining = remainingOf(words);
    if (remaining !== undefined) addon.exit(finish(remaining, caller));
    request = parse(words);
  } catch (error) {
    const options = error instanceof UsageError ? error.global?.log : undefined;
    addon.exit(openLog(options ?? plainLog, exitCodeOf(error)).fail(error));
  }
  keepOwnAccess();
  const failed = request.command === 'version' || request.command === 'help' ? 1 : failureStatus(request.command);
  const log = openLog(request.global.log, failed);
  const context: Context = { global: request.global, caller, log, record };
  const succeed = (status: number): never => {
    log.succeed();
    addon.exit(status);
  };
  const fail = (error: unknown): never => {
    const status = log.fail(error);
    // Of a signal the status tells which one, as shells have it.
    addon.exit(error instanceof TsrunError && error.code === 'interrupted' ? status : Math.max(status, failed));
  };
  try {
    const status = execute(context, request);
    if (typeof status === 'number') succeed(status);
    else status.then(succeed).catch(fail);
  } catch (error) {
    fail(error);
  }
}

main(process.argv);
