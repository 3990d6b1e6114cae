/** `start`: lets init become the container's program, and hears from it whether that worked. */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { O, POLL } from './constants.ts';
import { TsrunError } from './errors.ts';
import { type FailureEvent, wordFailure } from './failure.ts';
import { MESSAGE } from './generated/wire.ts';
import { failureOf } from './handshake.ts';
import { runHooks } from './hooks.ts';
import { Interrupts } from './interrupts.ts';
import { ociState } from './launch.ts';
import { Notification } from './notification.ts';
import type { Step } from './plan/types.ts';
import { openProcess } from './process.ts';
import { destroy, destroyUnlessGone } from './remove.ts';
import { statusOf } from './status.ts';
import type { Container, StoredState } from './store.ts';
import { check } from './sys.ts';
import { quote } from './text.ts';
import { decodeMessages, MESSAGE_MAX, type Message } from './wire.ts';

/** How the reply of init ended. */
interface Reply {
  messages: Message[];
}

/** Everything that init says until it becomes the program, or ends. */
function readReply(reply: number, pidfd: number, interrupts: Interrupts): Reply {
  let bytes = new Uint8Array(0);
  const chunk = new Uint8Array(MESSAGE_MAX);
  const fds = new Int32Array(6);
  for (;;) {
    fds.set([reply, POLL.IN, pidfd, POLL.IN, interrupts.fd, POLL.IN]);
    check(addon.poll(fds, -1), 'poll', 'the reply of init');
    if (!fds[1] && !fds[3]) interrupts.obey('start');
    const count = addon.read(reply, chunk);
    if (count > 0) {
      const joined = new Uint8Array(bytes.length + count);
      joined.set(bytes);
      joined.set(chunk.subarray(0, count), bytes.length);
      bytes = joined;
      continue;
    }
    // End of file: nobody has the other end open. (-EAGAIN: init lives, and there is nothing to read yet.)
    if (count === 0 || fds[3]) return { messages: decodeMessages(bytes).messages };
  }
}

/** The failure that the reply tells, or undefined where the program runs. */
function failureIn(reply: Reply, startSteps: StoredState['startSteps']): TsrunError | undefined {
  let started = false;
  let notExecuted: FailureEvent | undefined;
  for (const message of reply.messages) {
    const failure = failureOf(message);
    if (message.type === MESSAGE.STARTED) started = true;
    // Under a seccomp filter init says it twice: what it knows, and, where it may look, what is in the file.
    else if (failure?.kind === 'execFailed') notExecuted = failure;
    else if (failure?.kind === 'failed' || failure?.kind === 'hookFailed')
      return wordFailure({ steps: stepsFrom(startSteps) }, failure, { args: [] });
  }
  if (notExecuted) return wordFailure({ steps: [] }, notExecuted, { args: [] });
  if (started) return undefined;
  return new TsrunError(
    'process',
    'start: init ended before it became the program: something killed it (out of memory? a limit? its seccomp profile?)',
  );
}

/** The list of steps as init counts them, of which only those after `create` are kept. */
function stepsFrom({ first, steps }: StoredState['startSteps']): (Step | undefined)[] {
  return [...new Array<undefined>(first), ...steps];
}

function notCreated(container: Container, state: StoredState | undefined): TsrunError {
  const status = statusOf(container, state);
  const id = quote(container.id);
  if (status === 'paused')
    return new TsrunError('wrong-status', `container ${id}: cannot start a container that is paused: resume it first`);
  if (status === 'running')
    return new TsrunError('wrong-status', `container ${id}: cannot start an already running container`);
  return new TsrunError('wrong-status', `container ${id}: cannot start a container that is ${status}`);
}

/**
 * Starts a created container; the caller holds its lock.
 *
 * @returns What the program says about being ready, where the caller is to hear of it.
 * @throws {TsrunError} `wrong-status`; `command-not-found` and others where the program cannot be executed (the container
 *   is stopped then); `hook` where a startContainer or poststart hook failed (the container is removed then).
 */
export function start(
  container: Container,
  state: StoredState | undefined,
  caller: Caller,
  warn: (message: string) => void,
): Notification | undefined {
  const pidfd = state && openProcess(state.process);
  if (!state || pidfd === undefined || statusOf(container, state) !== 'created') throw notCreated(container, state);
  const reply = check(addon.open(container.path('reply'), O.RDONLY | O.NONBLOCK | O.NOFOLLOW, 0), 'open', 'reply');
  const go = addon.open(container.path('go'), O.WRONLY | O.NONBLOCK | O.NOFOLLOW, 0);
  if (go < 0) throw notCreated(container, state);
  const notification = Notification.open(container, state.process, caller);
  check(addon.write(go, 'g'), 'write', 'go');
  addon.close(go);
  const interrupts = new Interrupts(caller);
  try {
    const failure = failureIn(readReply(reply, pidfd, interrupts), state.startSteps);
    if (failure) throw failure;
  } catch (error) {
    // "If any startContainer hook fails, the runtime MUST generate an error, stop the container": one that is ended does.
    if (error instanceof TsrunError && (error.code === 'hook' || error.code === 'interrupted'))
      destroy(container, state, caller, warn);
    throw error;
  }
  addon.close(reply);
  if (state.hooks.poststart.length === 0) return notification;
  // The program runs: nobody who wants to signal or delete the container has to wait for what hooks do.
  container.unlock();
  try {
    runHooks('poststart', state.hooks.poststart, ociState(state, 'running'), state.bundle, caller, interrupts);
  } catch (error) {
    // "If any poststart hook fails, the runtime MUST generate an error, stop the container."
    destroyUnlessGone(container, state, caller, warn);
    throw error;
  }
  return notification;
}
