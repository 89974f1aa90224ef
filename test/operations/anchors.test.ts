import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readAnchor } from '../../src/core/evidence/anchors.js';
import { readCheckpoint } from '../../src/core/evidence/checkpoint.js';
import { sha256 } from '../../src/core/evidence/hashing.js';
import {
  COSIGNATURE,
  keyId,
  newPrivateKey,
  noteText,
  publicKeyOf,
  readWitnessKey,
  signBytes,
} from '../../src/core/evidence/notes.js';
import type { PublicKey } from '../../src/core/evidence/notes.js';
import { addAnchor, requestTimestamp } from '../../src/operations/anchors.js';
import type { AnchorTold } from '../../src/operations/anchors.js';
import { sealStatus, toldSeals } from '../../src/operations/seal-status.js';
import { ACTOR, NOW, readAll } from '../store/trail.js';
import { ENGINES } from './sealed.js';
import type { Sealed } from './sealed.js';

const CONFIG = `[req]
distinguished_name = dn
x509_extensions = v3
prompt = no
[dn]
CN = Authority
[v3]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = own
[own]
serial = serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256,sha512
`;

const add = ({ store }: Sealed, content: Buffer, ...witnesses: PublicKey[]): Promise<AnchorTold> =>
  addAnchor(store, { name: 'answer', content, witnesses, actor: ACTOR });

const noteOf = ({ key }: Sealed): string => key().signed?.note ?? '';

/** An authority of its own for timestamps, by openssl. */
function authority(folder: string): {
  answer: (request: Buffer) => Buffer;
  check: (data: string, answer: Buffer) => string;
} {
  const openssl = (...words: string[]): string =>
    execFileSync('openssl', words, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
  const put = (name: string, content: string | Buffer): void => writeFileSync(path.join(folder, name), content);
  put('tsa.cnf', CONFIG);
  put('serial', '01\n');
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'tsa.key',
    '-out',
    'tsa.crt',
    '-config',
    'tsa.cnf',
  );
  return {
    answer: (request) => {
      put('q', request);
      openssl(
        'ts',
        '-reply',
        '-config',
        'tsa.cnf',
        '-section',
        'own',
        '-queryfile',
        'q',
        '-signer',
        'tsa.crt',
        '-inkey',
        'tsa.key',
        '-out',
        'a',
      );
      return readFileSync(path.join(folder, 'a'));
    },
    check: (data, answer) => {
      put('data', data);
      put('a', answer);
      return openssl('ts', '-verify', '-data', 'data', '-in', 'a', '-CAfile', 'tsa.crt', '-no_check_time');
    },
  };
}

/** A checkpoint with the cosignature of a witness. */
function cosigned(note: string, privateKey: Buffer, witness: PublicKey, seconds: number): Buffer {
  const read = readCheckpoint(note)?.note;
  if (read === undefined) throw new Error('no checkpoint');
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(seconds));
  const signature = signBytes(privateKey, Buffer.from(`cosignature/v1\ntime ${seconds}\n${read.text}`));
  const own = { name: witness.name, id: keyId(witness, COSIGNATURE), bytes: Buffer.concat([time, signature]) };
  return Buffer.from(noteText({ text: read.text, signatures: [...read.signatures.slice(0, 1), own] }));
}

describe.each(ENGINES)('a timestamp of RFC 3161 in %s', (_engine, sealedTrail) => {
  test('is asked for, answered by an authority, kept, told, and checked by openssl', async () => {
    const sealed = await sealedTrail(20);
    await expect(requestTimestamp(sealed.store)).rejects.toMatchObject({ kind: 'refused' });
    await sealed.seal();
    const { answer, check } = authority(sealed.directory);
    const { size, request } = await requestTimestamp(sealed.store);
    expect(size).toBe(20);
    const response = answer(request);
    const told = await add(sealed, response);
    expect(told).toMatchObject({
      kind: 'rfc3161',
      size: 20,
      by: [],
      checked: true,
      at: expect.stringMatching(/Z$/) as string,
    });
    expect(check(noteOf(sealed), response)).toContain('Verification: OK');
    const [entry] = await readAll(sealed.store, { filter: { action: ['seal_anchor'] } });
    expect(entry).toMatchObject({ category: 'system', metadata: '{"size":20,"kind":"rfc3161"}' });
    expect((await sealed.verify()).anchors).toEqual([told]);
    expect((await sealStatus(sealed.store, null)).anchors).toEqual([told]);
    for await (const { anchors } of toldSeals(sealed.store)) expect(anchors).toEqual([told]);
    // That of another digest is of no seal here.
    const other = await requestTimestamp(sealed.store);
    const at = other.request.indexOf(sha256(Buffer.from(noteOf(sealed))));
    other.request.writeUInt8(other.request.readUInt8(at) ^ 1, at);
    await expect(add(sealed, answer(other.request))).rejects.toMatchObject({ kind: 'refused' });
    // One that refuses is none.
    await expect(add(sealed, answer(Buffer.from('3003020101', 'hex')))).rejects.toMatchObject({ kind: 'data' });
    // Damaged bytes are read to their end, whatever they say.
    fc.assert(
      fc.property(fc.nat(response.length - 1), fc.integer({ min: 0, max: 255 }), (place, byte) => {
        const damaged = Buffer.from(response);
        damaged.writeUInt8(byte, place);
        for (const bytes of [damaged, response.subarray(0, place)]) expect(() => readAnchor(bytes)).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(ENGINES)('a file of OpenTimestamps in %s', (_engine, sealedTrail) => {
  const ots = (note: string): Buffer =>
    Buffer.concat([
      Buffer.from('004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e892940108', 'hex'),
      sha256(Buffer.from(note)),
      Buffer.from('00', 'hex'),
    ]);

  test('is kept for the seal whose note it is of, and shows where that was exchanged', async () => {
    const sealed = await sealedTrail(20);
    await sealed.seal();
    await expect(add(sealed, ots('another'))).rejects.toMatchObject({ kind: 'refused' });
    expect(await add(sealed, ots(noteOf(sealed)))).toEqual({ kind: 'ots', size: 20, at: null, by: [], checked: true });
    expect(await sealed.found()).toEqual(['intact']);
    await sealed.tamper('UPDATE daybook_anchors SET content = ?', ots('another'));
    expect(await sealed.found()).toEqual(['found', 'bad-seal']);
    await sealed.tamper('UPDATE daybook_anchors SET content = ?', Buffer.from('nothing'));
    expect(await sealed.verify()).toMatchObject({
      verdict: 'found',
      anchors: [],
      findings: [{ code: 'bad-seal', first: ['anchor 1'] }],
    });
    await sealed.tamper('UPDATE daybook_anchors SET size = 21, content = ?', ots(noteOf(sealed)));
    expect(await sealed.found()).toEqual(['found', 'truncated']);
  });
});

describe.each(ENGINES)('a cosignature of a witness in %s', (_engine, sealedTrail) => {
  const privateKey = newPrivateKey();
  const witness = publicKeyOf(privateKey, 'witness.example.com/w1');
  const seconds = Math.floor(NOW / 1000) + 60;

  test('is kept once the key of the witness has checked it, and checked by it from then on', async () => {
    const sealed = await sealedTrail(20);
    await sealed.seal();
    const content = cosigned(noteOf(sealed), privateKey, witness, seconds);
    await expect(add(sealed, content)).rejects.toMatchObject({ kind: 'usage' });
    const stranger = publicKeyOf(newPrivateKey(), witness.name);
    await expect(add(sealed, content, stranger)).rejects.toMatchObject({ kind: 'refused' });
    const told = { kind: 'cosignature', size: 20, by: [witness.name] };
    expect(await add(sealed, content, witness)).toEqual({ ...told, at: '2026-03-05T12:01:00.000Z', checked: true });
    expect((await sealed.verify()).anchors).toEqual([{ ...told, at: null, checked: false }]);
    expect(await sealed.verify({ witnesses: [witness] })).toMatchObject({
      verdict: 'intact',
      anchors: [{ checked: true }],
    });
  });

  test('that is false, or of another root, is found', async () => {
    const sealed = await sealedTrail(20);
    await sealed.seal();
    const content = cosigned(noteOf(sealed), privateKey, witness, seconds);
    await add(sealed, content, witness);
    const other = cosigned(
      noteOf(sealed).replace(/\n[^\n]+=\n/, `\n${Buffer.alloc(32, 1).toString('base64')}\n`),
      privateKey,
      witness,
      seconds,
    );
    await sealed.tamper('UPDATE daybook_anchors SET content = ?', other);
    expect(await sealed.found({ witnesses: [witness] })).toEqual(['found', 'split-view']);
    const forged = Buffer.from(content.toString().replace('\n20\n', '\n21\n'));
    await sealed.tamper('UPDATE daybook_anchors SET content = ?', forged);
    expect(await sealed.found({ witnesses: [witness] })).toEqual(['found', 'bad-signature']);
  });

  test('has a key line of C2SP', () => {
    const line = (algorithm: number): string =>
      `${witness.name}+${keyId(witness, algorithm).toString('hex')}+${Buffer.concat([Buffer.of(algorithm), witness.key]).toString('base64')}`;
    expect(readWitnessKey(line(COSIGNATURE))).toEqual(witness);
    expect(readWitnessKey(line(1))).toEqual(witness);
    for (const bad of [
      '',
      'w+00000000+BAAA',
      line(COSIGNATURE).replace('+', '+0'),
      line(COSIGNATURE).replace('w1+', 'w2+'),
    ]) {
      expect(() => readWitnessKey(bad)).toThrow(/is no public key line/);
    }
  });
});
