import { describe, expect, it } from 'vitest';
import { isValidId } from '../../src/core/identifiers.js';

describe('isValidId', () => {
  it.each(['al_1a2b3c4d', 'x', '1a', '٣', '01a1f87c-0517-704d-a7e4-319941d6ebd8', '1 '])('takes %j', (id) => {
    expect(isValidId(id)).toBe(true);
  });

  it.each(['', '1', '007', '18446744073709551616'])('refuses %j, which would be a seq or nothing', (id) => {
    expect(isValidId(id)).toBe(false);
  });
});
