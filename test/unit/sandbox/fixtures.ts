/** Sandboxes as their command lines ask for them, on a host that is data. */
import { parse, type RequestOf } from '../../../runtime/cli/parse.ts';
import { type SandboxBundle, sandboxConfig } from '../../../runtime/sandbox/config.ts';
import type { SandboxFacts } from '../../../runtime/sandbox/facts.ts';
import { sandboxRequest } from '../../../runtime/sandbox/request.ts';

/** A small Debian, seen by a user who has subordinate ids. */
export const host: SandboxFacts = {
  uid: 1000,
  gid: 1000,
  cwd: '/home/me/work',
  env: ['PATH=/usr/bin:/bin', 'HOME=/home/me', 'SHELL=/bin/bash', 'TERM=vt100'],
  terminal: false,
  root: [
    { name: 'bin', kind: 'link', target: 'usr/bin' },
    { name: 'dev', kind: 'directory' },
    { name: 'etc', kind: 'directory' },
    { name: 'home', kind: 'directory' },
    { name: 'proc', kind: 'directory' },
    { name: 'run', kind: 'directory' },
    { name: 'swapfile', kind: 'file' },
    { name: 'sys', kind: 'directory' },
    { name: 'tmp', kind: 'directory' },
    { name: 'usr', kind: 'directory' },
  ],
  layers: [],
  edited: [],
  imageProcess: undefined,
  devices: ['null', 'fuse', 'kvm', 'pts'],
  cgroups: true,
  containers: new Map([['c1', 4711]]),
  joinsRoot: true,
  subordinate: { uid: [{ first: 100_000, count: 65_536 }], gid: [{ first: 100_000, count: 65_536 }] },
  resolver: '/run/resolver/resolv.conf',
  seccomp: undefined,
};

/** The same for root. */
export const rootHost: SandboxFacts = { ...host, uid: 0, gid: 0 };

/** What the command line asks for, with `sandbox` and blanks taken apart. */
function asked(line: string | readonly string[]): RequestOf<'sandbox'> {
  const words = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line;
  const request = parse(['sandbox', ...words]);
  if (request.command !== 'sandbox') throw new Error(`${request.command} in place of sandbox`);
  return request;
}

/** The bundle that the command line makes. */
export function made(line: string | readonly string[], facts: SandboxFacts = host): SandboxBundle {
  return sandboxConfig(sandboxRequest(asked(line), facts.cwd), facts, { id: 'box', bundle: '/state/box/bundle' });
}
