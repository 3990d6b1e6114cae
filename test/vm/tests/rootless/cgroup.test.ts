/** A user's cgroups in a part of the tree that is theirs. */
import '../../../e2e/cgroup.test.ts';
