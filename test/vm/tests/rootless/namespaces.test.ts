/** Namespaces below the user's own. */
import '../../../e2e/namespaces.test.ts';
