import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import { OutputClosed } from '../../src/terminal/streams.js';
import { testStreams } from '../support/test-streams.js';

const folder = mkdtempSync(path.join(tmpdir(), 'daybook-streams-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program against the real streams of a process. */
function run(body: string): ReturnType<typeof spawn> {
  const source = path.join(folder, 'program.ts');
  const streams = JSON.stringify(path.resolve(import.meta.dirname, '../../src/terminal/streams.js'));
  writeFileSync(source, `import { OutputClosed, systemStreams } from ${streams};\n${body}`);
  const outfile = path.join(folder, 'program.mjs');
  buildSync({ entryPoints: [source], bundle: true, platform: 'node', format: 'esm', outfile, logLevel: 'error' });
  return spawn(process.execPath, [outfile], { stdio: ['pipe', 'pipe', 'pipe'] });
}

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

describe('systemStreams', () => {
  test('a reader that goes away is an OutputClosed, at this write and at those after it', async () => {
    const child = run(`
      const { stdout, stderr } = systemStreams();
      const closed = async () => { for (;;) await stdout.write('x'.repeat(100_000)); };
      const kinds = [];
      for (let again = 0; again < 2; again++) await closed().catch((error) => kinds.push(error instanceof OutputClosed));
      await stderr.write(JSON.stringify(kinds));
    `);
    child.stdout?.once('data', () => child.stdout?.destroy());
    const [errors, [code]] = await Promise.all([collect(child.stderr), once(child, 'close')]);
    expect(errors).toBe('[true,true]');
    expect(code).toBe(0);
  });

  test('writes whole chunks and reads input; neither is a terminal here', async () => {
    const child = run(`
      const { stdin, stdout } = systemStreams();
      for await (const chunk of stdin.readable) await stdout.write(chunk);
      await stdout.write(JSON.stringify([stdin.isTerminal, stdout.isTerminal, stdout.columns, stdout.rows]));
    `);
    child.stdin?.end('é'.repeat(200_000));
    const [text, [code]] = await Promise.all([collect(child.stdout), once(child, 'close')]);
    expect(text).toBe(`${'é'.repeat(200_000)}[false,false,80,24]`);
    expect(code).toBe(0);
  });
});

describe('testStreams', () => {
  test('keeps what is written, and closes when told', async () => {
    const { stdin, stdout, stderr } = testStreams({ terminal: true, columns: 40, input: 'in', closesAfter: 2 });
    await stdout.write('a');
    await stdout.write(Buffer.from('é'));
    await expect(stdout.write('c')).rejects.toThrow(OutputClosed);
    expect(stdout.text()).toBe('aé');
    expect(stderr.text()).toBe('');
    expect([stdout.isTerminal, stdout.columns]).toEqual([true, 40]);
    expect(await collect(stdin.readable)).toBe('in');
  });
});
