/** The end-to-end tests of containerd once more, where cgroup v2 has every controller and systemd makes scopes. */
import '../../../e2e/containerd.test.ts';
