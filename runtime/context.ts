/** What every command needs of its surroundings. */
import { addon } from './addon.ts';
import { type Caller, envOf } from './caller.ts';
import type { GlobalOptions } from './cli/global.ts';
import type { Log } from './log.ts';
import { resolve } from './plan/path.ts';
import { Container } from './store.ts';
import { checkValue } from './sys.ts';

export interface Context {
  readonly global: GlobalOptions;
  readonly caller: Caller;
  readonly log: Log;
}

/** The caller's directory. */
function currentDirectory(): string {
  return checkValue(addon.getcwd(), 'getcwd');
}

/** A path of the command line as an absolute one. */
export function absolute(path: string): string {
  return path.startsWith('/') ? resolve('/', path) : resolve(currentDirectory(), path);
}

/** Where state is kept: `--root`, or the default for this user. An empty XDG_RUNTIME_DIR counts as none. */
export function stateRoot({ global, caller }: Context): string {
  if (global.root !== undefined) return absolute(global.root);
  const runtimeDirectory = envOf(caller, 'XDG_RUNTIME_DIR');
  const rootless = global.rootless === 'true' || (global.rootless === 'auto' && addon.geteuid() !== 0);
  return rootless && runtimeDirectory ? `${absolute(runtimeDirectory)}/tsrun` : '/run/tsrun';
}

/** The container that a command is about. */
export function containerOf(context: Context, id: string): Container {
  return new Container(stateRoot(context), id);
}
