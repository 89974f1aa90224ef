import { describe, expect, test, vi } from 'vitest';
import type { Filter } from '../../src/core/filter.js';
import { describeFilter } from '../../src/core/filter-described.js';
import { filterFromJson, filterToJson } from '../../src/core/filter-json.js';
import { filterQuestion } from '../../src/core/filter-question.js';
import { parseFilter } from '../../src/core/filter-text.js';
import type { FilterInput } from '../../src/core/filter-text.js';
import { parseTimestamp } from '../../src/core/timestamp.js';

const clock = () => ({ now: parseTimestamp('2026-03-05T14:07:09.123Z'), zone: 'UTC' });

const everything: FilterInput = {
  category: ['auth,device', 'entity'],
  action: ['create'],
  severity: ['warning,error'],
  actor: ['a,b'],
  actorType: ['user,system'],
  scope: ['tenant:a:b,c'],
  entity: ['invoice', 'invoice:a:b,c', ':7'],
  correlation: ['req,1'],
  source: ['led,grab'],
  search: 'a, b',
  changed: ['address,street', 'x'],
  meta: ['request.path=/a=b', 'empty='],
  not: [
    'category=x,y',
    'actor-type=user',
    'correlation=r,1',
    'search=a=b',
    'changed=c',
    'meta=a=b=c',
    'entity=:9',
    'actor=bob',
    'actor=eve',
  ],
  since: '2026-02',
  until: '2026-02',
  reverted: false,
};

const parsed: Filter = {
  category: ['auth', 'device', 'entity'],
  action: ['create'],
  severity: ['warning', 'error'],
  actor: ['a,b'],
  actor_type: ['user', 'system'],
  scope: ['tenant:a:b,c'],
  entity: [{ type: 'invoice' }, { type: 'invoice', id: 'a:b,c' }, { id: '7' }],
  correlation_id: ['req,1'],
  source: ['led,grab'],
  search: 'a, b',
  changed: ['address,street', 'x'],
  meta: [
    { path: 'request.path', value: '/a=b' },
    { path: 'empty', value: '' },
  ],
  not: {
    category: ['x', 'y'],
    actor_type: ['user'],
    correlation_id: ['r,1'],
    search: 'a=b',
    changed: ['c'],
    meta: [{ path: 'a', value: 'b=c' }],
    entity: [{ id: '9' }],
    actor: ['bob', 'eve'],
  },
  since: parseTimestamp('2026-02-01T00:00Z'),
  until: parseTimestamp('2026-02-28T23:59:59.999Z'),
  reverted: false,
};

describe('parseFilter', () => {
  test('every option', async () => {
    expect(await parseFilter(everything, clock)).toStrictEqual(parsed);
  });

  test('nothing asked, nothing in the filter', async () => {
    const asked = vi.fn<typeof clock>(clock);
    expect(await parseFilter({ category: undefined, not: undefined, search: undefined }, asked)).toStrictEqual({});
    expect(await parseFilter({ action: ['create'] }, asked)).toStrictEqual({ action: ['create'] });
    expect(asked).not.toHaveBeenCalled();
  });

  test('times', async () => {
    const day = { since: parseTimestamp('2026-03-04T00:00Z'), until: parseTimestamp('2026-03-04T23:59:59.999Z') };
    expect(await parseFilter({ in: 'yesterday' }, clock)).toStrictEqual(day);
    expect(await parseFilter({ since: 'yesterday' }, clock)).toStrictEqual({ since: day.since });
    expect(await parseFilter({ until: 'yesterday' }, clock)).toStrictEqual({ until: day.until });
    expect(await parseFilter({ since: 'now', until: 'now' }, clock)).toStrictEqual({
      since: clock().now,
      until: clock().now,
    });
  });

  const refused: [FilterInput, string][] = [
    [{ category: [''] }, '--category is empty'],
    [{ category: ['a,,b'] }, '--category "a,,b" holds an empty item'],
    [{ action: ['a,'] }, '--action "a," holds an empty item'],
    [{ severity: ['info,fatal'] }, '--severity "fatal" is not one of info, warning, error'],
    [{ severity: ['info, error'] }, '--severity " error" is not one of'],
    [{ actorType: [''] }, '--actor-type is empty'],
    [{ actor: [''] }, '--actor is empty'],
    [{ source: [''] }, '--source is empty'],
    [{ correlation: [''] }, '--correlation is empty'],
    [{ scope: ['tenant'] }, '--scope "tenant" is not <kind>:<id>'],
    [{ scope: [':42'] }, '--scope ":42" is not'],
    [{ scope: [':4:2'] }, '--scope ":4:2" is not'],
    [{ scope: ['tenant:'] }, '--scope "tenant:" is not'],
    [{ entity: [''] }, '--entity is empty'],
    [{ entity: ['type:'] }, '--entity "type:" has no id'],
    [{ entity: [':'] }, '--entity ":" has no id'],
    [{ search: '' }, '--search is empty'],
    [{ changed: [''] }, '--changed is empty'],
    [{ meta: [''] }, '--meta is empty'],
    [{ meta: ['path'] }, '--meta "path" is not <path>=<value>'],
    [{ meta: ['=v'] }, '--meta "=v" is not <path>=<value>'],
    [{ not: [''] }, '--not "" names no filter'],
    [
      { not: ['colour=red'] },
      'one of category, action, severity, actor, actor-type, scope, entity, correlation, source, search, changed, meta',
    ],
    [{ not: ['actorType=user'] }, '--not "actorType=user" names no filter'],
    [{ not: ['actor_type=user'] }, 'names no filter'],
    [{ not: ['category'] }, '--not "category" has no value'],
    [{ not: ['category='] }, '--not category is empty'],
    [{ not: ['severity=fatal'] }, '--not severity "fatal" is not one of'],
    [{ not: ['scope=x'] }, '--not scope "x" is not'],
    [{ not: ['meta=x'] }, '--not meta "x" is not'],
    [{ not: ['search=a', 'search=b'] }, '--not search="b" is one too many'],
    [{ since: '' }, '--since is empty'],
    [{ in: '' }, '--in is empty'],
    [{ since: '3M' }, '--since: duration "3M" could be minutes or months'],
    [{ until: '2026-02-30' }, '--until: time "2026-02-30" does not exist'],
    [{ in: 'now' }, '--in: time "now" is an instant'],
    [{ in: '2026', since: '2025' }, '--in is --since and --until at once'],
    [{ in: '2026', until: '2025' }, '--in is --since and --until at once'],
    [
      { since: 'today', until: 'yesterday' },
      '--since "today" (2026-03-05T00:00:00.000Z) is after --until "yesterday" (2026-03-04T23:59:59.999Z)',
    ],
  ];
  test.each(refused)('refuses %j', async (input, reason) => {
    await expect(parseFilter(input, clock)).rejects.toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(reason) }),
    );
  });

  test.each([
    [{ actors: ['nobody'] }, 'a filter has no option "actors": it has category, action,'],
    [{ actor_type: ['user'] }, 'no option "actor_type"'],
    [{ actor: [] }, 'option actor of a filter takes texts'],
    [{ not: [] }, 'option not of a filter takes texts'],
    [{ not: 'actor=cron' }, 'option not of a filter takes texts'],
    [{ actor: 'nobody' }, 'option actor of a filter takes texts'],
    [{ actor: null }, 'option actor of a filter takes texts'],
    [{ actor: [undefined] }, 'option actor of a filter takes texts'],
    [{ search: ['x'] }, 'option search of a filter takes text'],
    [{ since: 5 }, 'option since of a filter takes text'],
    [{ reverted: 'no' }, 'option reverted of a filter takes true or false'],
  ])('refuses what nobody would read: %j', async (input, reason) => {
    await expect(parseFilter(input as unknown as FilterInput, clock)).rejects.toThrow(
      expect.objectContaining({ kind: 'usage', message: expect.stringContaining(reason) }),
    );
  });

  test('what is broken elsewhere is not a wrong value', async () => {
    const broken = (): never => {
      throw new TypeError('broken');
    };
    await expect(parseFilter({ since: 'now' }, broken)).rejects.toThrow(TypeError);
    const zoneless = () => ({ now: 0n as unknown as number, zone: 'UTC' });
    await expect(parseFilter({ since: '1d' }, zoneless)).rejects.toThrow(TypeError);
  });
});

describe('filterQuestion', () => {
  test('is canonical', () => {
    expect(filterQuestion({ action: ['b', 'a'], category: ['y,x'], not: [], since: undefined }, 'UTC')).toBe(
      '{"action":["a","b"],"category":["x","y"]}',
    );
    expect(filterQuestion({ category: ['x', 'y', 'x'], action: ['a,b'] }, 'UTC')).toBe(
      filterQuestion({ action: ['b', 'a'], category: ['y,x'] }, 'UTC'),
    );
    expect(filterQuestion({}, 'UTC')).toBe('{}');
  });

  test('ids with commas are not split', () => {
    expect(filterQuestion({ actor: ['b,a'] }, 'UTC')).not.toBe(filterQuestion({ actor: ['b', 'a'] }, 'UTC'));
  });

  test('the zone counts where a time does', () => {
    for (const time of [{ since: '2026' }, { until: '2026' }, { in: '2026' }]) {
      expect(filterQuestion(time, 'UTC')).not.toBe(filterQuestion(time, 'Europe/Berlin'));
    }
    expect(filterQuestion({ search: 'x', reverted: false }, 'UTC')).toBe('{"reverted":false,"search":"x"}');
    expect(filterQuestion({ search: 'x' }, 'UTC')).toBe(filterQuestion({ search: 'x' }, 'Europe/Berlin'));
  });

  test('another filter is another question', () => {
    expect(filterQuestion({ reverted: true }, 'UTC')).not.toBe(filterQuestion({ reverted: false }, 'UTC'));
    expect(filterQuestion({ actor: ['a'] }, 'UTC')).not.toBe(filterQuestion({ source: ['a'] }, 'UTC'));
  });
});

describe('filters as JSON', () => {
  test('come back', () => {
    for (const filter of [parsed, {}, { not: { category: ['x'] } }]) {
      expect(filterFromJson(filterToJson(filter))).toStrictEqual(filter);
    }
  });

  test.each([
    'not JSON',
    'null',
    '[]',
    '{"colour":["red"]}',
    '{"category":"x"}',
    '{"category":[1]}',
    '{"search":["x"]}',
    '{"changed":[null]}',
    '{"entity":[{}]}',
    '{"entity":["invoice"]}',
    '{"entity":[{"type":"a","name":"b"}]}',
    '{"meta":[{"path":"a"}]}',
    '{"meta":[{"path":"a","value":1}]}',
    '{"not":[]}',
    '{"not":{"since":1}}',
    '{"not":{"not":{}}}',
    '{"since":"2026"}',
    '{"until":1.5}',
    '{"reverted":"no"}',
    '{"actor":[]}',
    '{"meta":[]}',
    '{"not":{"actor":[]}}',
    '{"search":""}',
    '{"not":{"severity":["fatal"]}}',
  ])('%s is refused', (text) => {
    expect(() => filterFromJson(text)).toThrow(
      expect.objectContaining({
        kind: 'failed',
        message: expect.stringContaining('is not one that this daybook understands'),
      }),
    );
  });
});

test('what is no filter is not kept as one', () => {
  expect(() => filterToJson({ actor: undefined } as unknown as Filter)).toThrow(
    expect.objectContaining({ kind: 'usage', message: expect.stringContaining('condition actor') }),
  );
});

describe('describeFilter', () => {
  test('says every condition', () => {
    expect(describeFilter(parsed)).toBe(
      'category auth or device or entity, action create, severity warning or error, actor a,b, actor type user or system, ' +
        'scope tenant:a:b,c, correlation id req,1, source led,grab, entity invoice or invoice:a:b,c or :7, ' +
        'message with "a, b", changed address,street or x, metadata request.path is "/a=b", metadata empty is "", ' +
        'not category x or y, not actor bob or eve, not actor type user, not correlation id r,1, not entity :9, ' +
        'not message with "a=b", not changed c, not metadata a is "b=c", ' +
        'since 2026-02-01T00:00:00.000Z, until 2026-02-28T23:59:59.999Z, not reverted',
    );
    expect(describeFilter({ reverted: true })).toBe('reverted');
    expect(describeFilter({})).toBe('every entry');
  });
});
