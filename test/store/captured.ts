import type Database from 'better-sqlite3';
import type { CaptureChange, CaptureRequest, CaptureSpan } from '../../src/core/capture.js';
import { captureRequest } from '../../src/library.js';
import type { AuditStore, Executed, ExecuteRequest } from '../../src/store/audit-store.js';
import { ACTOR, sqliteTrail } from './trail.js';

export interface Captured {
  readonly store: AuditStore;
  readonly file: string;
  /** The application beside the trail. */
  readonly app: Database.Database;
  /** Captures a table, or several in the same way; what is not asked is as without the option. */
  capture(tables: string | readonly string[], request?: Partial<CaptureRequest>): Promise<readonly CaptureChange[]>;
  /** Runs SQL as `exec` does, by ana. */
  execute(sql: string, request?: Partial<ExecuteRequest>): Promise<Executed>;
  /** The current span of a type. */
  span(type: string): Promise<CaptureSpan>;
  /** Dates the trail anew, as if another clock had been there: each entry, and the spans with it. */
  retime(tsOf: (seq: number) => string): void;
  lastSeq(): number;
}

/** A trail in the database of an application, that is gone after the test. */
export async function capturedTrail(schema: string): Promise<Captured> {
  const { trail, store } = await sqliteTrail();
  const app = trail.plain();
  app.exec(schema);
  return {
    store,
    file: trail.path,
    app,
    capture: (tables, request) => store.addCaptures([tables].flat(), captureRequest(request), ACTOR),
    execute: (sql, request) =>
      store.execute({
        sql,
        actor: { actor: 'ana', actor_type: 'user', recorded_by: null },
        reason: null,
        correlationId: null,
        foreignKeys: false,
        dryRun: false,
        ...request,
      }),
    span: async (type) => {
      const span = (await store.captureHistory(type))?.spans.at(-1);
      if (span === undefined) throw new Error(`${type} is not captured`);
      return span;
    },
    retime: (tsOf) => {
      const guard = app
        .prepare<[], string>(`SELECT sql FROM sqlite_schema WHERE name = 'daybook_entries_append_only_update'`)
        .pluck()
        .get();
      app.exec('DROP TRIGGER daybook_entries_append_only_update');
      const set = app.prepare('UPDATE daybook_entries SET ts = ? WHERE seq = ?');
      for (const seq of app.prepare<[], number>('SELECT seq FROM daybook_entries').pluck().all()) {
        set.run(tsOf(seq), seq);
      }
      app.exec(guard ?? '');
      app.exec(`UPDATE daybook_capture_spans SET
        since_ts = (SELECT ts FROM daybook_entries WHERE seq = since_seq),
        until_ts = (SELECT ts FROM daybook_entries WHERE seq = until_seq)`);
    },
    lastSeq: () => app.prepare<[], number>('SELECT max(seq) FROM daybook_entries').pluck().get() ?? 0,
  };
}
