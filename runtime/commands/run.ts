import { addon } from '../addon.ts';
import type { RequestOf } from '../cli/parse.ts';
import { type Context, stateRoot } from '../context.ts';
import { type ForegroundStyle, fitTerminal, openSignals, waitInForeground } from '../foreground.ts';
import { destroyUnlessGone } from '../remove.ts';
import { start } from '../start.ts';
import { cleanUpWords } from './clean-up.ts';
import { type Claimed, createContainer } from './create.ts';
import { awaitReady } from './lifecycle.ts';

/** `run`: create, start, wait, delete. */
export function run(context: Context, request: RequestOf<'run'>): number {
  return runContainer(context, request);
}

/**
 * What `run` does.
 *
 * @param claimed Where its id is taken already.
 * @param helpers Children of ours that have no purpose when the container has ended.
 * @param created Called when the container waits for `start`, with the pid of its process.
 */
export function runContainer(
  context: Context,
  request: RequestOf<'run'>,
  claimed?: Claimed,
  created: (pid: number) => void = () => {},
  style: ForegroundStyle = {},
  helpers: readonly number[] = [],
): number {
  const { caller, log } = context;
  const warn = (message: string): void => log.warn(message);
  // Before there is anything to forward to: a signal that comes early ends what is only being made, or waits, and is not lost.
  const signals = request.detach ? -1 : openSignals();
  if (!request.detach && !request.noSubreaper) addon.setSubreaper(true);
  const {
    container,
    state,
    terminal: master,
  } = createContainer(context, request, request.detach ? 'socket' : 'caller', claimed);
  if (!request.detach && master !== undefined) fitTerminal(master);
  const { process } = state;
  let status: number;
  try {
    created(process.pid);
    const notification = start(container, state, caller, warn);
    if (request.detach) {
      if (notification) awaitReady(context, container, notification);
      return 0;
    }
    container.unlock(); // others may signal, look at and even delete it while it runs
    log.succeed();
    const remaining = { root: stateRoot(context), id: container.id, process, helpers, log: context.global.log };
    status = waitInForeground(
      context,
      { pid: process.pid, signals, terminal: master, style, notification },
      request.keep ? undefined : cleanUpWords(remaining),
    );
  } catch (error) {
    container.unlock();
    destroyUnlessGone(container, state, caller, warn);
    throw error;
  }
  if (!request.keep) destroyUnlessGone(container, state, caller, warn);
  return status;
}
