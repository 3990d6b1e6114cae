/** What the tests of the addon share: it runs programs by the addon's own spawn, and looks at what they saw. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { addon } from '../../../runtime/addon.ts';
import { O } from '../../../runtime/constants.ts';
import type { ChildStatus, SpawnOptions } from '../../../runtime/native.ts';
import { check, checkValue } from '../../../runtime/sys.ts';

/** A directory for the tests of one file, removed after them. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-addon-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

const decoder = new TextDecoder();

/** Everything that comes from `fd` until its end, as text; closes it. */
function drain(fd: number): string {
  const buffer = new Uint8Array(65536);
  let text = '';
  for (;;) {
    const length = check(addon.read(fd, buffer), 'read');
    if (length === 0) break;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  addon.close(fd);
  return text;
}

export function openNull(): number {
  return check(addon.open('/dev/null', O.RDWR, 0), 'open');
}

/** Runs a program to its end: what it wrote to its standard output, and how it ended. */
export function run(
  argv: readonly string[],
  options: Partial<SpawnOptions> = {},
): { output: string; end: ChildStatus } {
  const [reading, writing] = checkValue(addon.pipe(), 'pipe');
  const nothing = openNull();
  const fds = [nothing, writing, 2, ...(options.fds ?? [])];
  const program = options.exeFd === undefined ? { path: argv[0] ?? '' } : {};
  const pid = check(addon.spawn({ ...program, argv, env: ['PATH=/usr/bin:/bin'], ...options, fds }), 'spawn');
  addon.close(writing);
  addon.close(nothing);
  const output = drain(reading);
  const end = addon.wait(pid, true);
  if (end === null || typeof end === 'number') throw new Error(`wait: ${end}`);
  return { output, end };
}

/** Runs a shell script. */
export function shell(script: string, options: Partial<SpawnOptions> = {}): { output: string; end: ChildStatus } {
  return run(['/bin/sh', '-c', script], options);
}

/** The open descriptors of this process. */
export function openFds(): string[] {
  const directory = '/proc/self/fd';
  const names = checkValue(addon.readdir(directory), 'readdir');
  return names.filter((name) => typeof addon.readlink(`${directory}/${name}`) === 'string').sort();
}

/** Where cgroup v2 is mounted: alone, or beside v1. */
export const cgroupRoot: string =
  addon.access('/sys/fs/cgroup/cgroup.controllers', 0) === 0 ? '/sys/fs/cgroup' : '/sys/fs/cgroup/unified';
