import { newEntry } from '../../src/core/entry.js';
import type { HistoryEntry } from '../../src/core/entry.js';

/** An entry as history returns it; the fields that a test does not care about have plain values. */
export function historyEntry(fields: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    ...newEntry({ action: 'update' }),
    seq: 1,
    id: '01957f3e-8f00-7000-8000-000000000001',
    ts: '2026-03-05T14:07:09.123Z',
    reverted_by: null,
    ...fields,
  };
}

const LONG = 'The quick brown fox jumps over the lazy dog while the auditor takes notes about everything. '
  .repeat(4)
  .trim();

/** Everything that has broken a table somewhere: scripts, emoji, hidden and moving characters, length, emptiness. */
export const HARD_ENTRIES: readonly HistoryEntry[] = [
  historyEntry({
    seq: 12345,
    actor: 'u1',
    actor_name: '田中さくら',
    actor_type: 'user',
    entity_type: 'ticket',
    entity_id: '4711',
    message: '在庫の数を直しました。次の棚卸しまで変えないでください。',
    severity: 'warning',
  }),
  historyEntry({
    seq: 12344,
    actor: 'नमस्ते',
    actor_type: 'user',
    action: 'partial_dispense',
    entity_type: 'prescription',
    entity_id: 'rx_0190a7c5-77aa-7cc0-b2f0-000000000042',
    message: 'हिन्दी में एक टिप्पणी 👨‍👩‍👧 with family, 👍🏽 and 🇩🇪',
  }),
  historyEntry({
    seq: 12343,
    actor: 'mallory\u202egnp.exe',
    entity_type: 'file',
    entity_id: 'a\u200bb\u0007',
    message: '\x1b]0;owned\x07\x1b[2J\x1b[31mred\u009b1m\rroot\u2028\u{e0041}',
    severity: 'error',
    ts: '2026-03-05T00:00:00.000Z',
  }),
  historyEntry({
    seq: 12342,
    message: LONG,
    entity_type: 'document',
    entity_id: 'd1',
    reverted_by: 'x',
    ts: '2026-03-04T23:59:59.999Z',
  }),
  historyEntry({
    seq: 7,
    actor: '',
    action: 'e\u0301te\u0301',
    message: 'first line\nsecond line\r\n\tthird\n\n',
    ts: '2025-10-26T01:30:00.000Z',
  }),
  historyEntry({ seq: 6, entity_type: 'only-type', ts: '2025-10-26T00:30:00.000Z' }),
];
