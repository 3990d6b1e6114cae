/** What only a caller without privileges has, with every controller delegated. */
import '../../../e2e/rootless.test.ts';
