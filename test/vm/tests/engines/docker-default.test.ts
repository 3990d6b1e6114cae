/** The end-to-end tests of a Docker whose default is tsrun once more, where cgroupfs has every controller of cgroup v2. */
import '../../../e2e/docker-default.test.ts';
