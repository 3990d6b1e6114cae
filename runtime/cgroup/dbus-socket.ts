/** The transport of D-Bus: a socket file. */
import { addon } from '../addon.ts';
import { errnoText } from '../errno.ts';
import { DBusConnectionError, type Transport } from './dbus.ts';

const EAGAIN = 11;
const POLLIN = 1;
const POLLOUT = 4;

function failed(doing: string, path: string, result: number): DBusConnectionError {
  return new DBusConnectionError(`${doing} ${path}: ${errnoText(-result)}`);
}

/**
 * Connects to the socket at `path`.
 *
 * @throws {DBusConnectionError} Nobody listens there, or it may not be used.
 */
export function connectSocket(path: string): Transport {
  const fd = addon.connectUnix(path);
  if (fd < 0) throw failed('connect', path, fd);
  // A service that hangs must not make us hang: every wait is a poll with a deadline.
  addon.setNonblocking(fd, true);

  const wait = (events: number, deadline: number): void => {
    const left = Math.max(0, Math.ceil(deadline - addon.monotonicMs()));
    const ready = addon.poll(Int32Array.of(fd, events), left);
    if (ready < 0) throw failed('poll', path, ready);
    if (ready === 0) throw new DBusConnectionError(`${path}: no answer in time`, true);
  };

  return {
    write(data, deadline) {
      for (let sent = 0; sent < data.length; ) {
        const result = addon.write(fd, data.subarray(sent));
        if (result === -EAGAIN) wait(POLLOUT, deadline);
        else if (result < 0) throw failed('write', path, result);
        else sent += result;
      }
    },
    read(buffer, deadline) {
      for (;;) {
        wait(POLLIN, deadline);
        const result = addon.read(fd, buffer);
        if (result > 0) return result;
        if (result === 0) throw new DBusConnectionError(`${path}: the other end closed the connection`);
        if (result !== -EAGAIN) throw failed('read', path, result);
      }
    },
    now: () => addon.monotonicMs(),
    close() {
      addon.close(fd);
    },
  };
}
