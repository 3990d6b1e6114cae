/**
 * The status of a container, seen and never stored: is its process there (pid and start time), does init still wait at
 * its fifo, is the cgroup frozen.
 */
import type { Status } from '../spec/state.ts';
import { addon } from './addon.ts';
import { O, S } from './constants.ts';
import { readText } from './host.ts';
import { isAlive } from './process.ts';
import type { Container, StoredState } from './store.ts';

/** Whether init has the `go` fifo open: it does until the moment it becomes the container's program. */
function waitsForStart(container: Container): boolean {
  const fd = addon.open(container.path('go'), O.WRONLY | O.NONBLOCK | O.NOFOLLOW, 0);
  if (fd < 0) return false; // ENXIO: nobody reads
  const stat = addon.fstat(fd);
  addon.close(fd);
  return typeof stat !== 'number' && (stat.mode & S.IFMT) === S.IFIFO;
}

function isFrozen(state: StoredState): boolean {
  if (state.cgroup.driver === 'disabled') return false;
  return readText(`${state.cgroup.root}${state.cgroup.path}/cgroup.events`).includes('frozen 1');
}

/** The status now. `state` is what {@link Container.readState} gave. */
export function statusOf(container: Container, state: StoredState | undefined): Status {
  // An interrupted `create` holds no lock any more: nothing goes on there, and nothing ever will.
  if (!state) return container.isLocked() ? 'creating' : 'stopped';
  if (!isAlive(state.process)) return 'stopped';
  // Before the question whether it was started: what is frozen cannot be, until it is resumed.
  if (isFrozen(state)) return 'paused';
  return waitsForStart(container) ? 'created' : 'running';
}
