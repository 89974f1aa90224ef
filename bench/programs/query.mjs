// Runs one statement in better-sqlite3 and prints its rows as JSON: what a report costs whoever writes the SQL.
//
//   node query.mjs DATABASE SQL
import Database from 'better-sqlite3';

const [database, sql] = process.argv.slice(2);
const connection = new Database(database, { readonly: true });
process.stdout.write(`${JSON.stringify(connection.prepare(sql).all())}\n`);
connection.close();
