/** Ends and removes a container: what `delete`, a failed start and the end of `run` have in common. */
import { addon } from './addon.ts';
import { endProcesses, removeCgroups, removeUncertain } from './cgroup/lifecycle.ts';
import { TsrunError } from './errors.ts';
import { type Inherited, runHooks } from './hooks.ts';
import type { Interrupts } from './interrupts.ts';
import { ociState } from './launch.ts';
import { killAndReap, openProcess, type ProcessIdentity, waitForEnd } from './process.ts';
import { removeRdt, type StoredRdt } from './rdt.ts';
import { leaveBridge } from './sandbox/bridge.ts';
import type { Container, Intent, StoredCgroup, StoredState } from './store.ts';

const SIGKILL = 9;
const KILL_TIMEOUT_MS = 10_000;

function killProcess(id: string, process: ProcessIdentity): void {
  const pidfd = openProcess(process);
  if (pidfd === undefined) return;
  addon.pidfdSendSignal(pidfd, SIGKILL);
  const ended = waitForEnd(pidfd, KILL_TIMEOUT_MS);
  addon.close(pidfd);
  if (!ended)
    throw new TsrunError(
      'system',
      `container ${id}: process ${process.pid} is still there ${KILL_TIMEOUT_MS / 1000} s after SIGKILL: it waits for a device or a file system`,
    );
  addon.wait(process.pid, false); // where it is our own child
}

/** What served the container, and has nothing to serve any more. */
function endHelpers(container: Container): void {
  for (const helper of container.helpers()) killAndReap(helper);
  const port = container.port();
  if (port) leaveBridge(port, container);
}

/** Kills everything, waits for it, and removes the cgroup and the mounts. */
function endAll(
  container: Container,
  process: ProcessIdentity | undefined,
  cgroup: StoredCgroup | undefined,
  rdt: StoredRdt | undefined,
): void {
  if (cgroup) endProcesses(cgroup);
  if (process) killProcess(container.id, process);
  if (cgroup) removeCgroups(cgroup);
  if (rdt) removeRdt(rdt);
  container.detachRoot();
}

/**
 * Removes a container with all its processes; poststop hooks run, and what they do wrong is a warning.
 * @param interrupts What ends such a hook: only whoever asks for the removal alone may, and not who ends a program by a signal.
 */
export function destroy(
  container: Container,
  state: StoredState,
  inherited: Inherited,
  warn: (message: string) => void,
  interrupts?: Interrupts,
): void {
  endAll(container, state.process, state.cgroup, state.rdt);
  endHelpers(container);
  const report = ociState(state, 'stopped');
  for (const [index, hook] of state.hooks.poststop.entries()) {
    try {
      runHooks('poststop', [hook], report, state.bundle, inherited, interrupts);
    } catch (error) {
      warn(`hooks.poststop[${index}]: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  container.remove();
}

/** Whose container lies there now, as far as its files still tell. */
function processOf(container: Container): ProcessIdentity | undefined {
  try {
    const state = container.readState();
    if (state) return state.process;
  } catch {
    // damaged
  }
  return container.readIntent()?.process;
}

/** The same for a container that is not locked: somebody else may have deleted it meanwhile, and made another of its id. */
export function destroyUnlessGone(
  container: Container,
  state: StoredState,
  inherited: Inherited,
  warn: (message: string) => void,
): void {
  try {
    container.lock();
  } catch (error) {
    if (error instanceof TsrunError && error.code === 'not-found') return;
    throw error;
  }
  const { pid, startTime } = processOf(container) ?? state.process;
  if (pid === state.process.pid && startTime === state.process.startTime) destroy(container, state, inherited, warn);
  else container.unlock();
}

/**
 * Kills a container that another command holds: what that waits for ends with it, and it gives the container up. Only
 * what is known to be ours is killed.
 */
export function interrupt(intent: Intent | undefined): void {
  if (intent?.cgroup && intent.cgroupMade) endProcesses(intent.cgroup);
  const pidfd = intent?.process && openProcess(intent.process);
  if (pidfd === undefined) return;
  addon.pidfdSendSignal(pidfd, SIGKILL);
  addon.close(pidfd);
}

/** Removes what an interrupted `create` or a damaged state file left, as far as its intent tells. */
export function destroyRemains(container: Container, intent: Intent | undefined): void {
  // A cgroup that was not made yet may be anybody's: it is not killed. An empty one of that name is ours to remove.
  const cgroup = intent?.cgroupMade ? intent.cgroup : undefined;
  endAll(container, intent?.process, cgroup, intent?.rdt);
  endHelpers(container);
  if (intent?.cgroup && !intent.cgroupMade) removeUncertain(intent.cgroup);
  container.remove();
}
