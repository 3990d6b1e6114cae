/** `exec` where cgroup v2 has every controller, under the cgroupfs driver. */
import { testExecInCgroups } from '../../../e2e/harness/exec-cgroup-tests.ts';

testExecInCgroups();
