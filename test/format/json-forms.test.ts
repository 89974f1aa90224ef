import { createRequire } from 'node:module';
import { EcsFlat, EcsVersion } from '@elastic/ecs';
import { describe, expect, test } from 'vitest';
import { parseDocument, sameValue } from '../../src/core/json.js';
import type { Entry } from '../../src/core/entry.js';
import { formatted, HOSTILE_ENTRIES, linesOf } from './collected.js';
import { OCSF_CLASSES, OCSF_OBJECTS, OCSF_REQUIRED } from './ocsf-schema.js';

// The forms of events that are JSON, read back by the schemas and parsers of those who made them.

// Of these two there are no types, or none of what we use.
const require = createRequire(import.meta.url);
const GrayGelfServer = require('graygelf/server.js') as new () => {
  on(event: 'message', take: (message: Json) => void): void;
  /** What comes in over UDP. */
  _message(datagram: Buffer): void;
};
const otlp = require('@opentelemetry/otlp-transformer/build/src/generated/root.js') as {
  opentelemetry: { proto: { collector: { logs: { v1: { ExportLogsServiceRequest: MessageType } } } } };
};
interface MessageType {
  fromObject(plain: object): unknown;
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
  toObject(message: unknown, options: { readonly longs: typeof String }): object;
}

type Json = Readonly<Record<string, unknown>>;

async function each(
  name: 'ocsf' | 'gelf' | 'ecs',
  check: (read: Json, entry: Entry, line: string) => void,
): Promise<void> {
  const lines = linesOf(await formatted(name, HOSTILE_ENTRIES));
  expect(lines).toHaveLength(HOSTILE_ENTRIES.length);
  for (const [index, line] of lines.entries()) check(JSON.parse(line) as Json, HOSTILE_ENTRIES[index] as Entry, line);
}

/** The fields of an entry that are there. */
function present(entry: Partial<Entry>): Json {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== null));
}

const ms = (ts: string): number => new Date(ts).getTime();

describe('ecs, by @elastic/ecs: the published schema of Elastic', () => {
  interface Field {
    readonly type: string;
    readonly normalize: readonly string[];
    readonly allowed_values?: readonly { readonly name: string; readonly expected_event_types?: readonly string[] }[];
  }
  const schema = EcsFlat as unknown as Readonly<Record<string, Field | undefined>>;

  /** Each value of a document by the dotted name of its field. */
  function flat(document: Json, prefix = ''): [string, unknown][] {
    return Object.entries(document).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? flat(value as Json, `${prefix}${name}.`)
        : [[`${prefix}${name}`, value] as [string, unknown]],
    );
  }

  const ofType: Readonly<Record<string, (value: unknown) => boolean>> = {
    keyword: (value) => typeof value === 'string',
    match_only_text: (value) => typeof value === 'string',
    date: (value) => typeof value === 'string' && !Number.isNaN(ms(value)),
    long: Number.isSafeInteger,
  };

  test('every field is in the schema, with its type and of its values, or below `daybook`', async () => {
    await each('ecs', (document) => {
      expect(document).toMatchObject({ ecs: { version: EcsVersion } });
      for (const [name, value] of flat(document)) {
        if (name.startsWith('daybook.')) continue;
        const field = schema[name];
        if (field === undefined) throw new Error(`${name} is no field of ECS`);
        expect(field.normalize.includes('array'), name).toBe(Array.isArray(value));
        for (const one of Array.isArray(value) ? value : [value]) {
          expect(ofType[field.type]?.(one), `${name} is ${String(one)}`).toBe(true);
          if (field.allowed_values !== undefined)
            expect(field.allowed_values.map((allowed) => allowed.name)).toContain(one);
        }
      }
      const { category = [], type = [] } = document['event'] as { category?: string[]; type?: string[] };
      for (const one of category) {
        const allowed = schema['event.category']?.allowed_values?.find(({ name }) => name === one);
        expect(allowed?.expected_event_types).toEqual(expect.arrayContaining(type));
      }
    });
  });

  test('every field of the entry is there', async () => {
    await each('ecs', (document, entry) => {
      const { event, user, daybook, log } = document as Readonly<Record<string, Json>>;
      const read = {
        ...daybook,
        seq: event?.['sequence'],
        id: event?.['id'],
        ts: document['@timestamp'],
        recorded_at: event?.['created'],
        action: event?.['action'],
        severity: log?.['level'],
        actor: user?.['id'],
        actor_name: user?.['name'],
        message: document['message'],
        source: event?.['provider'],
      };
      expect(JSON.parse(JSON.stringify(read))).toEqual(present(entry));
    });
  });

  test('logins and changes have the types that the schema has for them', async () => {
    const types: unknown[] = [];
    await each('ecs', ({ event }) => types.push((event as Json)['type']));
    expect(types.slice(-4)).toEqual([['start'], ['info'], ['deletion'], ['creation']]);
  });
});

describe('gelf, by the server of graygelf', () => {
  test('each message is what Graylog takes, and every field of the entry is there', async () => {
    const lines = linesOf(await formatted('gelf', HOSTILE_ENTRIES));
    const server = new GrayGelfServer();
    const messages: Json[] = [];
    server.on('message', (message: Json) => messages.push(message));
    // oxlint-disable-next-line no-underscore-dangle -- its own name
    for (const line of lines) server._message(Buffer.from(line));
    expect(messages).toHaveLength(HOSTILE_ENTRIES.length);
    for (const [index, message] of messages.entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      const { version, host, short_message: short, timestamp, level, _entry_id: id, ...own } = message;
      expect(version).toBe('1.1');
      expect([host, typeof short, typeof timestamp, typeof level]).toEqual(['daybook', 'string', 'number', 'number']);
      if (entry.action.trim() !== '') expect(short).not.toBe('');
      expect(Math.round((timestamp as number) * 1000)).toBe(ms(entry.ts));
      expect(level).toBe({ info: 6, warning: 4, error: 3 }[entry.severity as 'info']);
      for (const [name, value] of Object.entries(own)) {
        expect(name).toMatch(/^_[\w.-]+$/);
        expect(['string', 'number']).toContain(typeof value);
      }
      expect(own).not.toHaveProperty('_id');
      const read = Object.fromEntries(Object.entries(own).map(([name, value]) => [name.slice(1), value]));
      // A message that says nothing gives way to the action.
      expect(short).toBe(entry.message.trim() === '' ? entry.action : entry.message);
      expect({ ...read, id, message: entry.message }).toEqual(present(entry));
    }
  });
});

describe("otlp-json, by the protobuf messages of OpenTelemetry's own exporter", () => {
  const request = otlp.opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest;
  interface Attribute {
    readonly key: string;
    readonly value: { readonly stringValue?: string; readonly intValue?: string };
  }

  test('a page is one request on one line, of which nothing is lost on the way through protobuf', async () => {
    const [line = '', ...more] = linesOf(await formatted('otlp-json', HOSTILE_ENTRIES));
    expect(more).toEqual([]);
    const sent = JSON.parse(line) as object;
    const bytes = request.encode(request.fromObject(sent)).finish();
    const read = request.toObject(request.decode(bytes), { longs: String }) as typeof sent;
    expect(read).toEqual(sent);
  });

  test('every field of the entry is there', async () => {
    const [line = ''] = linesOf(await formatted('otlp-json', HOSTILE_ENTRIES));
    const decoded = request.decode(request.encode(request.fromObject(JSON.parse(line) as object)).finish());
    const plain = request.toObject(decoded, { longs: String }) as {
      resourceLogs: { scopeLogs: { logRecords: Record<string, unknown>[] }[] }[];
    };
    const records = plain.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? [];
    expect(records).toHaveLength(HOSTILE_ENTRIES.length);
    for (const [index, record] of records.entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      const attributes = record['attributes'] as readonly Attribute[];
      const read = Object.fromEntries(
        attributes.map(({ key, value }) => [
          { 'user.id': 'actor', 'user.name': 'actor_name' }[key] ?? key.replace('daybook.', ''),
          value.stringValue ?? Number(value.intValue),
        ]),
      );
      expect({ ...read, message: (record['body'] as Json)['stringValue'] }).toEqual(present(entry));
      const year = Number(entry.ts.slice(0, 4));
      const known = year >= 1970 && year < 2554;
      expect(record['timeUnixNano']).toBe(known ? `${ms(entry.ts)}000000` : '0');
      expect(record['severityNumber']).toBe({ info: 9, warning: 13, error: 17 }[entry.severity as 'info']);
    }
  });

  test('no entries are no request', async () => {
    expect(String(await formatted('otlp-json', []))).toBe('');
  });
});

describe('ocsf, by the classes that OCSF 1.5.0 publishes', () => {
  const isType: Readonly<Record<string, (value: unknown) => boolean>> = {
    integer: Number.isSafeInteger,
    string: (value) => typeof value === 'string',
    json: () => true,
  };

  function check(object: string, value: Json, path: string): void {
    const attributes = OCSF_OBJECTS[object] ?? {};
    for (const required of OCSF_REQUIRED[object] ?? []) {
      const one = required.split('|');
      expect(
        one.some((name) => name in value),
        `${path} has ${required}`,
      ).toBe(true);
    }
    for (const [name, member] of Object.entries(value)) {
      const type = attributes[name];
      if (type === undefined) throw new Error(`${path}.${name} is no attribute of ${object}`);
      if (type in isType) expect(isType[type]?.(member), `${path}.${name} is ${String(member)}`).toBe(true);
      else check(type, member as Json, `${path}.${name}`);
    }
  }

  test('every attribute is in its class, with its type; none that is required is missing', async () => {
    const seen = new Set<unknown>();
    await each('ocsf', (event) => {
      const known = OCSF_CLASSES.find(({ uid }) => uid === event['class_uid']);
      if (known === undefined) throw new Error(`${String(event['class_uid'])} is no class`);
      seen.add(known.name);
      check(known.name, event, known.name);
      expect(event['category_uid']).toBe(known.category);
      expect(event['type_uid']).toBe(known.uid * 100 + Number(event['activity_id']));
      expect(Object.keys(known.activities)).toContain(String(event['activity_id']));
      if (event['activity_id'] !== 99)
        expect(event['activity_name']).toBe(known.activities[event['activity_id'] as number]);
      expect(event['metadata']).toMatchObject({ version: '1.5.0' });
    });
    expect([...seen].toSorted()).toEqual(OCSF_CLASSES.map(({ name }) => name).toSorted());
  });

  test('every field of the entry is there, and documents keep every digit', async () => {
    await each('ocsf', (event, entry, line) => {
      const exact = parseDocument(line) as unknown as Readonly<Record<string, Json>>;
      const unmapped = exact['unmapped'] ?? {};
      const { metadata = {}, entity = {}, actor, entity_result: result } = exact;
      const user = (actor?.['user'] ??
        exact['user'] ?? { uid: unmapped['actor'], name: unmapped['actor_name'] }) as Json;
      const read = {
        id: metadata['uid'],
        action: metadata['event_code'],
        category: metadata['log_name'],
        severity: metadata['log_level'],
        actor: user['uid'],
        actor_name: user['name'] ?? null,
        actor_type: unmapped['actor_type'],
        recorded_by: unmapped['recorded_by'] ?? null,
        scope: unmapped['scope'] ?? null,
        entity_type: entity['type'] ?? unmapped['entity_type'] ?? null,
        entity_id: entity['uid'] ?? unmapped['entity_id'] ?? null,
        entity_name: entity['name'] ?? unmapped['entity_name'] ?? null,
        message: exact['message'],
        correlation_id: metadata['correlation_uid'] ?? null,
        reverts: unmapped['reverts'] ?? null,
        source: metadata['log_provider'] ?? null,
      };
      expect(read).toEqual(Object.fromEntries(Object.keys(read).map((field) => [field, entry[field as keyof Entry]])));
      expect(event['time']).toBe(ms(entry.ts));
      expect((event['metadata'] as Json)['sequence']).toBe(entry.seq);
      expect((event['metadata'] as Json)['logged_time'] ?? null).toBe(entry.recorded_at && ms(entry.recorded_at));
      const documents = {
        metadata: unmapped['metadata'],
        changed_fields: unmapped['changed_fields'],
        old_values: entity['data'] ?? unmapped['old_values'],
        new_values: result?.['data'] ?? unmapped['new_values'],
      };
      for (const [field, document] of Object.entries(documents)) {
        const text = entry[field as 'metadata'] as string | null;
        if (text === null) expect(document, field).toBeUndefined();
        else expect(sameValue(parseDocument(text), document as never), field).toBe(true);
      }
    });
  });
});

test('a document that is none, of a trail that lost its rules, forges no field', async () => {
  const forged = { ...(HOSTILE_ENTRIES[0] as Entry), metadata: '{"a":1},"severity_id":4,"x":{"b":2}' };
  const line = String(await formatted('ocsf', [forged]));
  expect(JSON.parse(line)).toMatchObject({ severity_id: 1, unmapped: { metadata: forged.metadata } });
});

test('a document with line breaks between its tokens stays on its line', async () => {
  const spread = { ...(HOSTILE_ENTRIES[0] as Entry), old_values: '{\n "a": 12345678901234567890,\n "a": 2.50\n}' };
  for (const name of ['ocsf', 'ecs', 'gelf', 'otlp-json'] as const) {
    expect(linesOf(await formatted(name, [spread])), name).toHaveLength(1);
  }
});
