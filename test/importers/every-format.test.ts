import { describe, expect, test } from 'vitest';
import { IMPORT_FORMATS } from '../../src/importers/index.js';
import { EVERY_FORMAT } from './every-format.js';
import { imports, staysTheSame } from './imported.js';

describe('every format that can be imported', () => {
  test('has a fixture below', () => {
    expect(Object.keys(EVERY_FORMAT).toSorted()).toEqual([...IMPORT_FORMATS.keys()].toSorted());
  });

  test.each(Object.entries(EVERY_FORMAT))(
    '%s: its fixture comes in whole, verifies, and adds nothing once more',
    async (name, { source, options = [] }) => {
      const file = source();
      const { read, recorded, skipped, rejected } = await imports(name, file, ...options);
      expect({ skipped, rejected }).toEqual({ skipped: 0, rejected: 0 });
      expect(read).toBeGreaterThan(0);
      expect(recorded).toBeGreaterThan(0);
      await staysTheSame(name, file, recorded, ...options);
    },
  );
});
