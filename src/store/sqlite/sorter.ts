import Database from 'better-sqlite3';
import type { SourceTime } from '../../core/import.js';
import { LATEST } from '../../core/timestamp.js';

const PAGE = 500;

/** Puts things into the order of time, however many: they are kept in a file that is gone when it is closed. */
export interface Sorter<T> {
  /** Null goes behind all times. Items must survive JSON. */
  add(items: readonly { readonly time: SourceTime | null; readonly item: T }[]): void;
  /** All of them in pages, by time, and where that is the same in the order in which they came. */
  sorted(): Generator<readonly T[]>;
  close(): void;
}

interface Row {
  readonly ms: number;
  readonly finer: string;
  readonly position: number;
  readonly item: string;
}

/** Throws what SQLite throws, as for a full disk. */
export function openSorter<T>(): Sorter<T> {
  // An empty name is a database on disk that SQLite deletes by itself.
  const connection = new Database('');
  connection.exec('CREATE TABLE items (position INTEGER PRIMARY KEY, ms INTEGER, finer TEXT, item TEXT)');
  const insert = connection.prepare('INSERT INTO items (ms, finer, item) VALUES (?, ?, ?)');
  return {
    add: (items) => {
      connection.transaction(() => {
        for (const { time, item } of items) insert.run(time?.ms ?? LATEST + 1, time?.finer ?? '', JSON.stringify(item));
      })();
    },
    *sorted() {
      connection.exec('CREATE INDEX items_by_time ON items (ms, finer)');
      const page = connection.prepare<[number, string, number], Row>(
        `SELECT ms, finer, position, item FROM items WHERE (ms, finer, position) > (?, ?, ?)
         ORDER BY ms, finer, position LIMIT ${PAGE}`,
      );
      let last: Row | undefined;
      do {
        const rows = page.all(last?.ms ?? -Number.MAX_SAFE_INTEGER, last?.finer ?? '', last?.position ?? 0);
        last = rows.at(-1);
        if (rows.length > 0) yield rows.map(({ item }) => JSON.parse(item) as T);
      } while (last !== undefined);
    },
    close: () => connection.close(),
  };
}
