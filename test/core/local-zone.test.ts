import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { zoneOfVariable } from '../../src/core/local-zone.js';
import { cli } from '../support/cli.js';
import { temporaryDirectory } from '../support/program.js';

const BERLIN = '/usr/share/zoneinfo/Europe/Berlin';

describe('the zone that TZ says', () => {
  test.each([
    [undefined, undefined],
    ['', 'UTC'],
    [':', 'UTC'],
    ['UTC0', 'UTC'],
    ['GMT', 'UTC'],
    ['Europe/Berlin', 'Europe/Berlin'],
    [':Europe/Berlin', 'Europe/Berlin'],
    ['EST5EDT', 'EST5EDT'],
    [BERLIN, 'Europe/Berlin'],
    [`:${BERLIN}`, 'Europe/Berlin'],
    [':/usr/share/zoneinfo/posix/Europe/Berlin', 'Europe/Berlin'],
  ])('%j is %s', (variable, zone) => {
    expect(zoneOfVariable(variable)).toBe(zone);
  });

  test('a file counts by what it leads to, or by what it holds', () => {
    const folder = temporaryDirectory();
    const [link, copy, other] = ['link', 'copy', 'other'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    symlinkSync(BERLIN, link);
    copyFileSync('/usr/share/zoneinfo/Asia/Kathmandu', copy);
    writeFileSync(other, 'no zone');
    expect(zoneOfVariable(`:${link}`)).toBe('Europe/Berlin');
    expect(zoneOfVariable(copy)).toMatch(/^Asia\/Kath?mandu$|^Asia\/Katmandu$/);
    expect(() => zoneOfVariable(other)).toThrow('TZ');
  });

  test.each(['Mars/North', 'CET-1CEST,M3.5.0,M10.5.0/3', '<+02>-2', ':/nowhere', '/', '+02:00', 'UTC+2'])(
    '%j is refused, and TZ is named',
    async (variable) => {
      expect(() => zoneOfVariable(variable)).toThrow(expect.objectContaining({ kind: 'usage' }));
      const { code, stderr } = await cli(['history', '--tz', 'local'], { env: { TZ: variable } });
      expect({ code, stderr }).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`TZ ${JSON.stringify(variable)}`) as string,
      });
    },
  );

  test('is the zone of --tz local', async () => {
    const { stdout, code } = await cli(
      ['note', 'a:1', 'x', '--ts', '2026-07-01T12:00', '--tz', 'local', '--format', 'json'],
      {
        env: { TZ: `:${BERLIN}` },
      },
    );
    expect({ code, ts: (JSON.parse(stdout) as { ts: string }).ts }).toEqual({
      code: 0,
      ts: '2026-07-01T10:00:00.000Z',
    });
  });
});
