/** A user's containers paused and resumed. */
import '../../../e2e/freeze.test.ts';
