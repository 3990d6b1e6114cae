/**
 * Programs that tsrun runs in namespaces that are there already: init enters them, for a process with several threads
 * cannot, and becomes the program. What it is told is a plan, as for a container.
 */
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { TsrunError } from './errors.ts';
import { wordExecFailure, wordFailure } from './failure.ts';
import { DESCRIPTOR, MESSAGE, POINT } from './generated/wire.ts';
import { failureOf } from './handshake.ts';
import { initPath } from './install.ts';
import type { Step } from './plan/types.ts';
import { check, checkValue } from './sys.ts';
import { decodeText } from './text.ts';
import { decodeMessages, encodeMessage, encodePlan, MESSAGE_MAX, type Message } from './wire.ts';

/** What a tool is started with. */
export interface ToolRequest {
  /** Ends with `exec`. */
  readonly steps: readonly Step[];
  /** Descriptors that operations name by index; the caller's to close. */
  readonly inherited: readonly number[];
  /** Its standard input, output and error. */
  readonly stdio: readonly [number, number, number];
  readonly caller: Caller;
  /** Its arguments, for an error to name. */
  readonly args: readonly string[];
  /** For a user namespace that a step makes: called when it is there. */
  readonly writeMaps?: (pid: number) => void;
}

const SIGKILL = 9;

function execFailure(message: Message): TsrunError {
  const at = message.detail.indexOf(10);
  return wordExecFailure({
    path: decodeText(message.detail.subarray(0, at)),
    errno: message.value,
    head: message.detail.subarray(at + 1),
  });
}

/** Init refuses such a plan too, but maybe when nobody listens to it any more. */
function checkIndexes({ steps, inherited }: ToolRequest): void {
  for (const { operation } of steps)
    if ('fd' in operation && operation.fd >= inherited.length)
      throw new TsrunError('internal', `${operation.op} names descriptor ${operation.fd} of ${inherited.length}`);
}

function spawn(request: ToolRequest, socket: number, opened: number[]): number {
  const { steps, inherited, stdio, caller } = request;
  checkIndexes(request);
  const operations = steps.map((step) => step.operation);
  const plan = check(
    addon.memfdOfData(encodePlan(operations, { preserved: 0, inherited: inherited.length }), 'plan'),
    'memfd_create',
    'the plan',
  );
  opened.push(plan);
  const executable = check(addon.memfdOfFile(initPath(), 'init'), 'memfd_create', initPath());
  opened.push(executable);
  const fds: number[] = [...stdio];
  fds[DESCRIPTOR.SOCKET] = socket;
  fds[DESCRIPTOR.PLAN] = plan;
  // Nobody starts a tool a second time: the fifos of a container have nothing to stand for them.
  fds[DESCRIPTOR.GO] = plan;
  fds[DESCRIPTOR.REPLY] = plan;
  const { softNofile, ignoredSignals, blockedSignals } = caller;
  return check(
    addon.spawn({
      exeFd: executable,
      argv: ['init'],
      env: [],
      fds: [...fds, ...inherited],
      parentDeathSignal: SIGKILL,
      softNofile,
      ignoredSignals,
      blockedSignals,
    }),
    'clone3',
    'init',
  );
}

/** Listens until the program runs, or init has reached the point that the caller waits for. */
function converse(request: ToolRequest, socket: number, first: number, until: number | undefined): number {
  const buffer = new Uint8Array(MESSAGE_MAX);
  let pid = first;
  for (;;) {
    const { length } = checkValue(addon.receiveMessage(socket, buffer), 'recvmsg', 'init');
    // The socket is closed by execve(2), after the message that it comes next; or else init has ended without a word.
    const [message] = decodeMessages(buffer.subarray(0, length)).messages;
    if (!message) return pid;
    if (message.type === MESSAGE.STARTED) continue;
    if (message.type === MESSAGE.EXEC_FAILED) throw execFailure(message);
    const failure = failureOf(message);
    if (failure?.kind === 'failed') throw wordFailure({ steps: request.steps }, failure, { args: request.args });
    if (message.type !== MESSAGE.SYNC) throw new TsrunError('internal', `init said ${message.type} out of turn`);
    if (message.value === POINT.CHILD) {
      addon.wait(pid, true); // the first stage, which has ended
      pid = Number(decodeText(message.detail));
    }
    if (message.value === POINT.MAPS) request.writeMaps?.(pid);
    check(addon.sendMessage(socket, encodeMessage(MESSAGE.CONTINUE, message.value), []), 'sendmsg', 'init');
    if (message.value === until) return pid;
  }
}

/**
 * Starts a tool and returns its pid once its program runs, or once init has come to the point `until`.
 *
 * @throws {TsrunError} Nothing runs then.
 */
export function startTool(request: ToolRequest, until?: number): number {
  const opened: number[] = [];
  try {
    const [ours, theirs] = checkValue(addon.socketpair(), 'socketpair');
    opened.push(ours);
    let first: number;
    try {
      first = spawn(request, theirs, opened);
    } finally {
      addon.close(theirs);
    }
    try {
      return converse(request, ours, first, until);
    } catch (error) {
      addon.wait(-1, true);
      throw error;
    }
  } finally {
    for (const fd of opened) addon.close(fd);
  }
}
