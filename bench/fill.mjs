import Database from 'better-sqlite3';

const BATCH = 1000;

/** Fills a table in transactions of one size; durability would cost time and change nothing. */
export function fill(file, insert, source, values) {
  const connection = new Database(file);
  try {
    connection.pragma('synchronous = OFF');
    const statement = connection.prepare(insert);
    let count = 0;
    connection.exec('BEGIN');
    for (const entry of source) {
      statement.run(values(entry));
      count += 1;
      if (count % BATCH === 0) connection.exec('COMMIT; BEGIN');
    }
    connection.exec('COMMIT');
  } finally {
    connection.close();
  }
}
