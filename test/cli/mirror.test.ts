import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cli, json, ndjson, ok, trail } from '../support/cli.js';

/** A trail beside settlements, of which one has a note of old, and two have entries. */
async function settlements(): Promise<Database.Database> {
  const connection = new Database(await trail(), { timeout: 0 });
  onTestFinished(() => void connection.close());
  connection.exec(`
    CREATE TABLE settlements (id INTEGER PRIMARY KEY, notes TEXT, state TEXT);
    INSERT INTO settlements VALUES (1, 'an old note', 'processed'), (2, NULL, 'pending'), (3, 'kept', 'pending');`);
  await ok(['note', 'settlement:1', 'gave 5 back', '--as', 'ana']);
  await ok(['note', 'settlement:2', 'jammed', '--as', 'ben']);
  return connection;
}

const ADD = ['mirror', 'add', 'settlements.notes', '--entity-type', 'settlement', '--key', 'id'];
const FIRST = '2026-03-05T14:07:09.123Z ana: gave 5 back';
const SECOND = '2026-03-05T14:07:09.123Z ben: jammed';

const PLAN = `settlements.notes will show the latest 5 entries of each settlement
  filled: 1 row
  replaced: 1 row, with another text in the column
  kept: 1 row, with a text in the column and no entry
`;

function notes(connection: Database.Database): unknown[] {
  return connection.prepare('SELECT notes FROM settlements ORDER BY id').pluck().all();
}

describe('mirror add', () => {
  test('says what it will do; a text is only replaced when somebody said yes', async () => {
    const connection = await settlements();
    expect(await cli(ADD)).toMatchObject({
      code: 7,
      stdout: '',
      stderr: expect.stringMatching(
        /^settlements\.notes will show[^]*the text of 1 row of settlements\.notes would be replaced, and nobody is there to be asked: nothing was changed\ntry: .* --dry-run --format ndjson\n$/,
      ) as string,
    });
    expect(notes(connection)).toEqual(['an old note', null, 'kept']);
    expect(await cli(ADD, { terminal: true, input: 'n\n' })).toMatchObject({ code: 7 });
    expect(notes(connection)).toEqual(['an old note', null, 'kept']);
    expect(await cli(ADD, { terminal: true, input: 'y\n' })).toMatchObject({ code: 0 });
    expect(notes(connection)).toEqual([FIRST, SECOND, 'kept']);
    expect(await cli(ADD)).toEqual({
      code: 0,
      stdout: '',
      stderr: `settlements.notes will show the latest 5 entries of each settlement
  kept: 1 row, with a text in the column and no entry
  the same: 2 rows
settlements.notes is like that already
`,
    });
  });

  test('with --yes, and a result for programs', async () => {
    const connection = await settlements();
    const { code, stdout, stderr } = await cli([...ADD, '--yes', '--format', 'json']);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`^${PLAN}settlements\\.notes shows the entries: 2 rows changed, in one transaction of \\d+ ms\n$`),
    );
    expect(JSON.parse(stdout)).toEqual({
      table: 'settlements',
      column: 'notes',
      dry_run: false,
      changed: true,
      same: 0,
      filled: 1,
      replaced: 1,
      kept: 1,
      lock_ms: expect.any(Number) as number,
      entry: 3,
    });
    expect(notes(connection)).toEqual([FIRST, SECOND, 'kept']);
    const entry = await json(['show', '3', '--format', 'json']);
    expect(entry).toMatchObject({
      category: 'system',
      action: 'mirror_add',
      entity_type: 'mirror',
      entity_id: 'settlements.notes',
      metadata: { same: 0, filled: 1, replaced: 1, kept: 1 },
      old_values: null,
      new_values: { entity_type: 'settlement', key: 'id', latest: 5, reverted: 'omit', max_length: null },
    });
  });

  test('--dry-run prints each row that would change, and changes nothing', async () => {
    const connection = await settlements();
    expect(await ndjson([...ADD, '--dry-run', '--format', 'ndjson'])).toEqual([
      { entity: 'settlement:1', change: 'replaced', held: 'an old note', expected: FIRST },
      { entity: 'settlement:2', change: 'filled', held: null, expected: SECOND },
      { entity: 'settlement:3', change: 'kept', held: 'kept', expected: null },
    ]);
    expect(await json([...ADD, '--dry-run', '--format', 'json'])).toMatchObject({ dry_run: true, entry: null });
    expect(notes(connection)).toEqual(['an old note', null, 'kept']);
    expect(await ok(['count'])).toBe('2\n');
  });

  test.each([
    [
      ['mirror', 'add', 'settlements', '--entity-type', 'x', '--key', 'id'],
      '"settlements" is not a table and its column',
    ],
    [['mirror', 'add', 'settlements.notes', '--key', 'id'], "required option '--entity-type <type>' not specified"],
    [[...ADD, '--entity-type', 'a:b'], '--entity-type "a:b" must not be empty and has no colon'],
    [[...ADD, '--latest', '0'], 'It must be a whole number, 1 or more'],
    [['history', '-n', 'none'], 'It must be a whole number, 1 or more, or all'],
    [[...ADD, '--template', '{who}'], '{who} is none of'],
    [[...ADD, '--separator', String.raw`\x`], String.raw`--separator: \x is none of`],
    [[...ADD, '--format', 'ndjson'], '--format ndjson prints the rows that would change'],
    [[...ADD, '--key', 'none'], '--key: settlements has no column none'],
  ])('%j is wrong usage', async (words, message) => {
    const connection = await settlements();
    const { code, stderr } = await cli(words);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string });
    expect(notes(connection)).toEqual(['an old note', null, 'kept']);
  });
});

describe('mirror check', () => {
  test('prints what differs, and exits with 3; the hint shows it again', async () => {
    const connection = await settlements();
    expect(await cli(['mirror', 'check'])).toEqual({ code: 0, stdout: '', stderr: 'there are no mirrors\n' });
    await ok([...ADD, '--yes', '--reverted', 'mark', '--max-length', '2000', '--separator', String.raw`\n\n`]);
    connection.exec(`UPDATE settlements SET notes = 'by hand' WHERE id = 2`);
    expect(await cli(['mirror', 'check', 'Settlements.notes'])).toEqual({
      code: 3,
      stdout: `settlements.notes settlement:2 differs
  - by hand
  + ${SECOND}
settlements.notes settlement:3 is not in the trail
  - kept
`,
      stderr: `settlements.notes: 3 rows, 1 the same, 1 differ, 1 not in the trail
daybook: 1 row of settlements.notes not as the trail has it; 1 row of settlements.notes not in the trail
try: daybook mirror add settlements.notes --entity-type settlement --key id --separator '\\n\\n' --reverted mark --max-length 2000
`,
    });
    const differences = [
      {
        table: 'settlements',
        column: 'notes',
        kind: 'differs',
        entity: 'settlement:2',
        held: 'by hand',
        expected: SECOND,
        problem: null,
      },
      {
        table: 'settlements',
        column: 'notes',
        kind: 'unrecorded',
        entity: 'settlement:3',
        held: 'kept',
        expected: null,
        problem: null,
      },
    ];
    const mirrors = [
      { table: 'settlements', column: 'notes', rows: 3, same: 1, differs: 1, unrecorded: 1, pruned: 0, problem: null },
    ];
    const asJson = await cli(['mirror', 'check', '--format', 'json']);
    expect([asJson.code, JSON.parse(asJson.stdout)]).toEqual([3, { differences, mirrors }]);
    const lines = await cli(['mirror', 'check', '--format', 'ndjson']);
    expect(lines.stdout).toBe(differences.map((difference) => `${JSON.stringify(difference)}\n`).join(''));
    await ok(['note', 'settlement:3', 'kept']);
    await ok(['note', 'settlement:2', 'again']);
    expect(await cli(['mirror', 'check', '--quiet'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await json(['mirror', 'check', '--format', 'json'])).toMatchObject({ differences: [] });
    expect(await cli(['mirror', 'check', 'settlements.state'])).toMatchObject({ code: 4 });
  });

  test('shows the whole of texts that differ in no line', async () => {
    const connection = await settlements();
    await ok([...ADD, '--yes']);
    await ok(['note', 'settlement:2', 'again', '--as', 'ben', '--ts', '2026-03-05T15:00Z']);
    connection.exec(`UPDATE settlements SET notes = notes || char(10) || '${SECOND}' WHERE id = 2`);
    const again = '2026-03-05T15:00:00.000Z ben: again';
    expect((await cli(['mirror', 'check'])).stdout).toContain(`settlements.notes settlement:2 differs
  - ${again}
  - ${SECOND}
  - ${SECOND}
  + ${again}
  + ${SECOND}
`);
  });

  test('what strangers wrote moves no cursor', async () => {
    const connection = await settlements();
    await ok([...ADD, '--yes']);
    connection.exec(`UPDATE settlements SET notes = 'x' || char(27) || '[2J' WHERE id = 2`);
    const { stdout } = await cli(['mirror', 'check'], { terminal: true });
    expect(stdout).not.toContain('\u001b[2J');
  });
});

test('exec says when it leaves a mirror without its column', async () => {
  await settlements();
  await ok([...ADD, '--yes']);
  expect(await cli(['exec', 'ALTER TABLE settlements ADD COLUMN fee'])).toMatchObject({ code: 0, stderr: '' });
  const rename = await cli(['exec', 'ALTER TABLE settlements RENAME COLUMN notes TO remarks']);
  expect(rename).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /^mirror settlements\.notes .*daybook mirror remove settlements\.notes ends it\n$/,
    ) as string,
  });
  expect(await cli(['note', 'settlement:1', 'goes on'])).toMatchObject({ code: 0 });
  await ok(['mirror', 'remove', 'settlements.notes']);
  expect(await cli(['exec', 'SELECT 1'])).toMatchObject({ code: 0, stderr: '' });
});

test('mirror list and mirror remove; status tells of a mirror that is broken', async () => {
  const connection = await settlements();
  await ok([...ADD, '--yes', '--latest', '2']);
  expect(await ok(['mirror', 'list'])).toBe(
    'settlements.notes shows the latest 2 entries of settlement by id; as {ts} {actor}: {text}\n',
  );
  expect(await json(['mirror', 'list', '--format', 'json'])).toEqual({
    mirrors: [
      {
        table: 'settlements',
        column: 'notes',
        entity_type: 'settlement',
        key: 'id',
        latest: 2,
        template: '{ts} {actor}: {text}',
        separator: '\n',
        reverted: 'omit',
        max_length: null,
        problem: null,
      },
    ],
  });
  expect(await cli(['status', '--check'])).toMatchObject({ code: 0 });
  connection.exec('DROP TABLE settlements');
  const broken = await json<{ problems: unknown[] }>(['status', '--format', 'json']);
  expect(broken.problems).toEqual([
    {
      code: 'mirror_broken',
      message: expect.stringMatching(/ is removed: daybook mirror remove settlements\.notes ends it$/) as string,
    },
  ]);
  expect(await cli(['status', '--check'])).toMatchObject({ code: 3 });
  // Adding it again would find no table.
  expect(await cli(['mirror', 'check'])).toMatchObject({
    code: 3,
    stderr: expect.stringMatching(/\ntry: daybook mirror remove settlements\.notes\n$/) as string,
  });
  expect(await cli(['note', 'a:b', 'c'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('its table, or one beside it, was dropped or changed') as string,
  });
  // exec does not blame a statement that does not speak of the table; one that does is as wrong as anywhere.
  expect(await cli(['exec', "INSERT INTO daybook_entries (action) VALUES ('x')"])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(
      /was dropped or changed; nothing was changed\ntry: daybook --db \S+ status\n$/,
    ) as string,
  });
  expect(await cli(['exec', 'DELETE FROM main.settlements'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('line 1, DELETE FROM main.settlements: no such table: main.settlements') as string,
  });
  expect(await cli(['mirror', 'remove', 'settlements.notes'])).toEqual({
    code: 0,
    stdout: '',
    stderr: 'settlements.notes stays as it is from now on\n',
  });
  await ok(['note', 'a:b', 'c']);
  expect(await cli(['status', '--check'])).toMatchObject({ code: 0 });
  expect(await cli(['mirror', 'remove', 'settlements.notes'])).toMatchObject({ code: 4 });
});
