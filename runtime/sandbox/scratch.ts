/**
 * Where the root file system of a sandbox is unpacked: a directory on a disk, for the state directory lies in memory. Its path is
 * noted in the container before it is made, and the container takes it along when it is removed.
 */
import { addon } from '../addon.ts';
import { type Caller, envOf } from '../caller.ts';
import { O } from '../constants.ts';
import { TsrunError } from '../errors.ts';
import { readText } from '../host.ts';
import { type MountInfo, parseMountInfo } from '../mountinfo.ts';
import type { Container } from '../store.ts';
import { check, SysError } from '../sys.ts';
import { quote } from '../text.ts';

/** Where temporary files are that may be large and outlast a boot. file-hierarchy(7) */
const DEFAULT_PARENT = '/var/tmp';

const RANDOM_BYTES = 8;

/** The mount that a path without links lies in. */
function mountOf(path: string, mounts: readonly MountInfo[]): MountInfo | undefined {
  let best: MountInfo | undefined;
  for (const mount of mounts) {
    const { destination } = mount;
    const isAbove = destination === '/' || path === destination || path.startsWith(`${destination}/`);
    if (isAbove && destination.length >= (best?.destination.length ?? 0)) best = mount;
  }
  return best;
}

/** The directory to unpack in: `TMPDIR`, or the usual one. @throws {TsrunError} `usage`: it is unfit. */
function findParent(caller: Caller): string {
  const given = envOf(caller, 'TMPDIR');
  const asked = given ? given : DEFAULT_PARENT;
  const cure = 'set TMPDIR to a directory on a disk with room';
  const refuse = (why: string, cause?: SysError): TsrunError =>
    new TsrunError('usage', `--rootfs: unpack in ${quote(asked)}${given ? ' (TMPDIR)' : ''}: ${why}`, { cause });
  if (!asked.startsWith('/')) throw refuse(`not an absolute path: ${cure}`);
  const path = addon.realpath(asked);
  if (typeof path === 'number') throw refuse(cure, new SysError(-path, 'realpath'));
  if (mountOf(path, parseMountInfo(readText('/proc/self/mountinfo')))?.options.includes('noexec'))
    throw refuse(`that file system is mounted noexec, so that no program of the sandbox could be run: ${cure}`);
  return path;
}

/** A name that nobody can have thought of. */
function newName(): string {
  const fd = check(addon.open('/dev/urandom', O.RDONLY, 0), 'open', '/dev/urandom');
  const bytes = new Uint8Array(RANDOM_BYTES);
  const count = addon.read(fd, bytes);
  addon.close(fd);
  if (count !== RANDOM_BYTES) throw new TsrunError('system', 'read /dev/urandom');
  return `tsrun-sandbox-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/**
 * Makes an empty directory that only the caller can enter, and notes it in the container.
 *
 * @throws {TsrunError} `usage`: the place for it is unfit.
 */
export function makeScratch(container: Container, caller: Caller): string {
  const path = `${findParent(caller).replace(/\/$/, '')}/${newName()}`;
  container.noteScratch(path);
  const made = addon.mkdir(path, 0o700);
  if (made < 0)
    throw new TsrunError('usage', `--rootfs: unpack in ${quote(path)}: set TMPDIR to a directory of your own`, {
      cause: new SysError(-made, 'mkdir'),
    });
  return path;
}
