import { expect, test } from 'vitest';
import { addressOf } from '../../src/core/address.js';

test.each(['audit.db', './postgres', 'C:/postgres://x', 'post gres://u:p@h'])(
  '%s is a file, shown as it is',
  (text) => {
    expect(addressOf(text)).toEqual({ engine: 'sqlite', connects: text, shown: text });
  },
);

test.each([
  ['postgres://u:secret@h/db', 'postgres://u@h/db'],
  ['postgresql://u:se@cret@h:5432/db', 'postgresql://u@h:5432/db'],
  ['postgres://h/db', 'postgres://h/db'],
  ['POSTGRES://u@h/db?password=secret&x=1', 'POSTGRES://u@h/db?x=1'],
  ['postgres://u@h/db?x=1&sslpassword=a&passwd=b&y=2#c', 'postgres://u@h/db?x=1&y=2#c'],
  ['postgres://u@h/db?x=1&password=a&password=b', 'postgres://u@h/db?x=1'],
  ['postgres://u@h/db?password=a', 'postgres://u@h/db'],
  ['postgres://u@h/db%3Fpassword=a', 'postgres://u@h/db%3Fpassword=…'],
])('%s is shown without its password', (text, shown) => {
  expect(addressOf(text)).toEqual({ engine: 'postgres', connects: text, shown });
});
