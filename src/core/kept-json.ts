/**
 * What we keep as JSON in tables of our own, read again: another program may have spoiled it, and what cannot be read must
 * be told and hinder nothing else. Undefined is what is no JSON.
 */
export function keptJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

export function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
