/**
 * The end of a foreground `run`: its container is removed by an engine that comes back when the program has ended, for
 * none waits for that (see foreground.ts). It removes that one container, if nobody else has, and does nothing else.
 */
import { addon } from '../addon.ts';
import type { Caller } from '../caller.ts';
import { isContainerId } from '../cli/id.ts';
import { TsrunError } from '../errors.ts';
import type { LogOptions } from '../log.ts';
import { isAlive, type ProcessIdentity } from '../process.ts';
import { destroyUnlessGone } from '../remove.ts';
import { Container, type StoredState } from '../store.ts';
import { quote } from '../text.ts';

/** What is left to do. */
export interface Remaining {
  /** The state root. */
  readonly root: string;
  readonly id: string;
  /** Whose container it was; one that another process has by now is not touched. */
  readonly process: ProcessIdentity;
  /** Children of ours that have no purpose any more. */
  readonly helpers: readonly number[];
  readonly log: LogOptions;
  /** The exit status of the program. */
  readonly status: number;
}

const COMMAND = 'clean-up';
const SIGKILL = 9;

/** The words that ask for it; the exit status of the program follows them. */
export function cleanUpWords(remaining: Omit<Remaining, 'status'>): string[] {
  return [COMMAND, JSON.stringify(remaining)];
}

function isRemaining(value: Partial<Remaining>): value is Omit<Remaining, 'status'> {
  const { root, id, process, helpers, log } = value;
  return (
    typeof root === 'string' &&
    root.startsWith('/') &&
    typeof id === 'string' &&
    isContainerId(id) &&
    Number.isSafeInteger(process?.pid) &&
    Number.isSafeInteger(process?.startTime) &&
    Array.isArray(helpers) &&
    typeof log === 'object'
  );
}

/** What `words` of the command line ask for, where they are those of {@link cleanUpWords}. */
export function remainingOf(words: readonly string[]): Remaining | undefined {
  const [command, text = '', status = ''] = words;
  if (command !== COMMAND || words.length !== 3 || !/^[0-9]{1,3}$/.test(status)) return undefined;
  try {
    const value: Partial<Remaining> = JSON.parse(text);
    return isRemaining(value) ? { ...value, status: Number(status) } : undefined;
  } catch {
    return undefined;
  }
}

function stateOf(container: Container): StoredState | undefined {
  try {
    return container.readState();
  } catch (error) {
    if (error instanceof TsrunError && error.code === 'not-found') return undefined;
    throw error;
  }
}

/** Removes the container, and returns the exit status of `run`. @throws {TsrunError} `wrong-status`: it runs. */
export function cleanUp(remaining: Remaining, caller: Caller, warn: (message: string) => void): number {
  const { root, id, process, helpers, status } = remaining;
  const container = new Container(root, id);
  const state = stateOf(container);
  if (isAlive(process)) throw new TsrunError('wrong-status', `${COMMAND} ${quote(id)}: its program has not ended`);
  if (state?.process.pid === process.pid && state.process.startTime === process.startTime)
    destroyUnlessGone(container, state, caller, warn);
  for (const pid of helpers) {
    // Only a child of ours can be waited for, and no other process has its number then.
    if (addon.wait(pid, false) !== null) continue;
    addon.kill(pid, SIGKILL);
    addon.wait(pid, true);
  }
  return status;
}
