/** Hooks in the runtime's namespace: config.md "POSIX-platform Hooks". Those inside the container are init's. */
import type { Hook, HookKind } from '../spec/config.ts';
import type { State } from '../spec/state.ts';
import { addon } from './addon.ts';
import type { Caller } from './caller.ts';
import { POLL } from './constants.ts';
import { TsrunError } from './errors.ts';
import { wordHookFailure } from './failure.ts';
import type { Interrupts } from './interrupts.ts';
import { check, checkValue, SysError } from './sys.ts';
import { quote } from './text.ts';

/** At most this many bytes of what a hook prints are kept for an error; the rest is read and dropped. */
const OUTPUT_MAX = 64 * 1024;
const SIGKILL = 9;

/** What the runtime's own children get back of the caller's. */
export type Inherited = Pick<Caller, 'softNofile' | 'ignoredSignals' | 'blockedSignals'>;

/** The state as hooks read it on standard input. */
export function hookState(state: State): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(state));
}

/** How waiting for a hook ended: with its output, or before it did. */
type Outcome = Uint8Array | 'late' | 'pointless' | 'interrupted';

/** What is waited for. */
interface Waited {
  readonly pid: number;
  readonly pidfd: number;
  /** What it prints. */
  readonly output: number;
  /** -1: for ever. */
  readonly timeoutMs: number;
  /** A pidfd without whose process the hook has no point, or -1. */
  readonly container: number;
  readonly interrupts: Interrupts | undefined;
}

function collect({ pid, pidfd, output, timeoutMs, container, interrupts }: Waited): Outcome {
  const kept = new Uint8Array(OUTPUT_MAX);
  const chunk = new Uint8Array(OUTPUT_MAX);
  let used = 0;
  const deadline = timeoutMs < 0 ? -1 : addon.monotonicMs() + timeoutMs;
  const fds = new Int32Array(8);
  let open = true;
  for (;;) {
    const left = deadline < 0 ? -1 : Math.max(0, Math.ceil(deadline - addon.monotonicMs()));
    fds.set([pidfd, POLL.IN, open ? output : -1, POLL.IN, container, POLL.IN, interrupts?.fd ?? -1, POLL.IN]);
    const ready = check(addon.poll(fds, left), 'poll', `process ${pid}`);
    if (ready === 0) return 'late';
    if (fds[5]) return 'pointless';
    if (fds[3]) {
      const count = addon.read(output, chunk);
      if (count <= 0) open = false;
      const room = Math.min(Math.max(count, 0), OUTPUT_MAX - used);
      kept.set(chunk.subarray(0, room), used);
      used += room;
    } else if (fds[1]) {
      // Ended, and the pipe is empty: a daemon that it left behind may hold the other end for ever.
      return kept.subarray(0, used);
    } else if (fds[7]) return 'interrupted';
  }
}

/** What all hooks of one moment have in common. */
interface HookSurroundings {
  readonly state: Uint8Array;
  readonly bundle: string;
  readonly inherited: Inherited;
  readonly container: number;
  readonly interrupts: Interrupts | undefined;
}

/** Runs one hook to its end. @throws {TsrunError} `hook` */
function runHook(hook: Hook, property: string, surroundings: HookSurroundings): void {
  const { state, bundle, inherited, container, interrupts } = surroundings;
  const stdin = check(addon.memfdOfData(state, 'state'), 'memfd_create', 'the state of the container');
  const [readEnd, writeEnd] = checkValue(addon.pipe(), 'pipe');
  try {
    const pid = addon.spawn({
      path: hook.path,
      argv: hook.args ?? [hook.path],
      env: hook.env ?? [],
      cwd: bundle,
      fds: [stdin, writeEnd, writeEnd],
      newSession: true,
      parentDeathSignal: SIGKILL,
      // One by one: a whole Caller would bring the caller's environment along.
      softNofile: inherited.softNofile,
      ignoredSignals: inherited.ignoredSignals,
      blockedSignals: inherited.blockedSignals,
    });
    addon.close(writeEnd);
    if (pid < 0)
      throw new TsrunError('hook', `${property}: run the hook ${quote(hook.path)}`, {
        cause: new SysError(-pid, 'execve'),
      });
    const pidfd = check(addon.pidfdOpen(pid), 'pidfd_open', property);
    const timeoutMs = hook.timeout === undefined ? -1 : hook.timeout * 1000;
    const outcome = collect({ pid, pidfd, output: readEnd, timeoutMs, container, interrupts });
    if (typeof outcome === 'string') {
      // The whole session, and with it what the hook started.
      addon.kill(-pid, SIGKILL);
      addon.kill(pid, SIGKILL);
    }
    const ended = addon.wait(pid, true);
    addon.close(pidfd);
    if (outcome === 'interrupted') interrupts?.obey(`${property}: hook ${quote(hook.path)}`);
    if (outcome === 'pointless')
      throw new TsrunError(
        'hook',
        `${property}: hook ${quote(hook.path)}: ended, for the container was killed meanwhile`,
      );
    const text = typeof outcome === 'string' ? '' : new TextDecoder().decode(outcome);
    if (outcome === 'late')
      throw wordHookFailure({
        property,
        path: hook.path,
        status: -1,
        ...(hook.timeout === undefined ? {} : { timeoutSeconds: hook.timeout }),
        output: text,
      });
    if (typeof ended === 'number' || ended === null) return;
    const status = ended.signal > 0 ? ended.signal : ended.code << 8;
    if (status !== 0) throw wordHookFailure({ property, path: hook.path, status, output: text });
  } finally {
    addon.close(stdin);
    addon.close(readEnd);
  }
}

/**
 * Runs the hooks of one kind in order.
 *
 * @param interrupts What ends a hook; without them it goes on, whatever signals come.
 * @param container A pidfd: where that process ends, waiting for a hook is given up.
 * @throws {TsrunError} `hook`: the first that fails; `interrupted`: a signal ended it. The later ones do not run.
 */
export function runHooks(
  kind: HookKind,
  hooks: readonly Hook[],
  state: State,
  bundle: string,
  inherited: Inherited,
  interrupts?: Interrupts,
  container = -1,
): void {
  if (hooks.length === 0) return;
  const surroundings = { state: hookState(state), bundle, inherited, container, interrupts };
  for (const [index, hook] of hooks.entries()) runHook(hook, `hooks.${kind}[${index}]`, surroundings);
}
