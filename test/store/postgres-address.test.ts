import { expect, test } from 'vitest';
import { targetOf } from '../../src/store/postgres/engine/address.js';

test.each([
  ['postgres://app@db.example/shop', { user: 'app', host: 'db.example', database: 'shop' }],
  ['postgresql://app:a%40b@[::1]:5433/shop', { user: 'app', password: 'a@b', host: '::1', port: 5433 }],
  // As libpq takes it: a user and no host, which a URL cannot have.
  ['postgres://app@/shop?host=/run/postgresql', { user: 'app', host: '/run/postgresql', database: 'shop' }],
  ['postgres://app:secret@/shop?host=/run', { user: 'app', password: 'secret', host: '/run', database: 'shop' }],
  ['postgres://app@?host=/run&dbname=shop', { user: 'app', host: '/run', database: 'shop' }],
  ['postgres:///shop?host=/run&user=app', { user: 'app', host: '/run', database: 'shop' }],
])('%s is read as libpq reads it', (url, config) => {
  expect(targetOf(url, url).config).toMatchObject(config);
});

test.each(['postgres://app@/shop', 'postgres:///shop'])(
  '%s names no host: the driver takes that of the environment',
  (url) => {
    expect(targetOf(url, url).config.host).toBeUndefined();
  },
);

test('what is no URL is refused without what it holds', () => {
  expect(() => targetOf('postgres://app:secret@[x/y', 'postgres://app@[x/y')).toThrow(
    /^postgres:\/\/app@\[x\/y cannot be read/,
  );
});
