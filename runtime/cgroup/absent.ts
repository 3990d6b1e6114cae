/** What is said where a command needs the cgroup of a container that has none, or has it no more. */
import { TsrunError } from '../errors.ts';
import type { StoredCgroup } from '../store.ts';
import { quote } from '../text.ts';
import { cgroupNumber, isStill } from './cgroupfs.ts';

/**
 * @param doing What was asked for, and of which container: `pause "web"`.
 * @param use What it needs the cgroup for: `to freeze it by`.
 * @throws {TsrunError} `cgroup`: the container is without one
 */
export function refuseWithoutCgroup(
  { driver, isUndelegated }: Pick<StoredCgroup, 'driver' | 'isUndelegated'>,
  doing: string,
  use: string,
): void {
  if (driver !== 'disabled') return;
  const why = isUndelegated
    ? 'none was delegated to the caller: make it anew with --systemd-cgroup in a login session, or start tsrun by `systemd-run --user --scope -p Delegate=yes`'
    : '--cgroup-manager was disabled: make it anew with another';
  throw new TsrunError('cgroup', `${doing}: the container was made without a cgroup ${use}, for ${why}`);
}

/**
 * Somebody may have moved the container's processes away and removed its cgroup, while it ran. What has the same name now is
 * somebody else's.
 * @throws {TsrunError} `cgroup`: it is gone
 */
export function refuseWhereGone(cgroup: StoredCgroup, doing: string): void {
  if (cgroup.driver === 'disabled') return;
  const number = cgroupNumber(cgroup);
  if (isStill(cgroup, number)) return;
  const now = number === undefined ? '' : ', and the one that has its name now is not the container’s';
  throw new TsrunError(
    'cgroup',
    `${doing}: the cgroup ${quote(cgroup.path)} of the container is gone${now}: delete the container, and make it anew`,
  );
}
