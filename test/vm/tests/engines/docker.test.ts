/** The end-to-end tests of Docker once more, where cgroup v2 has every controller and systemd makes scopes. */
import '../../../e2e/docker.test.ts';
