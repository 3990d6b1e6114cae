/** The root file system of what engines run in the guest: busybox, and nothing else. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Makes the tree in a directory that need not exist. */
export function busyboxTree(directory: string): void {
  for (const name of ['bin', 'etc', 'tmp', 'data']) mkdirSync(join(directory, name), { recursive: true });
  copyFileSync('/bin/busybox', join(directory, 'bin/busybox'));
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(directory, 'bin', applet));
  writeFileSync(join(directory, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  chmodSync(join(directory, 'tmp'), 0o1777);
}
