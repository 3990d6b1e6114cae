/** End-to-end tests once more: those about cgroups where v2 has every controller, and those that some hosts cannot run. */
import '../../../e2e/cgroup.test.ts';
import '../../../e2e/events.test.ts';
import '../../../e2e/freeze.test.ts';
import '../../../e2e/seccomp-architectures.test.ts';
