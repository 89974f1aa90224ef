import { beforeAll, describe, expect, test } from 'vitest';
import { HAS_POSTGRES, newDatabase, urlOf } from '../store/postgres-trail.js';
import { run, runWithStdin } from '../support/program.js';
import { psql } from '../support/postgres-cluster.js';

describe.skipIf(!HAS_POSTGRES)('the program on PostgreSQL', () => {
  let url: string;
  let folder: string;
  let database: string;

  beforeAll(async () => {
    ({ folder, database } = await newDatabase());
    url = urlOf(folder, database);
  });

  const daybook = async (...words: string[]) => run(['--db', url, ...words]);
  async function said(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await daybook(...words);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stdout;
  }

  test('makes a trail, records into it and answers', async () => {
    expect(await daybook('count')).toMatchObject({ code: 4, stderr: expect.stringContaining('init') });
    expect((await daybook('init')).stderr).toContain('created');
    expect((await daybook('init')).stderr).toContain('is up to date');
    expect(await said('note', 'machine:7', 'cash box', 'jammed')).toBe('1\n');
    expect(
      await said('record', '--action', 'update', '--entity', 'a:1', '--old', '{"x":1}', '--new', '{"x":2.0}'),
    ).toBe('2\n');
    const lines = await runWithStdin(
      ['--db', url, 'record', '--stdin', '--ack'],
      '{"action":"x","id":"a"}\n'.repeat(2),
    );
    expect(lines).toMatchObject({ code: 0, stdout: '{"recorded": 1, "line": 2}\n' });
    expect(await said('count')).toBe('3\n');
    const shown = JSON.parse(await said('show', '2', '--format', 'json')) as Record<string, unknown>;
    expect(shown).toMatchObject({ seq: 2, changed_fields: ['x'], old_values: { x: 1 } });
    expect(await said('history', '--format', 'csv', '--columns', 'action')).toBe('action\nx\nupdate\nnote\n');
    expect(psql(folder, database, 'SELECT message FROM daybook.daybook_entries WHERE seq = 1')).toBe(
      'cash box jammed\n',
    );
  });

  test('takes entries by plain SQL, in the transaction of an application', async () => {
    psql(
      folder,
      database,
      `BEGIN; INSERT INTO daybook.daybook_entries (action, actor, message) VALUES ('paid', 'app', 'by hand'); COMMIT`,
    );
    expect(await said('history', '--action', 'paid', '--format', 'csv', '--columns', 'actor,actor_type,message')).toBe(
      'actor,actor_type,message\napp,unknown,by hand\n',
    );
  });

  test('says which command it does not have there', async () => {
    const { code, stderr } = await daybook('backup', 'copy.db');
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('pg_dump') });
  });
});
