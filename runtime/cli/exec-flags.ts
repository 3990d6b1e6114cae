/** The flags of `exec`: a table that only this command needs. */
import { once } from '../once.ts';
import { pidfdSocketFlag, preserveFdsFlag } from './create-flags.ts';
import type { FlagSpecs } from './kinds.ts';

/** What `exec` is told of the process: a file with all of it, or what differs from the container's own process. */
export const execFlags = once(
  () =>
    ({
      process: {
        name: 'process',
        short: 'p',
        kind: 'path',
        value: 'FILE',
        help: 'the process as in config.json, in place of COMMAND and the flags that say what it is',
      },
      cwd: { name: 'cwd', kind: 'path', value: 'DIR', help: 'working directory, inside the container' },
      env: {
        name: 'env',
        short: 'e',
        kind: 'list',
        of: 'variable',
        value: 'NAME=VALUE',
        help: 'a variable of the environment, beside those of the container',
      },
      tty: { name: 'tty', short: 't', kind: 'switch', help: 'give it a terminal' },
      user: {
        name: 'user',
        short: 'u',
        kind: 'user',
        value: 'UID[:GID]',
        help: 'user and group, by number; group 0 unless given',
      },
      additionalGids: {
        name: 'additional-gids',
        short: 'g',
        kind: 'list',
        of: 'id',
        value: 'GID',
        help: 'a group beside those of the container',
      },
      cap: {
        name: 'cap',
        short: 'c',
        kind: 'list',
        of: 'capability',
        value: 'CAPABILITY',
        help: 'a capability beside those of the container: bounding, effective and permitted',
      },
      noNewPrivs: { name: 'no-new-privs', kind: 'switch', help: 'it cannot gain privileges by execve' },
      processLabel: { name: 'process-label', kind: 'text', value: 'LABEL', help: 'its SELinux label' },
      apparmor: { name: 'apparmor', kind: 'text', value: 'PROFILE', help: 'its AppArmor profile' },
      consoleSocket: {
        name: 'console-socket',
        kind: 'path',
        value: 'PATH',
        help: 'socket that receives the master of its terminal',
      },
      pidFile: { name: 'pid-file', kind: 'path', value: 'FILE', help: 'file to write its pid to, once it runs' },
      pidfdSocket: { ...pidfdSocketFlag, help: 'socket that receives a pidfd of it' },
      preserveFds: { ...preserveFdsFlag, help: 'descriptors from 3 on to pass to it, beside those of LISTEN_FDS' },
      detach: { name: 'detach', short: 'd', kind: 'switch', help: 'do not wait: return once it runs' },
      cgroup: {
        name: 'cgroup',
        kind: 'list',
        of: 'cgroup',
        value: '[CONTROLLERS:]PATH',
        help: "a cgroup below the container's to run it in; of the named v1 controllers only",
      },
      ignorePaused: {
        name: 'ignore-paused',
        kind: 'switch',
        help: "also in a paused container: it runs after 'resume'",
      },
      noSubreaper: {
        name: 'no-subreaper',
        kind: 'switch',
        help: 'accepted as by run; exec is never a subreaper',
      },
    }) as const satisfies FlagSpecs,
);
