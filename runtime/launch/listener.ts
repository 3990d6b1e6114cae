/** The listener of seccomp notifications: config-linux.md, "The Container Process State". */
import type { Config } from '../../spec/config.ts';
import { OCI_VERSION, type State } from '../../spec/state.ts';
import { addon } from '../addon.ts';
import { TsrunError } from '../errors.ts';
import { resolve } from '../plan/path.ts';
import { SysError } from '../sys.ts';
import { quote } from '../text.ts';
import { fetchDescriptor } from './fetch.ts';

const ENOENT = 2;

/** What init says at POINT.LISTENER. */
interface ListenerEvent {
  /** A descriptor of init's. */
  readonly fd?: number;
  readonly fds: readonly number[];
}

/** What the listener is told of. */
export interface ListenerRequest {
  /** Absolute; a relative listenerPath begins there. */
  readonly bundle: string;
  readonly config: Config;
}

/** The descriptor by which process `pid` notifies: it came along, or is the one of the number that init told. @throws {TsrunError} */
function listenerOf(pid: number, { fd, fds }: ListenerEvent): number {
  return fds[0] ?? fetchDescriptor(pid, fd ?? -1, 'linux.seccomp');
}

/** Sends what `pid` brought to POINT.LISTENER, with the container's state, over a connection of its own. @throws {TsrunError} */
export function sendListener(
  pid: number,
  event: ListenerEvent,
  state: State,
  { bundle, config }: ListenerRequest,
): void {
  const { listenerPath = '', listenerMetadata } = config.linux?.seccomp ?? {};
  const path = resolve(bundle, listenerPath);
  const socket = addon.connectUnix(path);
  // Not in the words of ENOENT, which callers take for a missing program.
  if (socket === -ENOENT)
    throw new TsrunError(
      'process',
      `linux.seccomp.listenerPath: the socket ${quote(path)} does not exist: start the seccomp agent first`,
    );
  if (socket < 0)
    throw new TsrunError('process', `linux.seccomp.listenerPath: connect to the seccomp agent at ${quote(path)}`, {
      cause: new SysError(-socket, 'connect'),
    });
  try {
    const listener = listenerOf(pid, event);
    const text = JSON.stringify({
      ociVersion: OCI_VERSION,
      fds: ['seccompFd'],
      pid,
      ...(listenerMetadata === undefined ? {} : { metadata: listenerMetadata }),
      state,
    });
    const sent = addon.sendMessage(socket, new TextEncoder().encode(text), [listener]);
    addon.close(listener);
    if (sent < 0)
      throw new TsrunError('process', `linux.seccomp.listenerPath: send to ${quote(path)}`, {
        cause: new SysError(-sent, 'sendmsg'),
      });
  } finally {
    addon.close(socket);
  }
}
