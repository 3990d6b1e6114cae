/** The guest's user without privileges (guest/init), and what a login gives to a user: a service manager of their own. */
import { execFileSync } from 'node:child_process';
import { asUser, defaultEnvironment } from '../e2e/harness/runtime.ts';

/** Of the user and of their group. */
export const userId = 2000;

export const userRuntimeDirectory = `/run/user/${userId}`;

/** The cgroup of the user's manager, and so of all that it runs. */
export const userCgroup = `/user.slice/user-${userId}.slice/user@${userId}.service`;

/** The environment of a login, with a home directory. */
export const userEnvironment = (home: string): Record<string, string> => ({
  ...defaultEnvironment,
  HOME: home,
  XDG_RUNTIME_DIR: userRuntimeDirectory,
  DBUS_SESSION_BUS_ADDRESS: `unix:path=${userRuntimeDirectory}/bus`,
});

/** A command line as the user runs it. */
export const byUser = (...argv: string[]): string[] => asUser(userId, ...argv);

const service = `user@${userId}.service`;

/** Starts the user's manager, as the first login does; logind comes with it. */
export function startUserManager(): void {
  execFileSync('systemctl', ['start', service]);
}

/** Ends it, and all that it runs. */
export function stopUserManager(): void {
  execFileSync('systemctl', ['stop', service]);
}
