import Database from 'better-sqlite3';
import type { NewEntry } from '../../core/entry.js';
import type { CompareOutcome, RecordRequest } from '../audit-store.js';
import { differing } from './recording.js';

/** What a rehearsal would have recorded by now, however much: it is kept in a file that is gone when it is closed. */
export interface RehearsedEntries {
  /**
   * How an entry compares with the one of its id that came before; `missing` the first time, when it is remembered.
   * It must have an id.
   */
  compare(request: RecordRequest): CompareOutcome;
  close(): void;
}

/** Throws what SQLite throws, as for a full disk. */
export function openRehearsed(): RehearsedEntries {
  // An empty name is a database on disk that SQLite deletes by itself: nothing of it is to be kept or taken back.
  const connection = new Database('');
  connection.exec('PRAGMA journal_mode = OFF; CREATE TABLE entries (id TEXT UNIQUE, entry TEXT); BEGIN');
  const remember = connection.prepare('INSERT INTO entries VALUES (?, ?) ON CONFLICT DO NOTHING');
  const recall = connection.prepare<[string | null], string>('SELECT entry FROM entries WHERE id = ?').pluck();
  return {
    compare: (request) => {
      const { entry } = request;
      if (remember.run(entry.id, JSON.stringify(entry)).changes > 0) return { outcome: 'missing' };
      const fields = differing(request, JSON.parse(recall.get(entry.id) ?? '') as NewEntry);
      return fields.length === 0 ? { outcome: 'same' } : { outcome: 'conflict', fields };
    },
    close: () => connection.close(),
  };
}
