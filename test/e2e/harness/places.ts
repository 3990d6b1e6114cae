/** Where things are: all from the environment that `box.sh` and `run.sh` set. */
import { basename, resolve } from 'node:path';

export const repository = resolve(import.meta.dirname, '../../..');

/** The runtime under test: `TSRUN_TEST_RUNTIME`, by default the built executable. */
export const runtimePath = resolve(repository, process.env.TSRUN_TEST_RUNTIME ?? 'dist/tsrun');

/** Whether it is ours, and not one that the suite is compared with. */
export const isTsrun = basename(runtimePath).startsWith('tsrun');

/** The static program that runs in containers and as hooks (`test/guest/guest.c`). */
export const guestPath = resolve(repository, 'build/guest/guest');

/** The static program that does a caller's part (`test/guest/host.c`). */
export const hostToolPath = resolve(repository, 'build/guest/host');

/** The box's number; every container id begins with {@link idPrefix}, which carries it. */
const box = process.env.TSRUN_TEST_BOX;
if (box === undefined) throw new Error('the end-to-end tests run only in their box: use test/e2e/run.sh');

export const idPrefix = `e2e${box}`;

/** Whether the box is the emulated machine of `npm run test:vm`, on which every command takes seconds. */
export const inGuest: boolean = box === 'vm';

/** A directory of the box, removed with it. */
export const scratch = process.env.TSRUN_TEST_TMP ?? '/nonexistent';

/** The user who calls the runtime, where that is not root: see rootless.sh. Groups have the same number. */
export const caller = process.env.TSRUN_TEST_USER === undefined ? undefined : Number(process.env.TSRUN_TEST_USER);

/** The XDG_RUNTIME_DIR of that user, who then has a service manager. */
export const callerRuntime = process.env.TSRUN_TEST_USER_RUNTIME;

/** How much longer than on a machine of today things may take: all limits of time are multiplied by it. */
export const patience = Number(process.env.TSRUN_TEST_PATIENCE ?? 1);
