/** Limits, by their effect, in the hierarchies of this host. */
import { testLimits } from './harness/limit-tests.ts';

testLimits();
