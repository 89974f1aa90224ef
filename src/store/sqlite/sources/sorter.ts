import type { SourceTime } from '../../../core/import.js';
import { LATEST } from '../../../core/timestamp.js';
import { attemptTemporary, openTemporary } from '../engine/index.js';

const PAGE = 500;

/** Puts things into the order of time, however many: they are kept in a temporary file. */
export interface Sorter<T> {
  /** Null goes behind all times. Items must survive JSON. */
  add(items: readonly { readonly time: SourceTime | null; readonly item: T }[]): void;
  /** All of them in pages, by time, and where that is the same in the order in which they came. */
  sorted(): Generator<readonly T[]>;
  close(): void;
}

/** What it does throws kind `failed` where the temporary file cannot be written. */
export function openSorter<T>(): Sorter<T> {
  const connection = openTemporary();
  connection.exec('CREATE TABLE items (position INTEGER PRIMARY KEY, ms INTEGER, finer TEXT, item TEXT)');
  const insert = connection.prepare('INSERT INTO items (ms, finer, item) VALUES (?, ?, ?)');
  const insertAll = connection.transaction<Sorter<T>['add']>((items) => {
    for (const { time, item } of items) insert.run(time?.ms ?? LATEST + 1, time?.finer ?? '', JSON.stringify(item));
  });
  return {
    add: (items) => attemptTemporary(() => insertAll(items)),
    *sorted() {
      // Without an index SQLite would sort copies of all items. It is one read from end to end, since nobody writes here
      // any more: pages by a key would go through all that share a time again for each.
      attemptTemporary(() => connection.exec('CREATE INDEX items_by_time ON items (ms, finer)'));
      const items = connection
        .prepare<[], string>('SELECT item FROM items INDEXED BY items_by_time ORDER BY ms, finer, position')
        .pluck()
        .iterate();
      try {
        for (;;) {
          const page = attemptTemporary(() => taken(items, PAGE)).map((item) => JSON.parse(item) as T);
          if (page.length === 0) return;
          yield page;
        }
      } finally {
        items.return?.();
      }
    },
    close: () => connection.close(),
  };
}

/** The next ones, as many as there are. */
function taken<T>(items: IterableIterator<T>, count: number): T[] {
  const page: T[] = [];
  while (page.length < count) {
    const step = items.next();
    if (step.done === true) break;
    page.push(step.value);
  }
  return page;
}
