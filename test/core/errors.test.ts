import { expect, test, vi } from 'vitest';
import { DaybookError, isDaybookError, ResourceError } from '../../src/core/errors.js';

test('an error of another copy of the package is known as one', async () => {
  vi.resetModules();
  const other = await import('../../src/core/errors.js');
  const thrown = new other.ResourceError('busy', 'app.db is locked by another program');
  expect(thrown).not.toBeInstanceOf(DaybookError);
  expect(isDaybookError(thrown)).toBe(true);
  expect(other.isDaybookError(new DaybookError('usage', 'limit -1'))).toBe(true);
});

test.each([new Error('x'), new TypeError('x'), { kind: 'usage', message: 'x', name: 'DaybookError' }, null, 'x', 7])(
  'what is none is not taken for one: %o',
  (thrown) => expect(isDaybookError(thrown)).toBe(false),
);

test('an error says which value is wrong', () => {
  const error = new ResourceError('usage', 'limit -1 is wrong', { field: 'limit', value: -1 });
  expect(error).toMatchObject({ kind: 'usage', field: 'limit', value: -1, name: 'DaybookError' });
  // What is shown of an error in a log is what can be read in it.
  expect(Object.keys(error)).not.toContain('cause');
});
