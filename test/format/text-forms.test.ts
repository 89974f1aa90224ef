import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Entry } from '../../src/core/entry.js';
import { formatted, HOSTILE_ENTRIES, linesOf } from './collected.js';

// The forms of events that are lines of text, read back by collectors and parsers. Those of Debian (liblognorm-utils,
// syslog-ng-core) read every hostile text; where they are not installed, their tests are skipped by name. Those of npm are
// always there, and read what they can.

// They bring no types.
const require = createRequire(import.meta.url);
const nsyslog = require('nsyslog-parser') as (line: string) => {
  readonly cef?: Texts;
  readonly leef?: Texts;
  readonly fields?: Texts;
};
const glossy = require('glossy') as { readonly Parse: { parse(line: string): unknown } };
type Texts = Readonly<Record<string, string>>;

const hasProgram = (name: string, ...words: string[]): boolean => spawnSync(name, words).error === undefined;
const NORMALIZER = hasProgram('lognormalizer', '-V');
const SYSLOG_NG = hasProgram('syslog-ng', '--version');

/** Entries that every parser can read: their texts hold no separator of any form. */
const PLAIN_ENTRIES = HOSTILE_ENTRIES.filter(
  (entry) => entry.message === 'plain words' || entry.message.startsWith('田中さくら'),
).map((entry): Entry => Object.assign({}, entry, { old_values: null }));

/** A field as text, as every form here has it; undefined for one that is not there, or is empty. */
function textOf(entry: Entry, field: keyof Entry): string | undefined {
  const value = entry[field];
  return value === null || value === '' ? undefined : String(value);
}

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'daybook-collector-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What syslog-ng makes of bytes that it gets over TCP: a JSON object for each message. */
async function throughSyslogNg(
  bytes: Buffer,
  count: number,
  { source, parser = '', template }: { source: (port: number) => string; parser?: string; template: string },
): Promise<Readonly<Record<string, unknown>>[]> {
  const where = folder();
  const port = await freePort();
  const output = path.join(where, 'out.json');
  writeFileSync(
    path.join(where, 'conf'),
    `@version: 3.38
    options { log-msg-size(1048576); };
    source s { ${source(port)} };
    ${parser}
    destination d { file("${output}" template("${template}\\n")); };
    log { source(s); ${parser === '' ? '' : 'parser(p);'} destination(d); };\n`,
  );
  const files = { '-f': 'conf', '-p': 'pid', '-c': 'control', '-R': 'persist' };
  const words = Object.entries(files).flatMap(([option, name]) => [option, path.join(where, name)]);
  const program = spawn('syslog-ng', ['-F', '--no-caps', ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  onTestFinished(() => void program.kill('SIGKILL'));
  await untilListening(port);
  const socket = connect(port, '127.0.0.1');
  await new Promise<void>((resolve) => socket.end(bytes, resolve));
  const lines = (): string[] => (existsSync(output) ? readFileSync(output, 'utf8').split('\n').slice(0, -1) : []);
  while (lines().length < count) await sleep(20);
  return lines().map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open === true) return;
    await sleep(20);
  }
}

describe('cef', () => {
  const FIELDS = {
    id: 'externalId',
    category: 'cat',
    action: 'act',
    severity: 'daybookSeverity',
    actor: 'suid',
    actor_name: 'suser',
    actor_type: 'daybookActorType',
    recorded_at: 'daybookRecordedAt',
    recorded_by: 'daybookRecordedBy',
    scope: 'cs3',
    entity_name: 'cs2',
    message: 'msg',
    metadata: 'cs6',
    old_values: 'daybookOldValues',
    new_values: 'daybookNewValues',
    changed_fields: 'cs5',
    correlation_id: 'cs4',
    reverts: 'daybookReverts',
    source: 'daybookSource',
  } as const satisfies Partial<Record<keyof Entry, string>>;

  function expectRead(read: Readonly<Record<string, string>>, entry: Entry): void {
    for (const [field, name] of Object.entries(FIELDS))
      expect(read[name], field).toBe(textOf(entry, field as keyof Entry));
    expect(read['cn1']).toBe(String(entry.seq));
    const entity = entry.entity_type === null ? undefined : `${entry.entity_type}:${entry.entity_id}`;
    expect(read['cs1']).toBe(entity);
    expect(read['cs1Label']).toBe(entity && 'entity');
  }

  test.skipIf(!NORMALIZER)('by lognormalizer of liblognorm: every field of every hostile entry', async () => {
    const rules = path.join(folder(), 'cef.rb');
    writeFileSync(rules, 'version=2\nrule=:%event:cef%\n');
    const text = await formatted('cef', HOSTILE_ENTRIES);
    expect(linesOf(text)).toHaveLength(HOSTILE_ENTRIES.length);
    const read = linesOf(execFileSync('lognormalizer', ['-r', rules], { input: text }));
    expect(read).toHaveLength(HOSTILE_ENTRIES.length);
    for (const [index, line] of read.entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      const { event } = JSON.parse(line) as { event: Record<string, string> & { Extensions: Record<string, string> } };
      expect(event).toMatchObject({ DeviceVendor: 'daybook', DeviceProduct: 'daybook' });
      expect(event['SignatureID']).toBe(entry.action.replaceAll(/[\r\n]+/g, ' '));
      expect(event['Severity']).toBe({ info: '3', warning: '6', error: '9' }[entry.severity as 'info']);
      // This version of it loses the first letter of the first name.
      expect(event.Extensions['t']).toBe(String(new Date(entry.ts).getTime()));
      expectRead(event.Extensions, entry);
    }
  });

  test('by nsyslog-parser: what has no equals sign in it', async () => {
    for (const [index, line] of linesOf(await formatted('cef', PLAIN_ENTRIES)).entries()) {
      const { cef, fields } = nsyslog(line);
      const entry = PLAIN_ENTRIES[index] as Entry;
      expect(cef).toMatchObject({
        version: 'CEF:0',
        deviceVendor: 'daybook',
        deviceEventClassID: entry.action,
        severity: '3',
      });
      expect(fields?.['rt']).toBe(String(new Date(entry.ts).getTime()));
      for (const [field, name] of Object.entries(FIELDS)) {
        expect(fields?.[name], field).toBe(textOf(entry, field as keyof Entry));
      }
    }
  });
});

describe('leef', () => {
  const nameOf = (field: string): string =>
    ({ ts: 'devTime', category: 'cat', actor: 'usrName', actor_name: 'accountName' })[field] ?? field;

  const unescaped = (value: string): string =>
    value.replaceAll(/\\([\\tnr])/g, (_, letter: string) => ({ t: '\t', n: '\n', r: '\r' })[letter] ?? '\\');

  test.skipIf(!SYSLOG_NG)('by the parser of columns of syslog-ng: every field of every hostile entry', async () => {
    const text = await formatted('leef', HOSTILE_ENTRIES);
    expect(linesOf(text)).toHaveLength(HOSTILE_ENTRIES.length);
    const columns = (prefix: string, count: number): string =>
      Array.from({ length: count }, (_, index) => `"${prefix}${index}"`).join(', ');
    // A separator between attributes, and not one quote or escape: that is LEEF.
    const literal = 'dialect(escape-none) quote-pairs("")';
    const read = await throughSyslogNg(text, HOSTILE_ENTRIES.length, {
      source: (port) => `network(ip("127.0.0.1") port(${port}) transport("tcp") flags(no-parse));`,
      parser: `parser p {
        csv-parser(columns(${columns('head', 6)}, "rest") delimiters("|") ${literal} flags(greedy));
        csv-parser(columns(${columns('pair', 30)}) delimiters("\\t") ${literal} template("$\{rest}")); };`,
      template: '$(format-json --key head* --key pair*)',
    });
    for (const [index, line] of (read as Record<string, string>[]).entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      expect([line['head0'], line['head4']]).toEqual(['LEEF:2.0', entry.action.replaceAll(/[|\s]+/g, ' ')]);
      const pairs = Object.entries(line).filter(([name]) => name.startsWith('pair'));
      const attributes = Object.fromEntries(
        pairs.map(([, pair]) => [pair.slice(0, pair.indexOf('=')), unescaped(pair.slice(pair.indexOf('=') + 1))]),
      );
      for (const field of Object.keys(entry) as (keyof Entry)[]) {
        // It takes blanks away at the end of a column.
        expect((attributes[nameOf(field)] ?? '').trimEnd(), field).toBe((textOf(entry, field) ?? '').trimEnd());
      }
      expect(attributes['sev']).toBe({ info: '2', warning: '5', error: '8' }[entry.severity as 'info']);
    }
  });

  test('by nsyslog-parser: what has neither a bar nor an equals sign in it', async () => {
    for (const [index, line] of linesOf(await formatted('leef', PLAIN_ENTRIES)).entries()) {
      const { leef, fields } = nsyslog(line);
      const entry = PLAIN_ENTRIES[index] as Entry;
      expect(leef).toMatchObject({
        leefVersion: 'LEEF:2.0',
        vendor: 'daybook',
        eventID: entry.action,
        delimiter: '\t',
      });
      for (const field of Object.keys(entry) as (keyof Entry)[]) {
        expect(fields?.[nameOf(field)], field).toBe(textOf(entry, field));
      }
    }
  });
});

describe('rfc5424', () => {
  const ELSEWHERE = new Set(['ts', 'message']);

  /** What is on a line, where line feeds end messages. */
  const onLine = (text: string): string => text.replaceAll('\n', '#012').replaceAll('\r', '#015');

  function expectData(data: Readonly<Record<string, string>>, entry: Entry, shown: (text: string) => string): void {
    const fields = (Object.keys(entry) as (keyof Entry)[]).filter((field) => !ELSEWHERE.has(field));
    for (const field of fields) {
      const value = entry[field];
      expect(data[field], field).toBe(value === null ? undefined : shown(String(value)));
    }
  }

  test.skipIf(!SYSLOG_NG).each([
    ['with a line feed behind each', false, onLine],
    ['with the length in front of each', true, (text: string) => text],
  ])('by syslog-ng, %s: every field of every hostile entry', async (_, octets, shown) => {
    const read = await throughSyslogNg(
      await formatted('rfc5424', HOSTILE_ENTRIES, { octets }),
      HOSTILE_ENTRIES.length,
      {
        source: (port) =>
          octets
            ? `syslog(ip("127.0.0.1") port(${port}) transport("tcp"));`
            : `network(ip("127.0.0.1") port(${port}) transport("tcp") flags(syslog-protocol));`,
        template:
          '$(format-json --key .SDATA.* message=$MESSAGE program=$PROGRAM id=$MSGID facility=$FACILITY_NUM level=$LEVEL_NUM time=$S_UNIXTIME)',
      },
    );
    for (const [index, message] of read.entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      const data = (message['_SDATA'] as Record<string, Record<string, string>>)['daybook@32473'] ?? {};
      expectData(data, entry, shown);
      expect(message['message']).toBe(shown(entry.message));
      expect(message).toMatchObject({ program: 'daybook', facility: '13' });
      expect(message['level']).toBe({ info: '6', warning: '4', error: '3' }[entry.severity as 'info']);
      expect(message['id'] ?? '').toBe(/^[!-~]{1,32}$/.test(entry.action) ? entry.action : '');
    }
  });

  test('by glossy: every field of every hostile entry', async () => {
    const lines = linesOf(await formatted('rfc5424', HOSTILE_ENTRIES));
    expect(lines).toHaveLength(HOSTILE_ENTRIES.length);
    for (const [index, line] of lines.entries()) {
      const entry = HOSTILE_ENTRIES[index] as Entry;
      const read = glossy.Parse.parse(line) as {
        readonly type: string;
        readonly time: Date;
        readonly severityID: number;
        readonly message: string;
        readonly structuredData: Readonly<Record<string, Readonly<Record<string, string>>>>;
      };
      expect(read.type).toBe('RFC5424');
      expect(read.time.toISOString().slice(-24)).toBe(entry.ts);
      expectData(read.structuredData['daybook@32473'] ?? {}, entry, onLine);
      // It looks for the end of the data from behind, and so in the message as well.
      if (!entry.message.includes(']')) expect(read.message).toBe(onLine(entry.message));
    }
  });

  test('the length in front of a message is that of its bytes', async () => {
    const bytes = await formatted('rfc5424', HOSTILE_ENTRIES, { octets: true });
    let count = 0;
    for (let at = 0; at < bytes.length; count += 1) {
      const space = bytes.indexOf(' ', at);
      const end = space + 1 + Number(bytes.toString('latin1', at, space));
      expect(bytes.toString('utf8', space + 1, end)).toMatch(/^<10[789]>1 |^<110>1 /);
      at = end;
    }
    expect(count).toBe(HOSTILE_ENTRIES.length);
  });
});
