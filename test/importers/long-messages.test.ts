import { expect, test } from 'vitest';
import { changeMessage } from '../../src/importers/row-changes.js';

const titled = (...names: readonly string[]): string => changeMessage('update', 'users 1', JSON.stringify(names));

test('a message names every field while there are few', () => {
  expect(titled()).toBe('nothing of users 1 changed');
  const columns = Array.from({ length: 150 }, (_, n) => `column${n}`);
  expect(titled(...columns)).toBe(`${columns.join(', ')} of users 1 changed`);
});

test('a message names the first of very many, and how many more there are', () => {
  const paths = Array.from({ length: 22_000 }, (_, n) => `data.p${n}`);
  expect(titled(...paths)).toBe('data.p0, data.p1, data.p2, data.p3, data.p4 and 21995 more of users 1 changed');
});

test('a message cuts names that are long themselves, and none of their letters in two', () => {
  const long = '\u{1f600}'.repeat(3000);
  expect(titled(long, 'a')).toBe(`${'\u{1f600}'.repeat(60)}, a of users 1 changed`);
  for (const count of [1, 5, 6, 500]) {
    const message = titled(...Array.from({ length: count }, () => long));
    expect([message.length < 1000, message.isWellFormed()]).toEqual([true, true]);
  }
});
