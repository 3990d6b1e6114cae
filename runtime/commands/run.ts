import { addon } from '../addon.ts';
import type { RequestOf } from '../cli/parse.ts';
import type { Context } from '../context.ts';
import { openSignals, waitInForeground } from '../foreground.ts';
import { destroyUnlessGone } from '../remove.ts';
import { start } from '../start.ts';
import { Terminal } from '../terminal.ts';
import { createContainer } from './create.ts';

/** `run`: create, start, wait, delete. */
export function run(context: Context, request: RequestOf<'run'>): number {
  const { caller, log } = context;
  const warn = (message: string): void => log.warn(message);
  // Before there is anything to forward to: a signal that comes early waits, and is not lost.
  const signals = request.detach ? -1 : openSignals();
  if (!request.detach && !request.noSubreaper) addon.setSubreaper(true);
  const {
    container,
    state,
    terminal: master,
  } = createContainer(context, request, request.detach ? 'socket' : 'caller');
  // Before the program starts, which may ask for the size of its terminal at once.
  const terminal = request.detach || master === undefined ? undefined : new Terminal(master);
  try {
    start(container, state, caller, warn);
  } catch (error) {
    terminal?.close();
    container.unlock();
    destroyUnlessGone(container, state, caller, warn);
    throw error;
  }
  if (request.detach) return 0;
  container.unlock(); // others may signal, look at and even delete it while it runs
  log.succeed();
  let status: number;
  try {
    status = waitInForeground(state.process.pid, signals, terminal);
  } finally {
    terminal?.close();
  }
  if (!request.keep) destroyUnlessGone(container, state, caller, warn);
  return status;
}
