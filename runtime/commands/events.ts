/** `events`: what a container uses and when it runs out of memory, one JSON object on each line. */
import type { Uint64 } from '../../spec/config.ts';
import { addon } from '../addon.ts';
import { refuseWithoutCgroup } from '../cgroup/absent.ts';
import { cgroupDirectory } from '../cgroup/cgroupfs.ts';
import { oomKills } from '../cgroup/oom.ts';
import { jsonOf } from '../cgroup/stats/json.ts';
import type { CgroupView } from '../cgroup/stats/types.ts';
import { readStats } from '../cgroup/stats.ts';
import { viewOf } from '../cgroup/view.ts';
import { WatchedFile } from '../cgroup/watch.ts';
import type { RequestOf } from '../cli/parse.ts';
import { POLL } from '../constants.ts';
import { type Context, containerOf } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { print } from '../output.ts';
import { statusOf } from '../status.ts';
import type { StoredState } from '../store.ts';
import { check } from '../sys.ts';
import { quote } from '../text.ts';

/** v1 announces no change of its counters: they are looked at this often. */
const LEGACY_PERIOD_MS = 500;
/** HUP, INT, QUIT, TERM. */
const endingSignals = [1, 2, 3, 15];

/** The container, which has to be there and to have a cgroup. @throws {TsrunError} */
function find(context: Context, id: string): StoredState {
  const container = containerOf(context, id);
  const state = container.readState();
  const status = statusOf(container, state);
  if (!state || status === 'stopped')
    throw new TsrunError('not-running', `events ${quote(id)}: container not running: it is ${status}`);
  refuseWithoutCgroup(state.cgroup, `events ${quote(id)}`, 'that counts');
  return state;
}

/** The lines about one container; each method is false where nobody reads them any more. */
class Reporter {
  readonly #id: string;
  readonly #view: CgroupView;
  #kills: Uint64;

  constructor(id: string, view: CgroupView) {
    this.#id = id;
    this.#view = view;
    this.#kills = oomKills(view) ?? 0;
  }

  stats(): boolean {
    return print(`${jsonOf({ type: 'stats', id: this.#id, data: readStats(this.#view) })}\n`);
  }

  /** One line for each process that was killed for want of memory since the last call. */
  oom(): boolean {
    const kills = oomKills(this.#view);
    if (kills === undefined || kills <= this.#kills) return true;
    const lines = Number(kills) - Number(this.#kills);
    this.#kills = kills;
    return print(`${jsonOf({ type: 'oom', id: this.#id })}\n`.repeat(lines));
  }
}

/** Reports until the container ends, the reader goes away, or a signal tells to end; the exit status. */
function follow(state: StoredState, reporter: Reporter, intervalMs: number): number {
  const signals = check(addon.signalfd(endingSignals), 'signalfd');
  const directory = cgroupDirectory(state.cgroup);
  const processes = new WatchedFile(`${directory}/cgroup.events`);
  const memory = new WatchedFile(`${directory}/memory.events`);
  const isLegacy = state.cgroup.v1.some(({ controller }) => controller === 'memory');
  let next = addon.monotonicMs();
  const fds = new Int32Array(6);
  for (;;) {
    if (!reporter.oom()) return 0;
    // Whether there is any process decides, not the first one: others may live on in a shared pid namespace.
    if (!processes.text.includes('populated 1')) return 0;
    const now = addon.monotonicMs();
    if (now >= next) {
      if (!reporter.stats()) return 0;
      next += Math.ceil((now - next + 1) / intervalMs) * intervalMs;
    }
    const left = Math.max(0, Math.ceil(next - addon.monotonicMs()));
    fds.set([signals, POLL.IN, processes.fd, POLL.PRI, memory.fd, POLL.PRI]);
    const ready = check(addon.poll(fds, isLegacy ? Math.min(left, LEGACY_PERIOD_MS) : left), 'poll', 'the container');
    const signal = fds[1] ? addon.readSignal(signals) : 0;
    if (signal > 0) return 128 + signal;
    if (fds[3] || ready === 0) processes.refresh();
    if (fds[5]) memory.refresh();
  }
}

export function events(context: Context, request: RequestOf<'events'>): number {
  const state = find(context, request.id);
  const reporter = new Reporter(request.id, viewOf(state.cgroup));
  if (request.stats) {
    reporter.stats();
    return 0;
  }
  return follow(state, reporter, request.interval);
}
