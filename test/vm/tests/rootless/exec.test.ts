/** Further processes in a user's containers. */
import '../../../e2e/exec.test.ts';
