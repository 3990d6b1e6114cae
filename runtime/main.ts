/**
 * The engine's entry: arguments to request, request to command, one place for errors. It runs behind the launcher, which
 * hands over a record of the caller as the first argument (a descriptor), and it ends by _exit.
 */

import { addon } from './addon.ts';
import { type Caller, decodeCaller } from './caller.ts';
import { helpText } from './cli/help.ts';
import { parse, type Request } from './cli/parse.ts';
import { UsageError } from './cli/usage.ts';
import { create } from './commands/create.ts';
import { events } from './commands/events.ts';
import { pause, resume } from './commands/freeze.ts';
import { explainCommand, featuresCommand, specCommand, validateCommand } from './commands/inspect.ts';
import { deleteCommand, kill, list, startCommand, stateCommand } from './commands/lifecycle.ts';
import { ps } from './commands/ps.ts';
import { run } from './commands/run.ts';
import { update } from './commands/update.ts';
import type { Context } from './context.ts';
import { Log, type LogOptions } from './log.ts';
import { print } from './output.ts';
import { check, checkValue } from './sys.ts';
import { versionText } from './version.ts';

const output = { open: addon.open, write: addon.write, now: () => new Date() };

function readCaller(argument: string | undefined): Caller {
  const fd = Number(argument);
  const { size } = checkValue(addon.fstat(fd), 'fstat', 'the record of the launcher');
  const bytes = new Uint8Array(size);
  const count = check(addon.read(fd, bytes), 'read', 'the record of the launcher');
  addon.close(fd);
  return decodeCaller(bytes.subarray(0, count));
}

function execute(request: Request, caller: Caller, log: Log): number {
  switch (request.command) {
    case 'version':
      print(versionText());
      return 0;
    case 'help':
      print(helpText(request.topic));
      return 0;
    case 'spec':
      return specCommand(request);
    case 'features':
      return featuresCommand();
    case 'validate':
      return validateCommand(request);
  }
  const context: Context = { global: request.global, caller, log };
  switch (request.command) {
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
    case 'ps':
      return ps(context, request);
    case 'pause':
      return pause(context, request);
    case 'resume':
      return resume(context, request);
    case 'update':
      return update(context, request);
    case 'events':
      return events(context, request);
    case 'explain':
      return explainCommand(context, request);
  }
}

/** A log as asked for; where its file cannot be opened, that is the command's error. */
function openLog(options: LogOptions): Log {
  try {
    return new Log(options, output);
  } catch (error) {
    addon.exit(new Log({ ...options, file: undefined }, output).fail(error));
  }
}

const plainLog: LogOptions = { file: undefined, format: 'text', level: 'error' };

function main(argv: readonly string[]): number {
  let request: Request;
  let caller: Caller;
  try {
    caller = readCaller(argv[2]);
    request = parse(argv.slice(3));
  } catch (error) {
    const options = error instanceof UsageError ? error.global?.log : undefined;
    return openLog(options ?? plainLog).fail(error);
  }
  const log = openLog('global' in request ? request.global.log : plainLog);
  try {
    const status = execute(request, caller, log);
    log.succeed();
    return status;
  } catch (error) {
    return log.fail(error);
  }
}

addon.exit(main(process.argv));
