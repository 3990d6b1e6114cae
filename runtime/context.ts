/** What every command needs of its surroundings. */
import { addon } from './addon.ts';
import { type Caller, envOf } from './caller.ts';
import type { GlobalOptions } from './cli/global.ts';
import { POLL } from './constants.ts';
import { TsrunError } from './errors.ts';
import { isInUserNamespace } from './host.ts';
import { Interrupts } from './interrupts.ts';
import type { Log } from './log.ts';
import { resolve } from './plan/path.ts';
import { checkRoot } from './state-root.ts';
import { Container } from './store.ts';
import { checkValue } from './sys.ts';
import { quote } from './text.ts';

export interface Context {
  readonly global: GlobalOptions;
  readonly caller: Caller;
  readonly log: Log;
  /** The launcher's record, which an engine that comes after us needs as well. */
  readonly record: Uint8Array;
}

/** The caller's directory. */
export function currentDirectory(): string {
  return checkValue(addon.getcwd(), 'getcwd');
}

/** A path of the command line as an absolute one. */
export function absolute(path: string): string {
  return path.startsWith('/') ? resolve('/', path) : resolve(currentDirectory(), path);
}

/**
 * Where state is to be kept: `--root`, or the default for this user. An empty XDG_RUNTIME_DIR counts as none. Who is root of
 * a user namespace only is told from root by USER: engines leave it away, a system in a container says `root`.
 *
 * @throws {TsrunError} `usage`: a user without privileges has no such place.
 */
function rootOf({ global, caller }: Context): string {
  if (global.root !== undefined) return absolute(global.root);
  const runtimeDirectory = envOf(caller, 'XDG_RUNTIME_DIR');
  const isUser = addon.geteuid() !== 0;
  const actsAsUser = isUser || (envOf(caller, 'USER') !== 'root' && isInUserNamespace());
  const rootless = global.rootless === 'true' || (global.rootless === 'auto' && actsAsUser);
  if (rootless && runtimeDirectory) return `${absolute(runtimeDirectory)}/tsrun`;
  if (rootless && isUser)
    throw new TsrunError(
      'usage',
      'the state of containers has no place: XDG_RUNTIME_DIR is not set: set it to a directory of your own (a login session does: /run/user/<uid>), or give --root',
    );
  return '/run/tsrun';
}

/** Where state is kept: the caller's own directory. @throws {TsrunError} `usage`: it has none; `system`: it is not its own */
export function stateRoot(context: Context): string {
  const root = rootOf(context);
  checkRoot(root);
  return root;
}

/** The container that a command is about. */
export function containerOf(context: Context, id: string): Container {
  return new Container(stateRoot(context), id);
}

/** The longest time, in milliseconds, until it is seen that the other command has ended. */
const LONGEST_PAUSE_MS = 20;

/**
 * Waits for other commands on a container, and keeps later ones waiting until this process ends.
 * @throws {TsrunError} `not-found`; `interrupted`
 */
export function lock({ caller }: Context, container: Container): void {
  if (container.tryLock()) return;
  const interrupts = new Interrupts(caller);
  for (let pause = 1; !container.tryLock(); pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    addon.poll(Int32Array.of(interrupts.fd, POLL.IN), pause);
    interrupts.obey(`container ${quote(container.id)}: wait for another command`);
  }
}
