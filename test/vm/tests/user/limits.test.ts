/** A user's limits by their effect, as properties of scopes of the user's own service manager. */
import { testLimits } from '../../../e2e/harness/limit-tests.ts';

testLimits({ global: ['--systemd-cgroup'] });
