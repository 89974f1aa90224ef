import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cli, given, inTestDirectory, json, NOW, ok } from '../support/cli.js';

/** The last entry as `show` gives it. */
async function last(): Promise<Record<string, unknown>> {
  const { entries } = await json<{ entries: Record<string, unknown>[] }>([
    'history',
    '--limit',
    '1',
    '--format',
    'json',
  ]);
  return entries[0] ?? {};
}

async function count(): Promise<number> {
  return Number(await ok(['count']));
}

describe('note: an operator’s note about an entity', () => {
  test('text from the arguments, category entity, action note', async () => {
    expect(await cli(['note', 'machine:7', 'cash', 'box', 'jammed'])).toEqual({ code: 0, stdout: '1\n', stderr: '' });
    expect(await last()).toMatchObject({
      category: 'entity',
      action: 'note',
      entity_type: 'machine',
      entity_id: '7',
      message: 'cash box jammed',
    });
  });

  test('the type of the entity ends at the first colon', async () => {
    await ok(['note', 'host:[::1]:80', 'up']);
    expect(await last()).toMatchObject({ entity_type: 'host', entity_id: '[::1]:80' });
  });

  test('text from stdin with -, even on a terminal', async () => {
    await ok(['note', 'machine:7', '-'], { input: 'from\nstdin\n', terminal: true });
    expect(await last()).toMatchObject({ message: 'from\nstdin' });
  });

  test('text from stdin when piped, kept byte for byte but for the last line feed', async () => {
    await ok(['note', 'machine:7'], { input: '  tabs\tand \u202e bidi\r\n\n' });
    expect(await last()).toMatchObject({ message: '  tabs\tand \u202e bidi\r\n' });
  });

  test('else from $EDITOR: what stands above the scissors, lines with # included; below them is what it is about', async () => {
    const editor = inTestDirectory('editor');
    writeFileSync(
      editor,
      `#!/bin/sh\ncp "$2" '${inTestDirectory('template')}'\n` +
        '{ echo "written by hand"; echo "# second line"; cat "$2"; } > "$2.new"\nmv "$2.new" "$2"\n',
    );
    chmodSync(editor, 0o700);
    await ok(['note', 'machine:7'], { terminal: true, env: { EDITOR: `${editor} --wait` } });
    expect(await last()).toMatchObject({ message: 'written by hand\n# second line' });
    expect(readFileSync(inTestDirectory('template'), 'utf8')).toMatch(/^\n# -+ >8 -+\n# A note on machine:7\. /);
  });

  test('an editor that leaves its template as it was records nothing', async () => {
    expect(await cli(['note', 'machine:7'], { terminal: true, env: { EDITOR: 'true' } })).toMatchObject({ code: 2 });
    expect(await count()).toBe(0);
  });

  test('an editor that fails records nothing and exits 1', async () => {
    const { code, stderr } = await cli(['note', 'machine:7'], { terminal: true, env: { EDITOR: 'false' } });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('nothing was recorded') });
    expect(await count()).toBe(0);
  });

  test('no editor is wrong usage, with a hint', async () => {
    const { code, stderr } = await cli(['note', 'machine:7'], { terminal: true, env: { EDITOR: '', VISUAL: '' } });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/EDITOR is not set\ntry: daybook note/),
    });
  });

  test.each([
    { what: 'a bad entity', words: ['note', 'machine'] },
    { what: 'a bad severity', words: ['note', 'machine:7', '--severity', 'fatal'] },
    { what: 'a bad time', words: ['note', 'machine:7', '--ts', '2026'] },
    { what: 'a bad --meta', words: ['note', 'machine:7', '--meta', 'k:={'] },
  ])('$what is told before the editor opens', async ({ words }) => {
    const touched = inTestDirectory('opened');
    const editor = inTestDirectory('editor');
    writeFileSync(editor, `#!/bin/sh\ntouch '${touched}'\necho text > "$1"\n`);
    chmodSync(editor, 0o700);
    const { code } = await cli(words, { terminal: true, env: { EDITOR: editor } });
    expect([2, 6]).toContain(code);
    await expect(import('node:fs').then(({ existsSync }) => existsSync(touched))).resolves.toBe(false);
  });

  test('a missing database is told before the editor opens', async () => {
    const { code } = await cli(['note', 'machine:7'], {
      terminal: true,
      db: inTestDirectory('none.db'),
      env: { EDITOR: 'touch /nonexistent/never' },
    });
    expect(code).toBe(4);
  });

  test.each([
    ['', 'machine:7'],
    ['   ', 'machine:7'],
  ])('an empty note (%j) is wrong usage', async (text, entity) => {
    const { code, stderr } = await cli(['note', entity, text]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('the note is empty') });
    expect(await count()).toBe(0);
  });

  test('takes --severity, --scope, --entity-name, --meta, --correlation and --ts as record does', async () => {
    await ok([
      'note',
      'machine:7',
      'text',
      '--severity',
      'warning',
      '--scope',
      'site:berlin',
      '--entity-name',
      'North',
      '--meta',
      'a=1',
      '--meta',
      'b:=1',
      '--correlation',
      'T-1',
      '--ts',
      '2026-03-01T10:00',
    ]);
    expect(await last()).toMatchObject({
      severity: 'warning',
      scope: 'site:berlin',
      entity_name: 'North',
      metadata: { a: '1', b: 1 },
      correlation_id: 'T-1',
      ts: '2026-03-01T10:00:00.000Z',
      recorded_at: NOW,
    });
  });

  test('text after -- may look like options', async () => {
    await ok(['note', 'machine:7', '--', '--severity', 'is', '-5']);
    expect(await last()).toMatchObject({ message: '--severity is -5' });
  });
});

describe('record: one structured entry', () => {
  test('the defaults of a recorded entry', async () => {
    expect(await ok(['record', '--action', 'login'])).toBe('1\n');
    expect(await last()).toEqual({
      seq: 1,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      ts: NOW,
      recorded_at: null,
      category: 'entity',
      action: 'login',
      severity: 'info',
      actor: 'alice',
      actor_type: 'user',
      actor_name: null,
      recorded_by: null,
      scope: null,
      entity_type: null,
      entity_id: null,
      entity_name: null,
      message: '',
      metadata: {},
      old_values: null,
      new_values: null,
      changed_fields: null,
      correlation_id: null,
      reverts: null,
      source: null,
      reverted_by: null,
    });
  });

  test('every option lands in its field', async () => {
    await ok([
      'record',
      '--action',
      'update',
      '--category',
      'device',
      '--severity',
      'error',
      '--entity',
      'guild:7',
      '--entity-name',
      'Old Guild',
      '--scope',
      'tenant:42',
      '--message',
      'levelled up',
      '--meta',
      'ip=10.0.0.7',
      '--metadata',
      '{"n":12345678901234567890}',
      '--old',
      '{"level":5}',
      '--new',
      '{"level":6}',
      '--correlation',
      'req-1',
      '--ts',
      '2026-03-01T10:00Z',
      '--id',
      'al_1',
    ]);
    expect(await last()).toMatchObject({
      id: 'al_1',
      ts: '2026-03-01T10:00:00.000Z',
      recorded_at: NOW,
      category: 'device',
      action: 'update',
      severity: 'error',
      scope: 'tenant:42',
      entity_type: 'guild',
      entity_id: '7',
      entity_name: 'Old Guild',
      message: 'levelled up',
      metadata: { ip: '10.0.0.7' },
      old_values: { level: 5 },
      new_values: { level: 6 },
      changed_fields: ['level'],
      correlation_id: 'req-1',
    });
  });

  test('--format json prints the entry', async () => {
    expect(await json(['record', '--action', 'login', '--format', 'json'])).toMatchObject({ seq: 1, action: 'login' });
    expect(await json(['note', 'a:1', 'x', '--format', 'json'])).toMatchObject({ seq: 2, action: 'note' });
    expect(await json(['revert', '1', '--reason', 'no', '--format', 'json'])).toMatchObject({
      seq: 3,
      action: 'revert',
    });
  });

  test('k=v is text, k:=v JSON, a dotted key goes into nested objects', async () => {
    await ok([
      'record',
      '--action',
      'a',
      '--meta',
      'n=1',
      '--meta',
      'm:=1',
      '--meta',
      'request.method=POST',
      '--meta',
      'request.ok:=true',
      '--meta',
      'equation=a=b',
      '--meta',
      'none:=null',
    ]);
    expect(await last()).toMatchObject({
      metadata: { n: '1', m: 1, request: { method: 'POST', ok: true }, equation: 'a=b', none: null },
    });
  });

  test('with --old and --new the changed fields are computed, also inside nested documents; an array is compared whole', async () => {
    await ok([
      'record',
      '--action',
      'update',
      '--old',
      '{"a":{"b":1,"c":2},"list":[1,2],"gone":1,"nothing":null}',
      '--new',
      '{"a":{"b":1,"c":3},"list":[1,3],"nothing":0,"added":null}',
    ]);
    const { changed_fields: changed } = await last();
    expect([...(changed as string[])].toSorted()).toEqual(['a.c', 'added', 'gone', 'list', 'nothing']);
  });

  test('documents from @file', async () => {
    const file = inTestDirectory('after.json');
    writeFileSync(file, '{\n  "level": 6\n}\n');
    await ok(['record', '--action', 'a', '--old', '{}', '--new', `@${file}`, '--metadata', `@${file}`]);
    expect(await last()).toMatchObject({ new_values: { level: 6 }, metadata: { level: 6 }, changed_fields: ['level'] });
  });

  test('null and missing differ', async () => {
    await ok(['record', '--action', 'a', '--old', '{"a":null}', '--new', '{}']);
    expect(await last()).toMatchObject({ old_values: { a: null }, new_values: {}, changed_fields: ['a'] });
    await ok(['record', '--action', 'a', '--new', '{}']);
    expect(await last()).toMatchObject({ old_values: null, new_values: {}, changed_fields: null });
  });

  test('--redact replaces a value and still names the field as changed', async () => {
    await ok([
      'record',
      '--action',
      'a',
      '--old',
      '{"smtp":{"password":"old","host":"h"},"n":1}',
      '--new',
      '{"smtp":{"password":"new","host":"h"},"n":1}',
      '--metadata',
      '{"smtp":{"password":"p"},"k":1}',
      '--redact',
      'smtp.password',
    ]);
    expect(await last()).toMatchObject({
      old_values: { smtp: { password: '[redacted]', host: 'h' }, n: 1 },
      new_values: { smtp: { password: '[redacted]', host: 'h' }, n: 1 },
      metadata: { smtp: { password: '[redacted]' }, k: 1 },
      changed_fields: ['smtp.password'],
    });
    expect(await ok(['export'])).not.toMatch(/"(?:old|new|p)"/);
  });

  test('digits beyond 2^53 survive from --metadata to export', async () => {
    const document = '{"a":9007199254740993,"b":-0.10000000000000000001,"c":1e400}';
    await ok(['record', '--action', 'a', '--metadata', document, '--meta', 'd:=9007199254740995']);
    expect(await ok(['export', '--columns', 'metadata'])).toBe(
      '{"metadata":{"a":9007199254740993,"b":-0.10000000000000000001,"c":1e400,"d":9007199254740995}}\n',
    );
    for (const format of ['json', 'ndjson', 'csv']) {
      expect(await ok(['history', '--format', format, '--columns', 'metadata'])).toContain('9007199254740993');
    }
    expect(await ok(['show', '1'])).toContain('9007199254740993');
    expect(await ok(['show', '1', '--format', 'json'])).toContain('9007199254740993');
  });

  test('the same --id with the same content is there already; with other content it is refused', async () => {
    expect(await ok(['record', '--action', 'a', '--id', 'x-1'])).toBe('1\n');
    expect(await ok(['record', '--action', 'a', '--id', 'x-1'])).toBe('1\n');
    expect(await cli(['record', '--action', 'b', '--id', 'x-1'])).toMatchObject({
      code: 7,
      stderr: expect.stringMatching(/id x-1 .*action\ntry: daybook show x-1\n/),
    });
    expect(await count()).toBe(1);
  });

  test('where ts is given, recorded_at is set; finer times are cut, not rounded', async () => {
    await ok(['record', '--action', 'a', '--ts', '2026-03-01T10:00:00.9999+02:00']);
    expect(await last()).toMatchObject({ ts: '2026-03-01T08:00:00.999Z', recorded_at: NOW });
  });

  test('text is kept byte for byte', async () => {
    const message = 'é\u0301 \u200b\u202e =1+1 \t\r\n\u001b[31m 👩‍👩‍👧 ﷽ \ufeff';
    await ok(['record', '--action', 'a', '--message', message]);
    expect(await last()).toMatchObject({ message });
  });
});

describe('revert: takes an entry back by a new one', () => {
  test('action revert, message R, reverts its id; the revert is about the same entity', async () => {
    await given({ action: 'a', id: 'e1', category: 'auth', scope: 'site:1', entity_type: 'user', entity_id: '9' });
    expect(await cli(['revert', '1', '--reason', 'wrong user'])).toEqual({ code: 0, stdout: '2\n', stderr: '' });
    expect(await json(['show', '2', '--format', 'json'])).toMatchObject({
      action: 'revert',
      message: 'wrong user',
      reverts: 'e1',
      category: 'auth',
      scope: 'site:1',
      entity_type: 'user',
      entity_id: '9',
      actor: 'alice',
    });
    const { id } = await json(['show', '2', '--format', 'json']);
    expect(await json(['show', 'e1', '--format', 'json'])).toMatchObject({ reverted_by: id });
  });

  test('twice is refused (7)', async () => {
    await given({ action: 'a', id: 'e1' });
    await ok(['revert', 'e1', '--reason', 'r']);
    expect(await cli(['revert', '1', '--reason', 'again'])).toMatchObject({
      code: 7,
      stderr: 'daybook: entry 1 is taken back already, by entry 2\ntry: daybook show 2\n',
    });
    expect(await count()).toBe(2);
  });

  test('reverting a revert makes the first hold again', async () => {
    await given({ action: 'a', id: 'e1' });
    await ok(['revert', '1', '--reason', 'r']);
    expect(await ok(['count', '--reverted'])).toBe('1\n');
    await ok(['revert', '2', '--reason', 'it was right']);
    expect(await json(['show', '1', '--format', 'json'])).toMatchObject({ reverted_by: null });
    expect(
      (await json<{ entries: { seq: number }[] }>(['history', '--reverted', '--format', 'json'])).entries,
    ).toMatchObject([{ seq: 2 }]);
    expect(await ok(['revert', '1', '--reason', 'after all'])).toBe('4\n');
  });

  test('no such entry is 4, and a reason is needed', async () => {
    expect(await cli(['revert', '99', '--reason', 'r'])).toMatchObject({ code: 4, stderr: 'daybook: no entry 99\n' });
    expect(await cli(['revert', 'nope', '--reason', 'r'])).toMatchObject({ code: 4 });
    expect(await cli(['revert', '1'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--reason') });
    expect(await cli(['revert', '1', '--reason', ' '])).toMatchObject({ code: 2 });
    expect(await count()).toBe(0);
  });
});

test('an entry that is recorded is recorded, though nobody reads its seq or any note', async () => {
  expect(await cli(['note', 'machine:7', 'hello'], { closesAfter: 0 })).toMatchObject({ code: 0 });
  expect(await ok(['count'])).toBe('1\n');
});
