import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { redacting } from '../../src/importers/redacting.js';
import { cli, ok, trail } from '../support/cli.js';
import { fixture, ledgrab } from '../support/sources.js';
import { imported, importedText, importOf, imports, movesIn } from './imported.js';

const SECRETS = ['--redact', 'encrypted_password', '--redact', 'reset_password_token'];

describe('--redact', () => {
  test('keeps secrets out, and says that they changed', async () => {
    const csv = fixture('proconnect/audit_logs.csv');
    expect(readFileSync(csv, 'utf8')).toContain('tok_5f2c9a');
    const found = await movesIn('audit-logs', csv, ...SECRETS);
    expect(found).toHaveLength(66);
    expect(await importedText('audit-logs')).not.toMatch(/hashOf|\$2a\$|tok_5f2c9a/);
    expect(found.find(({ id }) => id === 'audit-logs:16')).toMatchObject({
      changed_fields: ['updated_at', 'encrypted_password', 'reset_password_token'],
      old_values: { encrypted_password: '[redacted]', email: 'yann@region-bretagne.example' },
    });
    expect(await ok(['count', '--changed', 'encrypted_password'])).toBe('1\n');
    // The same source without it is another content.
    const { code, stderr } = await cli(['import', 'audit-logs', csv]);
    expect([code, stderr]).toEqual([6, expect.stringContaining('with another new_values')]);
  });

  test('compares before it hides, and names what lies within by the whole', async () => {
    const row = {
      id: 1,
      op: 'UPDATE',
      ts: '2026-03-01T08:00:00Z',
      table_schema: 'public',
      table_name: 'users',
      old_record: { id: 1, mail: { auth: { password: 'a' }, port: 1 } },
      record: { id: 1, mail: { auth: { password: 'b' }, port: 1 } },
    };
    await importOf('supa-audit', [row], '--redact', 'mail.auth');
    expect(await imported('supa-audit')).toMatchObject([
      {
        changed_fields: ['mail.auth'],
        old_values: { id: 1, mail: { auth: '[redacted]', port: 1 } },
        new_values: { id: 1, mail: { auth: '[redacted]', port: 1 } },
      },
    ]);
  });

  test('works on the metadata of every format, and says where a path is nowhere', async () => {
    const file = ledgrab(path.dirname(await trail()));
    const { code, stderr } = await cli([
      'import',
      'ledgrab',
      file,
      '--redact',
      'packets_sent',
      '--redact',
      'packet_sent',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('--redact packet_sent: nothing of that name is in any entry');
    expect(await importedText('ledgrab')).toContain('"packets_sent":"[redacted]"');
    expect(await importedText('ledgrab')).not.toMatch(/"packets_sent":\d/);
    expect(await imports('ledgrab', file, '--redact', 'packets_sent')).toMatchObject({ recorded: 0, skipped: 1000 });
  });

  test('compares by itself where a format leaves that to the trail', () => {
    const entry = {
      id: 's:1',
      time: null,
      fields: { action: 'update', old_values: '{"pin":1}', new_values: '{"pin":2}' },
    };
    const found = new Set<string>();
    const read = redacting(() => [entry], ['pin', 'pan'], found);
    expect(read({ position: 'row 1', values: {} })).toEqual([
      {
        id: 's:1',
        time: null,
        fields: {
          action: 'update',
          old_values: '{"pin":"[redacted]"}',
          new_values: '{"pin":"[redacted]"}',
          changed_fields: '["pin"]',
        },
      },
    ]);
    expect([...found]).toEqual(['pin']);
  });
});
