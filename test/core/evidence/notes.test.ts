import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { cosignedAt, isCheckpointBy, readCheckpoint, signedCheckpoint } from '../../../src/core/evidence/checkpoint.js';
import type { ReadCheckpoint } from '../../../src/core/evidence/checkpoint.js';
import { sha256 } from '../../../src/core/evidence/hashing.js';
import {
  hasSigned,
  isKeyName,
  keyLine,
  newPrivateKey,
  noteText,
  publicKeyOf,
  readKeyLine,
  readNote,
  signedNote,
} from '../../../src/core/evidence/notes.js';

// The key and the note that the reference implementation of signed notes is documented with.
const NEUMANN = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const NEUMANN_KEY = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1);
const NEUMANN_NOTE =
  "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
  '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

describe('signed notes', () => {
  test('are those of the reference implementation', () => {
    const key = readKeyLine(NEUMANN);
    const note = readNote(NEUMANN_NOTE);
    expect(publicKeyOf(NEUMANN_KEY, 'PeterNeumann')).toEqual(key);
    expect(keyLine(key)).toBe(NEUMANN);
    expect(note && hasSigned(key, note)).toBe(true);
    // Ed25519 has one signature for each text, so ours is the same to the byte.
    expect(signedNote(note?.text ?? '', NEUMANN_KEY, key)).toBe(NEUMANN_NOTE);
    expect(note && noteText(note)).toBe(NEUMANN_NOTE);
  });

  test('are read with texts that hold empty lines, and with signatures of others', () => {
    const read = readNote(
      'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n' +
        '— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n',
    );
    expect(read?.text.endsWith('\n\ned è subito sera.\n')).toBe(true);
    expect(read?.signatures.map(({ name, id }) => [name, id.toString('hex')])).toEqual([
      ['quasimodo.example/salvatore', '367ba04b'],
    ]);
  });

  test.each([
    ['no signature', 'text\n\n'],
    ['no empty line', 'text\n— name x08go/ZJkuBS9UG=\n'],
    ['no line feed at the end', NEUMANN_NOTE.slice(0, -1)],
    ['a control character', NEUMANN_NOTE.replace('think', 'th\tink')],
    ['a hyphen for a dash', NEUMANN_NOTE.replace('—', '-')],
    ['no base64', NEUMANN_NOTE.replace('x08go', 'x08g!')],
    ['base64 that is written in two ways', NEUMANN_NOTE.replace('AM=', 'AN=')],
    ['a signature without bytes', NEUMANN_NOTE.replace(/x08go\S+/, 'x08gow==')],
    ['no text', '\n\n— PeterNeumann x08go/ZJkuBS9UG/\n'],
  ])('with %s are none', (_, text) => {
    expect(readNote(text)).toBeUndefined();
  });

  test('do not bear a bit that was flipped', () => {
    const key = readKeyLine(NEUMANN);
    const bytes = Buffer.from(NEUMANN_NOTE);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const note = readNote(flipped.toString());
      expect(note !== undefined && hasSigned(key, note), `bit ${bit}`).toBe(false);
    }
  });

  test.each([
    ['no key', 'PeterNeumann'],
    ['another id', NEUMANN.replace('c74f20a3', 'c74f20a4')],
    ['another name', NEUMANN.replace('Peter', 'Paul')],
    ['another algorithm', NEUMANN.replace('+AR', '+BR')],
    ['too few bytes', `${NEUMANN.slice(0, -4)}`],
    ['no base64', NEUMANN.replace('UPDhM', 'UP!hM')],
  ])('have no key line with %s', (_, line) => {
    expect(() => readKeyLine(line)).toThrow(/is no public key line/);
  });

  test('have names without white space and plus', () => {
    expect(['a', 'example.com/audit', 'ä'].map(isKeyName)).toEqual([true, true, true]);
    expect(['', 'a b', 'a+b', 'a\u00a0b', 'a\u0001', '\ud800'].some(isKeyName)).toBe(false);
  });
});

describe('a checkpoint', () => {
  const privateKey = newPrivateKey();
  const key = publicKeyOf(privateKey, 'example.com/audit');
  const root = sha256(Buffer.from('root'));
  const text = signedCheckpoint({ origin: 'example.com/audit', size: 7, root }, privateKey, key, 1_700_000_000);
  const read = (note: string): ReadCheckpoint => readCheckpoint(note) as ReadCheckpoint;

  test('says its origin, size, root and time, and bears both signatures', () => {
    expect(read(text)).toMatchObject({ origin: 'example.com/audit', size: 7, root });
    expect(isCheckpointBy(key, read(text))).toBe(true);
    expect(cosignedAt(key, read(text))).toBe(1_700_000_000);
  });

  test('is told from one of another key, and from another time', () => {
    const other = publicKeyOf(newPrivateKey(), 'example.com/audit');
    expect([isCheckpointBy(other, read(text)), cosignedAt(other, read(text))]).toEqual([false, null]);
    const lines = text.split('\n');
    const cosignature = Buffer.from(lines[5]?.split(' ')[2] ?? '', 'base64');
    cosignature.writeUInt8(cosignature.readUInt8(11) + 1, 11);
    const later = text.replace(lines[5] ?? '', `— example.com/audit ${cosignature.toString('base64')}`);
    expect(cosignedAt(key, read(later))).toBeNull();
    const short = text.replace(lines[5] ?? '', `— example.com/audit ${cosignature.subarray(0, 60).toString('base64')}`);
    expect(cosignedAt(key, read(short))).toBeNull();
  });

  test('of the specification is read, with the signature of its witness', () => {
    const example =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n' +
      '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n' +
      '— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n';
    expect(read(example)).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163 });
    expect(read(example).note.signatures.map(({ name }) => name)).toEqual([
      'example.com/behind-the-sofa',
      'witness.example.com/w1',
    ]);
  });

  test.each([
    ['a size with a zero before it', text.replace('\n7\n', '\n07\n')],
    ['a size that is none', text.replace('\n7\n', '\nseven\n')],
    ['a size that no number holds', text.replace('\n7\n', '\n9999999999999999\n')],
    ['a root that is too short', text.replace(root.toString('base64'), root.subarray(1).toString('base64'))],
    ['an empty line', text.replace('\n7\n', '\n\n7\n')],
    ['an empty line behind its root', text.replace(/\n\n—/, '\n\nmore\n\n—')],
    ['nothing but a text', 'text'],
  ])('has no %s', (_, bad) => {
    expect(readCheckpoint(bad)).toBeUndefined();
  });

  test('is verified by openssl', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'daybook-note-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { note } = read(text);
    const pem = `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.key]).toString('base64')}\n-----END PUBLIC KEY-----\n`;
    const files = { 'key.pem': pem, text: note.text, signature: note.signatures[0]?.bytes ?? '' };
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content);
    const verified = (): string =>
      execFileSync(
        'openssl',
        ['pkeyutl', '-verify', '-pubin', '-inkey', 'key.pem', '-rawin', '-in', 'text', '-sigfile', 'signature'],
        { cwd: folder, encoding: 'utf8', stdio: 'pipe' },
      );
    expect(verified()).toContain('Verified Successfully');
    writeFileSync(path.join(folder, 'text'), note.text.replace('\n7\n', '\n8\n'));
    expect(verified).toThrow(/Command failed/);
  });
});
