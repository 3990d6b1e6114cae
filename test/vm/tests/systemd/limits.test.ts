/** Limits by their effect under the systemd driver: as properties of the scope, and as files where systemd has none. */
import { testLimits } from '../../../e2e/harness/limit-tests.ts';
import { testMachineLimits } from '../../machine-limits.ts';

const systemd = ['--systemd-cgroup'];
testLimits({ global: systemd });
testMachineLimits(systemd);
