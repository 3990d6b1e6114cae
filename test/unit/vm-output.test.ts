/** What is shown of guests that run at the same time. */
import { expect, test } from 'vitest';
import { Output } from '../vm/output.ts';

function shown(): { output: Output; text: () => string } {
  let text = '';
  const output = new Output((stream, bytes) => {
    text += `${stream === 'stderr' ? '!' : ''}${new TextDecoder().decode(bytes)} `;
  });
  return { output, text: () => text };
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test('the first is live, the next is told when it has ended', () => {
  const { output, text } = shown();
  const first = output.next();
  const second = output.next();
  second.write('stderr', bytes('b1'));
  first.write('stdout', bytes('a1'));
  expect(text()).toBe('a1 ');
  first.write('stdout', bytes('a2'));
  first.end();
  expect(text()).toBe('a1 a2 !b1 ');
  second.write('stdout', bytes('b2'));
  expect(text()).toBe('a1 a2 !b1 b2 ');
});

test('those that end early keep their place', () => {
  const { output, text } = shown();
  const [first, second, third] = [output.next(), output.next(), output.next()];
  third.write('stdout', bytes('c'));
  second.write('stdout', bytes('b'));
  second.end();
  third.end();
  first.write('stdout', bytes('a'));
  first.end();
  output.next().write('stdout', bytes('d'));
  expect(text()).toBe('a b c d ');
});
