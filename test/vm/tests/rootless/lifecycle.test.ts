/** From create to delete. */
import '../../../e2e/lifecycle.test.ts';
