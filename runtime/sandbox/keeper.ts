/**
 * A small process beside each sandbox that outlives tsrun: where that is killed before it could clean up, the keeper
 * removes the container in its place. It is init, waiting, and holds nothing but its wait, and what is the sandbox's alone.
 */
import { addon } from '../addon.ts';
import { O } from '../constants.ts';
import type { Context } from '../context.ts';
import { TsrunError } from '../errors.ts';
import { POINT } from '../generated/wire.ts';
import { launcherPath } from '../install.ts';
import type { Step } from '../plan/types.ts';
import { check } from '../sys.ts';
import { startTool } from '../tool.ts';

const SIGKILL = 9;

function keeperSteps(args: readonly string[], env: readonly string[]): Step[] {
  const from = 'nothing of a sandbox is left';
  return [
    { operation: { op: 'session' }, from },
    { operation: { op: 'args', args }, from },
    { operation: { op: 'env', env }, from },
    { operation: { op: 'sync', point: POINT.TOOL }, from },
    { operation: { op: 'outlive', fd: 0 }, from },
    { operation: { op: 'findExecutable' }, from },
    { operation: { op: 'descriptors' }, from },
    { operation: { op: 'exec' }, from },
  ];
}

/** A running keeper. */
export class Keeper {
  readonly #pid: number;

  /**
   * Starts the keeper of container `id` in the state root `root`.
   *
   * @param held A descriptor that stays open until the container is removed, for the lock on what it is.
   * @throws {TsrunError}
   */
  constructor({ caller }: Context, root: string, id: string, held: number | undefined) {
    const launcher = launcherPath();
    if (launcher === undefined)
      throw new TsrunError('system', 'sandbox: this tsrun is not installed as a whole: its launcher is missing');
    const nothing = check(addon.open('/dev/null', O.RDWR, 0), 'open', '/dev/null');
    const self = check(addon.pidfdOpen(addon.getpid()), 'pidfd_open', 'tsrun');
    const args = [launcher, '--root', root, 'delete', '--force', id];
    try {
      this.#pid = startTool(
        {
          steps: keeperSteps(args, caller.env),
          inherited: [self],
          // Standard input alone stays open in the program that removes the container, which does not read it.
          stdio: [held ?? nothing, nothing, nothing],
          caller,
          args,
        },
        POINT.TOOL,
      );
    } finally {
      addon.close(nothing);
      addon.close(self);
    }
  }

  get pid(): number {
    return this.#pid;
  }

  /** Everything has been cleaned up without it. */
  dismiss(): void {
    addon.kill(this.#pid, SIGKILL);
    addon.wait(this.#pid, true);
  }
}
