/** Sockets of the caller that receive a descriptor each: `--console-socket` and `--pidfd-socket`. */
import { addon } from '../addon.ts';
import { absolute } from '../context.ts';
import { type ErrorCode, TsrunError } from '../errors.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';

function connect(flag: string, code: ErrorCode, path: string): number {
  const fd = addon.connectUnix(absolute(path));
  if (fd < 0) throw new TsrunError(code, `${flag}: connect to ${quote(path)}`, { cause: new SysError(-fd, 'connect') });
  return fd;
}

/** Connects to `--console-socket`. @throws {TsrunError} `console` */
export function connectConsole(path: string): number {
  return connect('--console-socket', 'console', path);
}

/** Connects to `--pidfd-socket`. @throws {TsrunError} `usage` */
export function connectPidfdSocket(path: string): number {
  return connect('--pidfd-socket', 'usage', path);
}

/** Sends the master of a terminal, and closes it here. @throws {TsrunError} `console` */
export function sendTerminal(socket: number, master: number): void {
  // The name goes along for a human who traces it; receivers look at the descriptor alone.
  const sent = addon.sendMessage(socket, new TextEncoder().encode('/dev/ptmx'), [master]);
  addon.close(master);
  if (sent < 0)
    throw new TsrunError('console', '--console-socket: send the terminal', { cause: new SysError(-sent, 'sendmsg') });
}

/** Sends a pidfd of our child `pid`. @throws {TsrunError} `system` */
export function sendPidfd(socket: number, pid: number): void {
  const pidfd = check(addon.pidfdOpen(pid), 'pidfd_open', 'the new process');
  const sent = addon.sendMessage(socket, new TextEncoder().encode('pidfd'), [pidfd]);
  addon.close(pidfd);
  if (sent < 0)
    throw new TsrunError('system', '--pidfd-socket: send the pidfd', { cause: new SysError(-sent, 'sendmsg') });
}
