import { usesTime } from './filter-text.js';
import type { FilterInput } from './filter-text.js';

/** Ids and names hold commas; these do not. */
const COMMA_SEPARATED: ReadonlySet<string> = new Set(['category', 'action', 'severity', 'actorType']);

/**
 * A filter as it was asked, as canonical JSON: the same for the same options in any order, and the same tomorrow. It
 * binds cursors and checkpoints to their filter. The zone counts only where a time does.
 */
export function filterQuestion(input: FilterInput, zone: string): string {
  const question: Record<string, unknown> = usesTime(input) ? { zone } : {};
  for (const property of Object.keys(input) as (keyof FilterInput)[]) {
    const value = input[property];
    if (Array.isArray(value)) {
      const items = (value as readonly string[]).flatMap((item) => splitList(property, item));
      if (items.length > 0) question[property] = [...new Set(items)].toSorted();
    } else if (value !== undefined) {
      question[property] = value;
    }
  }
  return JSON.stringify(question, Object.keys(question).toSorted());
}

function splitList(property: keyof FilterInput, value: string): string[] {
  return COMMA_SEPARATED.has(property) ? value.split(',') : [value];
}
