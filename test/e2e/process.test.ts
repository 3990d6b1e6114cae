import { args, set } from './harness/config.ts';
import { expect, test } from './harness/test.ts';

test('hostname', async ({ lab }) => {
  const facts = await lab.facts(args('hostname', 'ids'), set('hostname', 'guest-name'));
  expect(facts.text('hostname')).toBe('guest-name');
});
