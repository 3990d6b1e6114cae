import { expect, test } from 'vitest';
import { numbersOf } from '../../../spec/scheduling.ts';

test.each<[string, number[]]>([
  ['0', [0]],
  ['0-3,7', [0, 1, 2, 3, 7]],
  ['7,1', [7, 1]],
  ['0-7:2/4', [0, 1, 4, 5]],
  ['0-4:1/2,9', [0, 2, 4, 9]],
  ['3-4:3/3', [3, 4]],
])('the numbers of %s', (list, numbers) => {
  expect(numbersOf(list)).toEqual(numbers);
});
