/** What a user's containers use, and that they run out of memory. */
import '../../../e2e/events.test.ts';
