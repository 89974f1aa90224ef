import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

/** A browser of this machine, or undefined where there is none. */
export const CHROMIUM = ['chromium', 'chromium-browser', 'google-chrome'].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);

/** What became of a page that was opened. */
export interface OpenPage {
  /** Everything that the browser said against it: exceptions, console, violations of its policy. */
  readonly complaints: readonly string[];
  /** Every address that it asked for, its own first. */
  readonly requests: readonly string[];
  /** What an expression in the page gives. */
  evaluate<T>(expression: string): Promise<T>;
  screenshot(): Promise<Buffer>;
  pdf(): Promise<Buffer>;
}

export interface Browser {
  open(
    file: string,
    look?: { readonly dark?: boolean; readonly width?: number; readonly print?: boolean },
  ): Promise<OpenPage>;
  close(): Promise<void>;
}

type Message = {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
};

/** Starts a browser without a screen and talks to it through a pipe, in its own protocol: no library is between. */
export async function startBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('there is no browser');
  const profile = mkdtempSync(path.join(tmpdir(), 'daybook-browser-'));
  const child = spawn(
    CHROMIUM,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const input = child.stdio[3] as Writable;
  const output = child.stdio[4] as Readable;
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Set<(message: Message) => void>();
  let held = Buffer.alloc(0);
  let count = 0;
  output.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (let end = held.indexOf(0); end !== -1; end = held.indexOf(0)) {
      const message = JSON.parse(held.subarray(0, end).toString('utf8')) as Message;
      held = held.subarray(end + 1);
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      else for (const listener of listeners) listener(message);
    }
  });

  async function ask(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++count;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    const { result, error } = await answer;
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  return {
    async open(file, { dark = false, width = 1100, print = false } = {}) {
      const { targetId } = await ask('Target.createTarget', { url: 'about:blank' });
      const { sessionId } = await ask('Target.attachToTarget', { targetId, flatten: true });
      const session = sessionId as string;
      const complaints: string[] = [];
      const requests: string[] = [];
      let loaded = (): void => {};
      const loading = new Promise<void>((resolve) => (loaded = resolve));
      listeners.add((message) => {
        if (message.sessionId !== session) return;
        const { method, params = {} } = message;
        if (method === 'Page.loadEventFired') loaded();
        if (method === 'Network.requestWillBeSent') requests.push((params['request'] as { url: string }).url);
        if (
          method === 'Log.entryAdded' ||
          method === 'Runtime.consoleAPICalled' ||
          method === 'Runtime.exceptionThrown'
        ) {
          complaints.push(JSON.stringify(params));
        }
        if (method === 'Page.javascriptDialogOpening') complaints.push('a dialog opened');
      });
      for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`, {}, session);
      await ask(
        'Emulation.setDeviceMetricsOverride',
        { width, height: 900, deviceScaleFactor: 1, mobile: false },
        session,
      );
      const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
      await ask('Emulation.setEmulatedMedia', { media: print ? 'print' : '', features }, session);
      await ask('Page.navigate', { url: pathToFileURL(file).href }, session);
      await loading;
      return {
        complaints,
        requests,
        evaluate: async <T>(expression: string): Promise<T> => {
          const { result, exceptionDetails } = await ask(
            'Runtime.evaluate',
            { expression, returnByValue: true, awaitPromise: true },
            session,
          );
          if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
          return (result as { value: T }).value;
        },
        screenshot: async () => dataOf(await ask('Page.captureScreenshot', { captureBeyondViewport: true }, session)),
        pdf: async () => dataOf(await ask('Page.printToPDF', { printBackground: false }, session)),
      };
    },
    async close() {
      const ended = child.exitCode === null ? once(child, 'close') : undefined;
      await ask('Browser.close').catch(() => child.kill('SIGKILL'));
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function dataOf({ data }: Record<string, unknown>): Buffer {
  return Buffer.from(data as string, 'base64');
}
