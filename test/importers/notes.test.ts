import { writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { cli, inTestDirectory, json, ndjson, NOW, ok, toLines } from '../support/cli.js';
import { factsOf, fixture, journal, settlements } from '../support/sources.js';

interface Told {
  readonly id: string;
  readonly ts: string;
  readonly action: string;
  readonly severity: string;
  readonly actor: string;
  readonly actor_type: string;
  readonly entity_id: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly old_values: unknown;
  readonly new_values: unknown;
}

const folder = (): string => path.dirname(inTestDirectory('any'));
const counts = async (words: readonly string[]) => json([...words, '--format', 'json']);

async function history(...filters: readonly string[]): Promise<Told[]> {
  return ndjson<Told>([
    'history',
    ...filters,
    '--not',
    'category=system',
    '--oldest-first',
    '-n',
    '1000',
    '--format',
    'ndjson',
  ]);
}

/** Imports one column of rows `{id, notes}` and gives what became of them. */
async function importOf(rows: Readonly<Record<string, unknown>>, ...options: readonly string[]): Promise<Told[]> {
  const file = inTestDirectory('t.ndjson');
  writeFileSync(file, toLines(Object.entries(rows).map(([id, notes]) => ({ id, notes }))));
  const { code, stderr } = await cli([
    ...command(file),
    ...options,
    '--rejects',
    inTestDirectory('r.ndjson'),
    '--quiet',
  ]);
  expect([code, stderr]).toEqual([0, '']);
  return history();
}

function command(file: string, { key = 'id', column = 'notes', type = 'thing' } = {}): string[] {
  return ['import', 'notes', file, '--key', key, '--column', column, '--entity-type', type];
}

describe('settlements with memos and notes in one column', () => {
  const facts = factsOf('settlements').notes;
  const strays = Object.values(facts.strays).flat();

  function importing(extension: string): string[] {
    const how = ['--table', 'dca_settlements', '--pattern', 'memo,stamped', '--source', 'settlements'];
    return [...command(extension, { type: 'settlement' }), ...how];
  }

  test('come in whole, and only once', async () => {
    const { extension } = settlements(folder());
    const whole = importing(extension);
    const memos = Object.values(facts.memos).reduce((sum, count) => sum + count);
    // Of the strays two are blank, and one stands below a note and is taken to go on with it.
    const unmatched = strays.filter((text) => text.trim() !== '').length - 1;
    expect(unmatched).toBe(5);
    const all = memos + facts.operators_notes + unmatched;
    expect(await counts(whole)).toMatchObject({ read: 160, recorded: all, unmatched, rejected: 0 });
    expect(await counts([...whole, '--verify'])).toMatchObject({ entries: all, different: 0, rejected: 0 });
    expect(await counts(whole)).toMatchObject({ recorded: 0, skipped: all, entry: null });

    const told = await history();
    const byAction = (action: string): Told[] =>
      told.filter((entry) => entry.action === action && entry.severity === 'info');
    for (const [type, count] of Object.entries(facts.memos))
      expect([type, byAction(type).length]).toEqual([type, count]);
    expect(byAction('note')).toHaveLength(facts.operators_notes);
    expect(new Set(byAction('partial_dispense').map(({ actor, actor_type: type }) => `${type} ${actor}`))).toEqual(
      new Set(['system system']),
    );
    const several = byAction('note').filter(({ message }) => message.includes('\n'));
    expect(several).toHaveLength(facts.operators_notes_of_several_lines + 1);
    expect(several.every(({ metadata }) => typeof metadata['continued'] === 'number')).toBe(true);

    const [key = '', [below = ''] = []] =
      Object.entries(facts.strays).find(([, [text]]) => /below/.test(text ?? '')) ?? [];
    expect(several.filter(({ entity_id: id }) => id === key)).toMatchObject([
      { message: `above what has no time\n${below}`, metadata: { continued: 1 } },
    ]);
    const kept = told.filter(({ severity }) => severity === 'warning');
    expect(kept.map(({ message }) => message).toSorted()).toEqual(
      strays.filter((text) => text.trim() !== '' && text !== below).toSorted(),
    );
    expect(kept.every(({ metadata, actor }) => metadata['undated'] === true && actor === 'unknown')).toBe(true);
  });

  test('have their amounts under one naming, and their words in the message', async () => {
    const { extension } = settlements(folder());
    await ok([...importing(extension), '--scope-from', 'dca_settlements(id, machine_id)']);
    const dispenses = await history('--action', 'partial_dispense');
    const words = dispenses.map(({ message }) => /: (\w+) /.exec(message)?.[1]);
    expect(words.filter((word) => word === 'gross')).toHaveLength(facts.memos_in_old_words);
    expect(words.filter((word) => word === 'wire')).toHaveLength(facts.memos_in_new_words);
    for (const { message, metadata, old_values: before, new_values: after } of dispenses) {
      const [gross, net, commission] = [...message.matchAll(/(\d+) -> (\d+)/g)].map(([, one, two]) => [
        Number(one),
        Number(two),
      ]);
      expect(before).toEqual({ gross: gross?.[0], net: net?.[0], commission: commission?.[0] });
      expect(after).toEqual({ gross: gross?.[1], net: net?.[1], commission: commission?.[1] });
      expect(metadata).toEqual({
        original_gross: gross?.[0],
        new_gross: gross?.[1],
        original_net: net?.[0],
        new_net: net?.[1],
        original_commission: commission?.[0],
        new_commission: commission?.[1],
        reason: message.slice(message.indexOf('reason: ') + 'reason: '.length),
      });
    }
    const { values } = await json<{ values: { value: string; count: number }[] }>([
      'values',
      'scope',
      '--action',
      'partial_dispense',
      '--format',
      'json',
    ]);
    expect(Object.fromEntries(values.map(({ value, count }) => [value.replace('machine:', ''), count]))).toEqual(
      factsOf('settlements').partial_dispenses_by_machine,
    );
  });

  test('add what was put in front since, and say what was written over', async () => {
    const { extension } = settlements(folder());
    await ok(importing(extension));
    const before = await history();
    const database = new Database(extension);
    const grow = database.prepare(
      'UPDATE dca_settlements SET notes = ? || coalesce(char(10) || notes, ?) WHERE id = ?',
    );
    const ids = database.prepare<[], string>('SELECT id FROM dca_settlements').pluck().all();
    for (const id of ids) grow.run(`[2026-08-01 08:00 UTC] ines: seen ${id}\nand signed`, '', id);
    expect(await counts(importing(extension))).toMatchObject({ recorded: ids.length, skipped: before.length });
    expect((await history()).filter(({ message }) => !/^seen \w+\nand signed$/.test(message))).toEqual(before);

    database.prepare(`UPDATE dca_settlements SET notes = replace(notes, 'cassette 2', 'cassette 3')`).run();
    database.close();
    const changed = before.filter(({ message }) => message.includes('cassette 2')).length;
    expect(changed).toBeGreaterThan(0);
    const stopped = await cli(importing(extension));
    expect(stopped.code).toBe(6);
    expect(stopped.stderr).toMatch(
      /: id settlements:dca_settlements:\w+:\d+ is recorded already, with another message, metadata\n/,
    );
    const rejects = ['--rejects', inTestDirectory('rejects.ndjson')];
    expect(await counts([...importing(extension), ...rejects])).toMatchObject({ recorded: 0, rejected: changed });
    expect((await cli([...importing(extension), '--verify'])).code).toBe(3);
  });

  test('lie in the database that they are imported into', async () => {
    const { extension } = settlements(folder());
    await ok(['init', '--alongside'], { db: extension });
    await ok([...importing(extension), '--quiet'], { db: extension });
    expect(await ok(['count', '--source', 'settlements'], { db: extension })).toBe('201\n');
    await ok([...importing(extension), '--verify', '--quiet'], { db: extension });
  });

  test('have no machine in a CSV of them', async () => {
    const file = inTestDirectory('dca_settlements.csv');
    writeFileSync(file, 'id,machine_id,notes\ns-1,m-1,[2026-03-14 10:02 UTC] ines: hello\n');
    const refused = await cli([
      ...command(file),
      '--pattern',
      'stamped',
      '--scope-from',
      'dca_settlements(id, machine_id)',
    ]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toBe(`daybook: ${file} is a text and holds no table "dca_settlements" to look into\n`);
  });
});

describe('moderations', () => {
  const { pieces } = factsOf('proconnect');
  const importing = (ending: string): string[] => [
    ...command(fixture(`proconnect/moderations.${ending}`), { column: 'comment', type: 'moderation' }),
    '--pattern',
    'moderation',
  ];

  test.each(['csv', 'ndjson'])('come in whole from %s', async (ending) => {
    const unmatched = pieces.filter(({ kind }) => kind === 'unmatched').length;
    expect(await counts(importing(ending))).toMatchObject({ read: 14, recorded: pieces.length, unmatched });
    expect(await counts([...importing(ending), '--verify'])).toMatchObject({ entries: pieces.length, different: 0 });
    expect(await counts(importing(ending))).toMatchObject({ recorded: 0, skipped: pieces.length });

    const told = new Map((await history()).map((entry) => [entry.id, entry]));
    const places = new Map<number, number>();
    for (const { moderation, kind, at, date, email, message } of pieces) {
      const place = (places.get(moderation) ?? 0) + 1;
      places.set(moderation, place);
      const entry = told.get(`moderations::${moderation}:${place}`);
      expect(entry).toMatchObject({
        message,
        actor: email ?? 'unknown',
        actor_type: kind === 'unmatched' ? 'unknown' : 'moderator',
        severity: kind === 'unmatched' ? 'warning' : 'info',
      });
      if (at !== null) expect(entry?.ts).toBe(new Date(at).toISOString());
      if (date !== undefined) expect(entry).toMatchObject({ ts: `${date}T00:00:00.000Z`, metadata: { date } });
    }
  });

  test('are what was done, and why', async () => {
    await ok(importing('ndjson'));
    const told = await history('--entity', 'moderation:10');
    expect(told.map(({ action, metadata }) => [action, metadata['reason']])).toEqual([
      ['reject', 'SIRET inconnu'],
      ['reopen', 'premier - recours'],
      ['reopen', 'second recours'],
      ['validate', undefined],
    ]);
    expect((await history('--entity', 'moderation:6'))[0]?.metadata).toEqual({
      reason: 'Bonjour,\n\nil manque :\n- le "Kbis" | récent\n- un mandat\n\nCordialement',
    });
  });

  test('grow on the same line, and what stood there stays', async () => {
    const first =
      '1687430000000 a@b.example | Rejeté par a@b.example | Raison : "voir\n1687430000001 x@b.example | Validé par x@b.example\nmerci"';
    const second = ' | Réouvert le 2023-06-22 par s@b.example - à tort';
    const third = '\n1687500000000 a@b.example | Validé par a@b.example';
    const free = 'note libre';
    await importOf({ 1: first, 2: free, 3: null }, '--pattern', 'moderation');
    const before = await history();
    await importOf({ 1: first + second, 2: free + second, 3: second }, '--pattern', 'moderation');
    const told = await importOf({ 1: first + second + third, 2: free + second, 3: second }, '--pattern', 'moderation');
    for (const entry of before) expect(told).toContainEqual(entry);
    const of = (id: string) =>
      told.filter((entry) => entry.entity_id === id).map((entry) => [entry.id, entry.action, entry.ts]);
    expect(of('1')).toEqual([
      ['t::1:1', 'reject', '2023-06-22T10:33:20.000Z'],
      // A day does not go before what it comes behind.
      ['t::1:2', 'reopen', '2023-06-22T10:33:20.000Z'],
      ['t::1:3', 'validate', '2023-06-23T06:00:00.000Z'],
    ]);
    expect(of('2')).toEqual([
      ['t::2:2', 'reopen', '2023-06-22T00:00:00.000Z'],
      ['t::2:1', 'note', NOW],
    ]);
    expect(of('3')).toEqual([['t::3:1', 'reopen', '2023-06-22T00:00:00.000Z']]);
  });

  test.each([
    'voir | Réouvert le 2023-06-22 par s@b.example - à tort',
    'pas de "Kbis"\nni de "mandat"\n\nmerci',
    '"',
    '',
  ])('keep a reason whole: %j', async (reason) => {
    const second = ' | Réouvert le 2023-06-22 par s@b.example - à "tort"';
    const told = await importOf(
      { 1: `1687430000000 a@b.example | Rejeté par a@b.example | Raison : "${reason}"${second}` },
      '--pattern',
      'moderation',
    );
    expect(told.map(({ action, metadata }) => [action, metadata['reason']])).toEqual([
      ['reject', reason],
      ['reopen', 'à "tort"'],
    ]);
  });

  test('whose reason never ends hide no other event', async () => {
    const told = await importOf(
      {
        1: '1687430000000 a@b.example | Rejeté par a@b.example | Raison : "sans fin\n1687430000001 x@b.example | Validé par x@b.example',
      },
      '--pattern',
      'moderation',
    );
    expect(told.map(({ action, message }) => [action, message])).toEqual([
      ['reject', 'Rejeté par a@b.example | Raison : "sans fin'],
      ['validate', 'Validé par x@b.example'],
    ]);
  });
});

describe('journals', () => {
  const importing = (file: string): string[] => [
    ...command(file, { key: 'number', column: 'work_notes', type: 'incident' }),
    '--table',
    'incidents',
    '--pattern',
    'journal',
  ];

  test('come in whole, in the zone that was assumed', async () => {
    const file = journal(folder());
    const refused = await cli(importing(file));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--assume-tz UTC');
    const zoned = [...importing(file), '--assume-tz', 'Europe/Paris'];
    expect(await counts(zoned)).toMatchObject({ read: 7, recorded: 9, unmatched: 2 });
    expect(await counts([...zoned, '--verify'])).toMatchObject({ entries: 9, different: 0 });
    const told = (await history()).map(({ id, ts, actor, message }) => [
      id.replace(/^journal:incidents:INC001000/, ''),
      ts,
      actor,
      message,
    ]);
    expect(told).toEqual([
      ['1:1', '2026-03-05T12:58:41.000Z', 'System Administrator', 'Assigned to Ines Moreau'],
      ['1:2', '2026-03-05T13:07:09.000Z', 'Ines Moreau', 'Rang the shop.\nThey will look at it tonight.'],
      ['3:1', NOW, 'unknown', '2026-02-30 08:00:00 - Ines Moreau (Work notes)\r\nnever'],
      ['4:1', NOW, 'unknown', 'no time, no name'],
      ['1:3', '2026-03-06T08:00:00.000Z', 'Tomás Prieto', 'Closed: the router was unplugged.'],
      ['2:1', '2026-03-07T09:00:00.000Z', 'Ines Moreau', 'First look'],
      ['2:2', '2026-03-07T09:15:00.000Z', 'Ines Moreau', 'Two things:\n\nthe paper, and the cover.'],
      ['3:2', '2026-03-08T07:00:00.000Z', 'Ines Moreau', 'first'],
      ['3:3', '2026-03-08T07:00:00.000Z', 'Ines Moreau', 'second'],
    ]);
  });
});

describe('white space', () => {
  test('around a note is none of it, within it is', async () => {
    const text = '\n \n2026-03-02 10:00Z - ines\n  two\n\t\nand more \n \n\n2026-03-01 10:00Z - tom\r\none\r\n';
    const told = await importOf({ 1: text }, '--pattern', 'journal');
    expect(told.map(({ actor, message }) => [actor, message])).toEqual([
      ['tom', 'one'],
      ['ines', '  two\n\t\nand more '],
    ]);
  });
});

describe('the quotes of a reason', () => {
  const ended = ' | Réouvert le 2026-01-01 par x@y.fr - faux';
  const head = '1687430000000 a@b.fr | Rejeté par a@b.fr';
  const reasons = [
    [`Raison : "${ended}"`, ended],
    [
      'Raison : "voir\n1687430000001 x@b.fr | Validé par x@b.fr\nmerci"',
      'voir\n1687430000001 x@b.fr | Validé par x@b.fr\nmerci',
    ],
    [`Raison : "dit "non"${ended}"`, `dit "non"${ended}`],
    [`Raison : "un${ended}${ended}"`, `un${ended}${ended}`],
    ['Raison : "| Validé par z@b.fr"', '| Validé par z@b.fr'],
    ['Raison : ""', ''],
  ] as const;

  test.each(reasons)('hold its text, whatever it looks like: %s', async (words, reason) => {
    const told = await importOf(
      { 1: `${head} | ${words}`, 2: ` | Rejeté par a@b.fr | ${words}` },
      '--pattern',
      'moderation',
    );
    expect(told.map(({ entity_id: id, action, actor, metadata }) => [id, action, actor, metadata])).toEqual([
      ['1', 'reject', 'a@b.fr', { reason }],
      ['2', 'reject', 'a@b.fr', { reason, undated: true }],
    ]);
  });

  test.each(reasons)('end where the second writer begins: %s', async (words, reason) => {
    for (const cause of ['faux', 'dit "oui"', '5" de large']) {
      const text = `${head} | ${words} | Réouvert le 2026-01-02 par s@y.fr - ${cause}`;
      const told = await importOf({ [cause]: text }, '--pattern', 'moderation');
      const own = told.filter(({ entity_id: id }) => id === cause);
      expect(own.map(({ action, metadata }) => [action, metadata['reason']])).toEqual([
        ['reject', reason],
        ['reopen', cause],
      ]);
    }
  });

  test('keep the numbers that notes had before', async () => {
    const text = `${head} | Raison : "${ended}"\n1687500000000 a@b.fr | Validé par a@b.fr\n | Rejeté par a@b.fr | Raison : "${ended}"\n1687600000000 a@b.fr | Validé par a@b.fr`;
    const told = await importOf({ 1: text }, '--pattern', 'moderation');
    expect(told.map(({ id, action }) => [id, action])).toEqual([
      ['t::1:1', 'reject'],
      ['t::1:3', 'validate'],
      ['t::1:4', 'reject'],
      ['t::1:6', 'validate'],
    ]);
  });
});

describe('a text without a time', () => {
  const stamped = ['--pattern', 'stamped'];

  test('has that of the note before it in time, which stands below where the newest is first', async () => {
    const text = 'above all\n[2026-03-02 10:00 UTC] ines: two\n[2026-03-01 10:00 UTC] ines: one';
    const told = await importOf({ 1: text }, ...stamped);
    expect(told.map(({ id, ts, message, metadata }) => [id, ts, message, metadata])).toEqual([
      ['t::1:1', '2026-03-01T10:00:00.000Z', 'one', {}],
      ['t::1:2', '2026-03-02T10:00:00.000Z', 'two', {}],
      ['t::1:3', '2026-03-02T10:00:00.000Z', 'above all', { undated: true }],
    ]);
  });

  test('has that of the note above where the oldest is first, and the time of the import where there is none', async () => {
    const text =
      '[soon] first of all\n[2026-03-01 10:00 UTC] ines: one\n[soon] behind\n[2026-03-02 10:00 UTC] ines: two';
    const told = await importOf({ 1: text }, ...stamped, '--order', 'oldest-first');
    expect(told.map(({ id, ts, message }) => [id, ts, message])).toEqual([
      ['t::1:2', '2026-03-01T10:00:00.000Z', 'one'],
      ['t::1:3', '2026-03-01T10:00:00.000Z', '[soon] behind'],
      ['t::1:4', '2026-03-02T10:00:00.000Z', 'two'],
      ['t::1:1', NOW, '[soon] first of all'],
    ]);
    // At another time nothing is another entry for that.
    const later = await cli(
      [...command(inTestDirectory('t.ndjson')), ...stamped, '--order', 'oldest-first', '--format', 'json'],
      {
        now: '2026-04-01T00:00:00.000Z',
      },
    );
    expect(JSON.parse(later.stdout)).toMatchObject({ recorded: 0, skipped: 4, rejected: 0 });
  });

  test('keeps a time of its own, though it is no note', async () => {
    const told = await importOf({ 1: '[2026-03-01 10:00 UTC] rang the bank' }, ...stamped);
    expect(told).toMatchObject([
      {
        ts: '2026-03-01T10:00:00.000Z',
        severity: 'warning',
        actor: 'unknown',
        message: '[2026-03-01 10:00 UTC] rang the bank',
        metadata: {},
      },
    ]);
  });
});

describe('memos', () => {
  const memo = async (told: string) => {
    const [entry] = await importOf({ 1: `[2026-03-01T10:00:00Z] ${told}` }, '--pattern', 'memo,stamped');
    return entry;
  };

  test.each([
    ['partial dispense: gross 10 -> 9', 'partial_dispense', { original_gross: 10, new_gross: 9 }],
    ['Partial Dispense: fee 1.50 -> 2500', 'partial_dispense', { original_commission: 1.5, new_commission: 2500 }],
    [
      'fee waiver: fee 3 -> 0; reason: a; method: b',
      'fee_waiver',
      { original_commission: 3, new_commission: 0, reason: 'a; method: b' },
    ],
    [
      'balance settled: owed 5 -> 0; method: cash; reference: R-1',
      'balance_settle',
      { original_owed: 5, new_owed: 0, method: 'cash', reference: 'R-1' },
    ],
    ['status override: a -> b', 'status_override', { original_status: 'a', new_status: 'b' }],
    [
      'partial_dispense: gross 10 -> 9; reason: jam',
      'partial_dispense',
      { original_gross: 10, new_gross: 9, reason: 'jam' },
    ],
    ['partial-dispense: gross 10 -> 9', 'partial_dispense', { original_gross: 10, new_gross: 9 }],
    ['off_ln_refund: 22500 EUR', 'off_ln_refund', { amount: 22500, currency: 'EUR' }],
    ['balance-settle: paid in cash', 'balance_settle', {}],
    ['Status_Override: a -> b', 'status_override', { original_status: 'a', new_status: 'b' }],
    ['fee_waiver: fee 3 -> 0', 'fee_waiver', { original_commission: 3, new_commission: 0 }],
    ['cassette-swap-late: notes 3 -> 0', 'cassette_swap_late', { original_notes: 3, new_notes: 0 }],
    [
      'partial dispense: gross 10, net 9; reason: jam; door open; gross 5, net 4',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam; door open' },
    ],
    [
      'partial_dispense: original gross 10, net 9; reason: jam; new gross 5, net 4; method: cash',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam', method: 'cash' },
    ],
    [
      'partial_dispense: original: wire=10, principal=9; reason: jam; new: wire=5, principal=4',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam' },
    ],
    [
      'partial dispense: original_gross 10; reason: jam; new_gross 5',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, reason: 'jam' },
    ],
    [
      'partial dispense: gross 10 -> 5; reason: jam; net 9 -> 4',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam' },
    ],
    [
      'partial dispense: reason: jam; gross 10 -> 5',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, reason: 'jam' },
    ],
    [
      'partial-dispense: gross 10 -> 5; net 9 -> 4; reason: jam; method: cash',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam; method: cash' },
    ],
    [
      'partial dispense: reason: jam; gross 10 -> 5; net 9 -> 4',
      'partial_dispense',
      { original_gross: 10, new_gross: 5, original_net: 9, new_net: 4, reason: 'jam' },
    ],
    // Values of another name are none of these: the reason goes to the end.
    ['partial dispense: gross 10; reason: jam; net 5', 'partial_dispense', { reason: 'jam; net 5' }],
    ['partial dispense: gross 10 -> 9, and then some', 'partial_dispense', {}],
    ['partial dispense: see the log', 'partial_dispense', {}],
  ])('%s', async (told, action, metadata) => {
    expect(await memo(told)).toMatchObject({ action, actor: 'system', severity: 'info', message: told, metadata });
    expect(Object.keys((await memo(told))?.metadata ?? {})).toEqual(Object.keys(metadata));
  });

  test.each(['rang the bank: nobody there', 'paid the rest: 100 EUR -> customer', 'partial dispense'])(
    '%s is nobody’s memo',
    async (told) => {
      expect(await memo(told)).toMatchObject({ action: 'note', severity: 'warning', actor: 'unknown', metadata: {} });
    },
  );

  test.each([
    ['u-4: gross 5 -> 4', 'u-4'],
    ['jean-paul: rang the bank', 'jean-paul'],
    ['anna_b: paid 5', 'anna_b'],
    ['8f3a-77: gross 5 -> 4; reason: x', '8f3a-77'],
  ])('%s is somebody’s note', async (told, actor) => {
    expect(await memo(told)).toMatchObject({ action: 'note', severity: 'info', actor, actor_type: 'user' });
  });

  test('called note says nobody’s name', async () => {
    expect(await memo('note: rang the bank')).toMatchObject({ action: 'note', severity: 'info', actor: 'unknown' });
  });

  test('are no notes of an operator, and the other way round', async () => {
    const told = await importOf(
      {
        1: '[2026-03-02 10:00 UTC] ines: gross 5 -> 4\nfee 1 -> 0\n[2026-03-01T10:00:00Z] partial dispense: gross 5 -> 4',
      },
      '--pattern',
      'memo,stamped',
    );
    expect(told.map(({ action, actor, message }) => [action, actor, message])).toEqual([
      ['partial_dispense', 'system', 'partial dispense: gross 5 -> 4'],
      ['note', 'ines', 'gross 5 -> 4\nfee 1 -> 0'],
    ]);
  });
});

describe('a pattern of one’s own', () => {
  const own = (pattern: string): string[] => ['--pattern', pattern, '--order', 'oldest-first'];

  test('finds time, actor and message, and keeps what else there is', async () => {
    const told = await importOf(
      { 1: '1772719629 #7 [high] INES says: hello\n2026-03-05T14:07:10Z #8 [] tom says: \nnothing of the kind' },
      ...own('/(?<ts>\\S+) #\\d+ \\[(?<level>\\w*)\\] (?<actor>ines|tom) says: (?<message>.*)/i'),
    );
    expect(
      told.map(({ ts, actor, actor_type: type, message, metadata }) => [ts, actor, type, message, metadata]),
    ).toEqual([
      [
        '2026-03-05T14:07:09.000Z',
        'INES',
        'user',
        'hello',
        { level: 'high', line: '1772719629 #7 [high] INES says: hello' },
      ],
      ['2026-03-05T14:07:10.000Z', 'tom', 'user', '', { level: '', line: '2026-03-05T14:07:10Z #8 [] tom says: ' }],
      ['2026-03-05T14:07:10.000Z', 'unknown', 'unknown', 'nothing of the kind', { undated: true }],
    ]);
  });

  const DISPENSE =
    '\\[(?<ts>[^\\]]+)\\] (?<action>[a-z_ ]+?) by (?<actor_type>operator|system) (?<actor>\\S+): gross (?<original_gross>\\d+)/(?<new_gross>\\d+), fee (?<original_fee>\\S+)/(?<new_fee>\\S+) \\((?<reason>.*)\\)';
  const LINE = '[2026-03-05T14:07:09Z] Partial dispense by operator u-4: gross 1000/900, fee 1.50/free (jam)';

  test('tells the action, the kind of actor, the reason, and values before and after', async () => {
    const [entry] = await importOf({ 1: LINE }, ...own(`/${DISPENSE}/i`));
    expect(entry).toMatchObject({
      action: 'partial_dispense',
      actor: 'u-4',
      actor_type: 'operator',
      message: 'Partial dispense by operator u-4: gross 1000/900, fee 1.50/free (jam)',
      old_values: { gross: 1000, commission: 1.5 },
      new_values: { gross: 900, commission: 'free' },
      metadata: {
        original_gross: 1000,
        new_gross: 900,
        original_commission: 1.5,
        new_commission: 'free',
        reason: 'jam',
        line: LINE,
      },
    });
  });

  test('may tell one of two values, or no action', async () => {
    const pattern =
      '(?<ts>\\S+) (?<actor>\\w+): (?<message>(?:(?<action>Fee waived) )?(?<original_fee>\\d+)?(?:/(?<new_net>\\d+))?.*)';
    const told = await importOf(
      { 1: '1772719629 tom: Fee waived 5\n1772719630 tom: /7\n1772719631 tom: hm' },
      ...own(pattern),
    );
    expect(told.map(({ action, metadata, old_values: before }) => [action, metadata, before])).toEqual([
      ['fee_waived', { original_fee: 5 }, null],
      ['note', { new_net: 7 }, null],
      ['note', {}, null],
    ]);
  });

  test('is tried behind another one, in their order, also beside presets', async () => {
    const text = `${LINE}\n[2026-03-05T15:00:00Z] ines: rang\nnothing\n[2026-03-05T16:00:00Z] tom! shouted`;
    const loud = '\\[(?<ts>\\S+)\\] (?<actor>\\S+)! (?<message>.*)';
    const told = await importOf({ 1: text }, ...own(`/${DISPENSE}/i`), '--pattern', 'memo,stamped', '--pattern', loud);
    expect(told.map(({ action, actor, message }) => [action, actor, message])).toEqual([
      ['partial_dispense', 'u-4', LINE.slice(LINE.indexOf('Partial'))],
      ['note', 'ines', 'rang\nnothing'],
      ['note', 'tom', 'shouted'],
    ]);
    // What a pattern in front takes, one behind it does not see.
    const all = '(?<ts>)(?<actor>)(?<message>.*)';
    const later = await importOf({ 2: LINE }, ...own(all), '--pattern', `/${DISPENSE}/i`);
    expect(later).toContainEqual(expect.objectContaining({ entity_id: '2', action: 'note', message: LINE }));
  });

  test('keeps the line where something of it stands in no group, also where groups stand in each other', async () => {
    const lines = ['1772719629 u-1 #123456 (lost)', '1772719630 u-1 #123456 ()', '1772719631 u-1 #123456 (✔)'];
    const told = await importOf(
      { 1: lines.join('\n') },
      ...own('(?<ts>\\d+) (?<actor>\\S+) (?<message>#(?<ticket>\\d+)) \\(.*\\)'),
    );
    expect(told.map(({ message, metadata }) => [message, metadata])).toEqual([
      ['#123456', { ticket: '123456', line: lines[0] }],
      ['#123456', { ticket: '123456' }],
      ['#123456', { ticket: '123456', line: lines[2] }],
    ]);
  });

  test('means any character of its line by a dot', async () => {
    const text = '1772719629 u-1 a\u2028b\rc\u2029';
    const told = await importOf({ 1: text }, ...own('(?<ts>\\d+) (?<actor>\\S+) (?<message>.*)'));
    expect(told).toMatchObject([{ actor: 'u-1', message: 'a\u2028b\rc\u2029', severity: 'info', metadata: {} }]);
  });

  test('may leave out who and when', async () => {
    const told = await importOf({ 1: '- one\n* two' }, ...own('(?<ts>)[-*] (?<actor>)(?<message>.*)'));
    expect(told).toMatchObject([
      { ts: NOW, actor: 'unknown', message: 'one', severity: 'info', metadata: { undated: true } },
      { ts: NOW, actor: 'unknown', message: 'two', severity: 'info', metadata: { undated: true } },
    ]);
  });

  test('that would never end puts the text aside', { timeout: 60_000 }, async () => {
    const file = inTestDirectory('t.ndjson');
    writeFileSync(
      file,
      toLines([
        { id: 1, notes: `${'a'.repeat(64)}!` },
        { id: 2, notes: '5 b' },
      ]),
    );
    const rejects = inTestDirectory('r.ndjson');
    const words = [...command(file), ...own('(?<ts>\\d+|(a+)+) (?<actor>\\w)(?<message>)'), '--rejects', rejects];
    expect(await counts(words)).toMatchObject({ read: 2, recorded: 1, rejected: 1 });
    expect((await cli(words.slice(0, -2))).stderr).toContain(
      'line 1: the pattern finds no end on this text within 1000 ms',
    );
  });

  test.each([
    ['(?<ts>\\S+) (?<message>.*)', 'has no group named actor'],
    ['(\\S+) (.*)', 'has no group named ts, actor, message'],
    ['(?<ts>\\S+', 'is not a regular expression: '],
    ['a)(?<ts>b)(', 'is not a regular expression: '],
    ['sealed', '--pattern "sealed" is neither a preset (memo, stamped, moderation, journal)'],
    ['memo,sealed', '--pattern "sealed" is neither a preset (memo, stamped, moderation, journal)'],
    ['memo,journal', 'journal shares its column with no other'],
    ['(?<action>\\w+)', 'has no group named ts'],
    ['', '--pattern is missing: one of memo, stamped, moderation, journal, or a regular expression'],
  ])('is refused as wrong: %j', async (pattern, why) => {
    const file = inTestDirectory('t.ndjson');
    writeFileSync(file, toLines([{ id: 1, notes: 'x' }]));
    const refused = await cli([...command(file), ...own(pattern)]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(why);
    expect(refused.stderr).toContain('try: ');
  });

  test('shares its column with no moderation', async () => {
    const words = [...command(fixture('proconnect/moderations.csv')), ...own('(?<ts>.)(?<actor>.)(?<message>.)')];
    const refused = await cli([...words, '--pattern', 'moderation']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('moderation shares its column')]);
  });

  test('does not say which note is the first', async () => {
    const refused = await cli([
      ...command(fixture('proconnect/moderations.csv')),
      '--pattern',
      '(?<ts>.)(?<actor>.)(?<message>.)',
    ]);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toMatch(/^daybook: --order is missing: .*\ntry: daybook import .* --order newest-first\n$/);
  });
});

describe('what a column is called', () => {
  test.each(['--key', '--column', '--entity-type'])('must be said by %s', async (flag) => {
    const words = [...command(fixture('proconnect/moderations.csv')), '--pattern', 'moderation'];
    const at = words.indexOf(flag);
    const refused = await cli(words.toSpliced(at, 2));
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`${flag} is missing: `);
  });

  test('must be right', async () => {
    const refused = await cli([...command(fixture('proconnect/moderations.csv')), '--pattern', 'moderation']);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('there is no "notes": there are id, user_id, ');
  });

  test('makes no difference to a key that is missing where there are no notes', async () => {
    const file = inTestDirectory('t.ndjson');
    writeFileSync(
      file,
      toLines([
        { id: null, notes: ' ' },
        { id: null, notes: 'x' },
      ]),
    );
    const refused = await cli([...command(file), '--pattern', 'stamped']);
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toContain('line 2: id is missing');
  });
});
