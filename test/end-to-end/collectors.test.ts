import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inTestDirectory, given } from '../support/cli.js';
import { PROGRAM } from '../support/program.js';

// The lines of docs/siem.md, run as they stand there, but for addresses and folders.

const PAGE = readFileSync(path.resolve(import.meta.dirname, '../../docs/siem.md'), 'utf8');
const hasProgram = (name: string): boolean => spawnSync(name, ['--version']).error === undefined;

/** A line of the page that holds this; there is one. */
function lineWith(text: string): string {
  const lines = PAGE.split('\n').filter((line) => line.includes(text));
  expect(lines, text).toHaveLength(1);
  return lines[0]?.trim() ?? '';
}

/** The program as it was built, on the trail of this test. */
const daybook = (line: string): string =>
  line
    .replaceAll('--db /var/lib/app/audit.db ', '')
    .replace(
      /\bdaybook(?= (?:--quiet |history|export))/,
      `${process.execPath} ${PROGRAM} --db ${inTestDirectory('audit.db')}`,
    );

/** What comes in at a port until it holds this. */
async function received(until: string, send: (port: number) => string): Promise<string> {
  let text = '';
  const server = createServer((socket) => {
    socket.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk));
    socket.on('error', () => undefined);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const sender = spawn('bash', ['-c', send(port)], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  onTestFinished(() => {
    if (sender.pid !== undefined && sender.exitCode === null) process.kill(-sender.pid, 'SIGKILL');
    server.close();
  });
  while (!text.includes(until)) await sleep(20);
  return text;
}

async function one(): Promise<void> {
  await given({ action: 'update', entity_type: 'guild', entity_id: '7', message: 'level | 5 = 6\nand "more"' });
}

describe('docs/siem.md', () => {
  test.each([
    ['live', 'history --follow --format cef | logger'],
    ['by checkpoint', 'export --checkpoint siem --format cef | logger'],
  ])('logger, %s', async (_, command) => {
    await one();
    const line = daybook(lineWith(command));
    const text = await received('cs1=guild:7', (port) =>
      line.replace('siem.example.com', '127.0.0.1').replace('--port 514', `--port ${port}`),
    );
    expect(text).toMatch(/^\d+ <86>1 .* daybook - - .*CEF:0\|daybook\|daybook\|/);
    expect(text).toContain(String.raw`msg=level | 5 \= 6\nand "more"`);
  });

  test.each([
    ['anything that listens, live', 'rfc5424 --octet-framing > /dev/tcp/siem.example.com/601'],
    ['rsyslog, live', 'history --follow --format rfc5424 --octet-framing > /dev/tcp/127.0.0.1/10514'],
    ['rsyslog, by checkpoint', 'export --checkpoint rsyslog'],
  ])('%s', async (_, command) => {
    await one();
    const line = daybook(lineWith(command));
    const text = await received('more"', (port) => line.replace(/\/dev\/tcp\/\S+/, `/dev/tcp/127.0.0.1/${port}`));
    const [, length = '', message = ''] = /^(\d+) ([^]*)$/.exec(text) ?? [];
    expect(Buffer.byteLength(message)).toBe(Number(length));
    expect(message).toContain('level | 5 = 6\nand "more"');
  });

  test.skipIf(!hasProgram('syslog-ng'))('syslog-ng, live and by checkpoint', async () => {
    await one();
    const spool = inTestDirectory('spool');
    mkdirSync(spool);
    const output = inTestDirectory('out');
    const settings = inTestDirectory('conf');
    const sources = [lineWith('source s_daybook { program'), lineWith('source s_daybook { wildcard-file')]
      .map((source) => daybook(source).replace('/var/spool/daybook', spool))
      .map((source, index) => source.replace('s_daybook', `s_${index}`));
    writeFileSync(
      settings,
      `@version: 3.38\n${lineWith('options { log-msg-size')}\n${sources.join('\n')}
      destination d { file("${output}" template("$SOURCE $(format-json --key .SDATA.* message=$MESSAGE)\\n")); };
      log { source(s_0); source(s_1); destination(d); };\n`,
    );
    execFileSync('bash', ['-c', daybook(lineWith('-o "/var/spool/daybook')).replace('/var/spool/daybook', spool)]);
    const files = { '-f': 'conf', '-p': 'pid', '-c': 'control', '-R': 'persist' };
    const words = Object.entries(files).flatMap(([option, name]) => [option, inTestDirectory(name)]);
    const collector = spawn('syslog-ng', ['-F', '--no-caps', ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
    onTestFinished(() => void collector.kill('SIGTERM'));
    const lines = (): string[] => (existsSync(output) ? readFileSync(output, 'utf8').split('\n').slice(0, -1) : []);
    while (lines().length < 2) await sleep(20);
    expect(
      lines()
        .map((line) => line.slice(0, 3))
        .toSorted(),
    ).toEqual(['s_0', 's_1']);
    for (const line of lines()) {
      expect(JSON.parse(line.slice(4))).toMatchObject({
        message: 'level | 5 = 6#012and "more"',
        _SDATA: { 'daybook@32473': { entity_type: 'guild', entity_id: '7' } },
      });
    }
  });

  test('what Vector and Fluent Bit run prints a JSON object a line, and the checkpoint brings it once', async () => {
    await one();
    const commands = [
      ...[...PAGE.matchAll(/command:\s*\[([^\]]*)\]/g)].map(
        ([, words = '']) => words.match(/[^\s,']+/g)?.join(' ') ?? '',
      ),
      ...[...PAGE.matchAll(/^ *Command +(.*)$/gm)].map(([, words = '']) => words),
    ].filter((command) => command.includes('--checkpoint'));
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      const run = (): string => execFileSync('bash', ['-c', daybook(command)], { encoding: 'utf8' });
      expect(Object.values(JSON.parse(run()) as object)).toContain('level | 5 = 6\nand "more"');
      expect(run()).toBe('');
    }
  });
});
