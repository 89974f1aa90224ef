import type { NewEntry } from '../../../core/entry.js';
import type { CompareOutcome, RecordRequest } from '../../audit-store.js';
import { compared } from '../../compared.js';
import { attemptTemporary, openTemporary } from '../engine/index.js';

/** What a rehearsal would have recorded by now, however much: it is kept in a temporary file. */
export interface RehearsedEntries {
  /**
   * How an entry compares with the one of its id that came before; `missing` the first time, when it is remembered.
   * It must have an id.
   */
  compare(request: RecordRequest): CompareOutcome;
  close(): void;
}

/** What it does throws kind `failed` where the temporary file cannot be written. */
export function openRehearsed(): RehearsedEntries {
  const connection = openTemporary();
  // Nothing of it is to be kept or taken back.
  connection.exec('PRAGMA journal_mode = OFF; CREATE TABLE entries (id TEXT UNIQUE, entry TEXT); BEGIN');
  const remember = connection.prepare('INSERT INTO entries VALUES (?, ?) ON CONFLICT DO NOTHING');
  const recall = connection.prepare<[string | null], string>('SELECT entry FROM entries WHERE id = ?').pluck();
  /** What came before by this id, or undefined the first time, when it is remembered. */
  const known = (entry: NewEntry): NewEntry | undefined =>
    remember.run(entry.id, JSON.stringify(entry)).changes > 0
      ? undefined
      : (JSON.parse(recall.get(entry.id) ?? '') as NewEntry);
  return {
    compare: (request) => {
      const before = attemptTemporary(() => known(request.entry));
      return before === undefined ? { outcome: 'missing' } : compared(request, before);
    },
    close: () => connection.close(),
  };
}
