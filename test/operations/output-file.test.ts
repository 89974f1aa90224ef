import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { DaybookError } from '../../src/core/errors.js';
import { fileBeside, openOutput, refuseExisting } from '../../src/operations/output-file.js';
import { outputPlaces } from '../../src/operations/output-place.js';
import type { OutputPlace } from '../../src/operations/output-place.js';
import { temporaryDirectory } from '../support/program.js';

// Named apart: it is no package that is missing.
const MAKE_PIPE = 'mkfifo';

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryDirectory();
  file = path.join(folder, 'out.ndjson');
});

const PRESENCE = { host: 'here', pid: 4711, lives: (pid: number) => pid === 4712 };

/** The place of an output beside a trail that is somewhere else. */
function at(name: string): OutputPlace {
  const origin = { file: path.join(folder, 'audit.db'), presence: PRESENCE };
  return outputPlaces(origin, { output: name }).output;
}

const PLAIN = { force: false, gzip: false };
const EXISTS = { kind: 'refused', message: expect.stringContaining('exists already') };

describe('a file of output', () => {
  test('appears whole, private, with the checksum of what stands there', async () => {
    const output = await openOutput(at(file), PLAIN);
    await output.write('one\n');
    await output.write(Buffer.from('zwölf\n'));
    expect(existsSync(file)).toBe(false);
    const finished = await output.finish();
    await output.abandon();
    const bytes = readFileSync(file);
    expect(bytes.toString()).toBe('one\nzwölf\n');
    expect(finished).toEqual({
      path: file,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('has no checksum where nobody asks', async () => {
    const output = await openOutput(at(file), { ...PLAIN, unchecked: true });
    await output.write('one\n');
    expect(await output.finish()).toEqual({ path: file, bytes: 4, sha256: '' });
  });

  test('may be empty', async () => {
    expect(await (await openOutput(at(file), PLAIN)).finish()).toMatchObject({ bytes: 0 });
    expect(readFileSync(file)).toHaveLength(0);
  });

  test('is compressed where that is asked, with the checksum of the compressed file', async () => {
    const output = await openOutput(at(file), { ...PLAIN, gzip: true });
    const parts = Array.from({ length: 50 }, (_, index) =>
      createHash('sha512').update(String(index)).digest('hex').repeat(400),
    );
    for (const part of parts) await output.write(part);
    const finished = await output.finish();
    const bytes = readFileSync(file);
    expect(gunzipSync(bytes).toString()).toBe(parts.join(''));
    expect(finished).toMatchObject({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
  });

  test.each([false, true])('leaves nothing behind where it is given up (gzip: %s)', async (gzip) => {
    const output = await openOutput(at(file), { ...PLAIN, gzip });
    await output.write('x'.repeat(100_000));
    expect(readdirSync(folder)).toHaveLength(1);
    await output.abandon();
    await output.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('given up while it is being compressed, writes into no other file', async () => {
    const other = path.join(folder, 'other');
    for (let turn = 0; turn < 20; turn += 1) {
      const output = await openOutput(at(file), { ...PLAIN, gzip: true });
      await output.write('x');
      await output.abandon();
      // The system gives the next file the number that is free again.
      const descriptor = openSync(other, 'w');
      writeSync(descriptor, 'theirs');
      await sleep(5);
      closeSync(descriptor);
      expect(readFileSync(other, 'utf8')).toBe('theirs');
    }
  });

  test('never stands where a file is already, unless it is to replace it', async () => {
    writeFileSync(file, 'old');
    await expect(openOutput(at(file), PLAIN)).rejects.toMatchObject(EXISTS);
    await expect(refuseExisting(at(file), false)).rejects.toMatchObject(EXISTS);
    expect(readFileSync(file, 'utf8')).toBe('old');
    const output = await openOutput(at(file), { ...PLAIN, force: true });
    await output.write('new');
    expect(readFileSync(file, 'utf8')).toBe('old');
    await output.finish();
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('does not replace one that appeared meanwhile', async () => {
    const output = await openOutput(at(file), PLAIN);
    await output.write('ours');
    writeFileSync(file, 'theirs');
    await expect(output.finish()).rejects.toMatchObject(EXISTS);
    await output.abandon();
    expect(readFileSync(file, 'utf8')).toBe('theirs');
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('goes to what a link leads to, and the link stays', async () => {
    const elsewhere = path.join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, 'target'), 'old');
    symlinkSync(path.join('elsewhere', 'target'), file);
    await expect(openOutput(at(file), PLAIN)).rejects.toMatchObject(EXISTS);
    const output = await openOutput(at(file), { ...PLAIN, force: true });
    await output.write('new');
    // Beside the target, where a rename is one: the folder of the link may be on another disk.
    expect([readdirSync(folder).length, readdirSync(elsewhere).length]).toEqual([2, 2]);
    await output.finish();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readFileSync(path.join(elsewhere, 'target'), 'utf8')).toBe('new');
    expect([readdirSync(folder), readdirSync(elsewhere)]).toEqual([['elsewhere', 'out.ndjson'], ['target']]);
  });

  test.each(['nothing', 'out.ndjson'])('is refused for a link to %s, which leads nowhere', async (where) => {
    symlinkSync(where, file);
    for (const force of [true, false, 'never'] as const) {
      const refused = { kind: 'refused', message: `${file} is a link to what is not there`, hint: undefined };
      await expect(openOutput(at(file), { ...PLAIN, force })).rejects.toMatchObject(refused);
    }
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('that became a device or a link by its end replaces none', async () => {
    writeFileSync(file, 'old');
    const output = await openOutput(at(file), { ...PLAIN, force: true });
    execFileSync('rm', [file]);
    execFileSync(MAKE_PIPE, [file]);
    await expect(output.finish()).rejects.toMatchObject(EXISTS);
    await output.abandon();
    expect(statSync(file).isFIFO()).toBe(true);
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('behind a linked folder, .. is the parent of what it leads to', async () => {
    mkdirSync(path.join(folder, 'a', 'b'), { recursive: true });
    symlinkSync(path.join('a', 'b'), path.join(folder, 'linked'));
    const output = await openOutput(at(`${folder}/linked/../out`), PLAIN);
    await output.finish();
    expect(readdirSync(path.join(folder, 'a'))).toEqual(['b', 'out']);
  });

  test('may have a name as long as names may be', async () => {
    const long = 'ü'.repeat(127);
    await (await openOutput(at(path.join(folder, long)), PLAIN)).finish();
    expect(readdirSync(folder)).toEqual([long]);
  });

  test('is looked at before it gets its name, and can be refused then', async () => {
    const seen: string[] = [];
    const output = await openOutput(at(file), {
      ...PLAIN,
      verify: async (place) => {
        seen.push(readFileSync(place, 'utf8'));
        expect(path.dirname(place)).toBe(folder);
        expect(existsSync(file)).toBe(false);
        throw new DaybookError('failed', 'not what was written');
      },
    });
    await output.write('x');
    await expect(output.finish()).rejects.toMatchObject({ kind: 'failed', message: 'not what was written' });
    await output.abandon();
    expect(seen).toEqual(['x']);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('needs a folder that is there', async () => {
    const nowhere = path.join(folder, 'none', 'out');
    await expect(openOutput(at(nowhere), PLAIN)).rejects.toMatchObject({
      kind: 'failed',
      message: `${nowhere} could not be written: the folder ${path.dirname(nowhere)} does not exist`,
    });
    writeFileSync(file, '');
    await expect(openOutput(at(path.join(file, 'out')), PLAIN)).rejects.toMatchObject({
      kind: 'failed',
      message: `${path.join(file, 'out')} could not be written: ${file} is not a folder`,
    });
    await expect(openOutput(at(folder), PLAIN)).rejects.toMatchObject({
      kind: 'refused',
      message: `${folder} is a directory`,
    });
    await expect(openOutput(at(folder), { ...PLAIN, force: true })).rejects.toMatchObject({ kind: 'refused' });
  });

  test.skipIf(process.getuid?.() === 0)('needs a folder that can be written', async () => {
    mkdirSync(path.join(folder, 'closed'), { mode: 0o500 });
    const closed = openOutput(at(path.join(folder, 'closed', 'out')), PLAIN);
    await expect(closed).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('permission denied'),
    });
  });

  test('a file that was taken away before its end is an error', async () => {
    const output = await openOutput(at(file), PLAIN);
    await output.write('x');
    for (const name of readdirSync(folder)) execFileSync('rm', [path.join(folder, name)]);
    await expect(output.finish()).rejects.toMatchObject({ kind: 'failed' });
    await output.abandon();
    expect(readdirSync(folder)).toEqual([]);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is said, compressed or not', async () => {
    for (const gzip of [false, true]) {
      const output = await openOutput(at('/dev/full'), { force: false, gzip });
      const writing = (async () => {
        for (let part = 0; part < 200; part++)
          await output.write(createHash('sha512').update(String(part)).digest('hex').repeat(50));
        await output.finish();
      })();
      await expect(writing).rejects.toMatchObject({
        kind: 'failed',
        message: '/dev/full could not be written: the disk is full',
      });
      await output.abandon();
    }
    expect(existsSync('/dev/full')).toBe(true);
  });

  test('a device or a pipe is written straight', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync(MAKE_PIPE, [pipe]);
    // Open at both ends, so that nobody waits for the other.
    const reader = await import('node:fs/promises').then((files) => files.open(pipe, 'r+'));
    const output = await openOutput(at(pipe), PLAIN);
    await output.write('through');
    expect(await output.finish()).toMatchObject({ path: pipe, bytes: 7 });
    await output.abandon();
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(100), 0, 100);
    await reader.close();
    expect(buffer.subarray(0, bytesRead).toString()).toBe('through');
    expect(readdirSync(folder)).toEqual(['pipe']);
  });
});

describe('what a killed writer left unfinished', () => {
  const HERE = createHash('sha256').update('here').digest('hex').slice(0, 8);
  const THERE = createHash('sha256').update('there').digest('hex').slice(0, 8);
  const GONE = [
    `.out.ndjson.${HERE}-4713-a1.tmp`,
    `.earlier.db.${HERE}-4713-b2.tmp`,
    `.earlier.db.${HERE}-4713-b2.tmp-journal`,
    `.line\nfeed.${HERE}-4713-c3.tmp`,
  ];
  const STAYING = [
    `.out.ndjson.${HERE}-4712-a1.tmp`,
    `.out.ndjson.${THERE}-4713-a1.tmp`,
    `.out.ndjson.${HERE}-4711-a1.tmp`,
    `out.ndjson.${HERE}-4713-a1.tmp`,
    `.out.ndjson.${HERE}-4713-a1.tmp.bak`,
    '.out.ndjson.tmp',
  ];

  test.each(['openOutput', 'fileBeside'])('goes with the next output: %s', async (way) => {
    for (const name of [...GONE, ...STAYING]) writeFileSync(path.join(folder, name), '');
    if (way === 'openOutput') await (await openOutput(at(file), PLAIN)).finish();
    else await fileBeside(at(file), false, async () => {});
    expect(new Set(readdirSync(folder))).toEqual(new Set([...STAYING, 'out.ndjson']));
  });

  test('also where the process has the number of the one that was killed', async () => {
    const old = path.join(folder, `.out.ndjson.${HERE}-4711-a1.tmp`);
    writeFileSync(old, '');
    utimesSync(old, 1, 1);
    await (await openOutput(at(file), PLAIN)).finish();
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('is recognised as this version names it', async () => {
    const output = await openOutput(at(file), PLAIN);
    expect(readdirSync(folder)[0]).toMatch(new RegExp(`^\\.out\\.ndjson\\.${HERE}-4711-[0-9a-z]+\\.tmp$`));
    await output.abandon();
  });

  test.skipIf(process.getuid?.() === 0)('may stand in a folder that can be written and not read', async () => {
    const closed = path.join(folder, 'closed');
    mkdirSync(closed, { mode: 0o300 });
    const output = await openOutput(at(path.join(closed, 'out')), PLAIN);
    await expect(output.abandon()).resolves.toBeUndefined();
  });
});

describe('a pipe whose other end is waited for', () => {
  test.each(['before', 'while'])('a signal that comes %s it opens ends the wait', async (when) => {
    const pipe = path.join(folder, 'pipe');
    execFileSync(MAKE_PIPE, [pipe]);
    const controller = new AbortController();
    if (when === 'before') controller.abort();
    else setTimeout(() => controller.abort(), 20);
    await expect(openOutput(at(pipe), { ...PLAIN, signal: controller.signal })).rejects.toMatchObject({
      kind: 'interrupted',
      message: `interrupted: what was written to ${pipe} is not complete`,
    });
  });

  test('a signal ends the wait for a reader that does not read, and what it did not read is no output', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync(MAKE_PIPE, [pipe]);
    const reader = openSync(pipe, 'r+');
    const controller = new AbortController();
    const output = await openOutput(at(pipe), { ...PLAIN, signal: controller.signal });
    await output.write(Buffer.alloc(1024 * 1024));
    const finishing = output.finish();
    setTimeout(() => controller.abort(), 20);
    await expect(finishing).rejects.toMatchObject({ kind: 'interrupted' });
    await output.abandon();
    closeSync(reader);
  });

  test('a signal that comes too late changes nothing', async () => {
    const controller = new AbortController();
    const output = await openOutput(at(file), { ...PLAIN, signal: controller.signal });
    controller.abort();
    await output.finish();
    expect(existsSync(file)).toBe(true);
  });
});

describe('a file that somebody else makes', () => {
  test('appears whole', async () => {
    await fileBeside(at(file), false, async (place) => {
      expect(statSync(place).mode & 0o777).toBe(0o600);
      expect(path.dirname(place)).toBe(folder);
      writeFileSync(place, 'made');
      expect(existsSync(file)).toBe(false);
    });
    expect(readFileSync(file, 'utf8')).toBe('made');
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });

  test('or not at all', async () => {
    const broken = new Error('broken');
    const making = fileBeside(at(file), false, async (place) => {
      writeFileSync(place, 'half');
      throw broken;
    });
    await expect(making).rejects.toBe(broken);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is refused where one is there, before or after', async () => {
    const late = fileBeside(at(file), false, async (place) => {
      writeFileSync(place, 'ours');
      writeFileSync(file, 'theirs');
    });
    await expect(late).rejects.toMatchObject(EXISTS);
    await expect(fileBeside(at(file), false, async () => {})).rejects.toMatchObject(EXISTS);
    expect(readFileSync(file, 'utf8')).toBe('theirs');
    await fileBeside(at(file), true, async (place) => writeFileSync(place, 'ours'));
    expect(readFileSync(file, 'utf8')).toBe('ours');
    expect(readdirSync(folder)).toEqual(['out.ndjson']);
  });
});
