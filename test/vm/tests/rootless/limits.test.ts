/** A user's limits by their effect, with every controller delegated: the cgroup v1 of many hosts has none for users. */
import '../../../e2e/limits.test.ts';
