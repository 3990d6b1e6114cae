/** Descriptors of the caller that the new process keeps. */
import { addon } from '../addon.ts';
import { type Caller, envOf } from '../caller.ts';
import { TsrunError } from '../errors.ts';

/** What the new process keeps from descriptor 3 on. */
export interface Preserved {
  /** All of them. */
  readonly count: number;
  /** How many of these are sockets of sd_listen_fds(3), the first ones. */
  readonly listening: number;
}

/** How many sockets the caller activates us with: LISTEN_FDS counts where LISTEN_PID is our own pid; sd_listen_fds(3). */
function listenFds(caller: Caller): number {
  const count = envOf(caller, 'LISTEN_FDS') ?? '';
  return envOf(caller, 'LISTEN_PID') === String(addon.getpid()) && /^[1-9][0-9]{0,5}$/.test(count) ? Number(count) : 0;
}

/**
 * The sockets that the caller activates us with, and after them as many descriptors as `--preserve-fds` asks for.
 *
 * @throws {TsrunError} `usage`: one of them is not open.
 */
export function preservedDescriptors(caller: Caller, asked: number): Preserved {
  const listening = listenFds(caller);
  const count = listening + asked;
  for (let fd = 3; fd < 3 + count; fd++) {
    if (caller.openFds.includes(fd)) continue;
    const who = fd < 3 + listening ? `LISTEN_FDS=${listening} in the environment` : `--preserve-fds ${asked}`;
    throw new TsrunError('usage', `${who}: descriptor ${fd} is not open`);
  }
  return { count, listening };
}
