/** The end-to-end tests about cgroups once more, where cgroup v2 has every controller. */
import '../../../e2e/cgroup.test.ts';
import '../../../e2e/events.test.ts';
import '../../../e2e/freeze.test.ts';
