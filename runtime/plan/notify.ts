/**
 * sd_notify(3) for the program of a container: it gets a socket of its own, and of what it says there only that it is ready
 * reaches whoever waits for that. Pure.
 */
import type { Config } from '../../spec/config.ts';

/** Where the directory with the socket is seen inside the container. */
const INSIDE = '/run/notify';
/** The socket, in its directory. */
export const NOTIFY_SOCKET_NAME = 'notify.sock';

/** The configuration with that socket: its directory as the last mount, and NOTIFY_SOCKET. */
export function withNotifySocket(config: Config, directory: string): Config {
  if (!config.process) return config;
  const env = (config.process.env ?? []).filter((entry) => !entry.startsWith('NOTIFY_SOCKET='));
  return {
    ...config,
    process: { ...config.process, env: [...env, `NOTIFY_SOCKET=${INSIDE}/${NOTIFY_SOCKET_NAME}`] },
    mounts: [
      ...(config.mounts ?? []),
      { destination: INSIDE, type: 'bind', source: directory, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] },
    ],
  };
}

/** Whether a message of sd_notify(3), lines of `NAME=VALUE`, says that the program is ready. */
export function saysReady(message: string): boolean {
  return message.split('\n').includes('READY=1');
}

/** What whoever waits is told then. The rest of a container's message could claim anything about the service. */
export function readyMessage(pid: number): string {
  return `READY=1\nMAINPID=${pid}\n`;
}
