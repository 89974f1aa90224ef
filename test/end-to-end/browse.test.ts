import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { PROGRAM, run, runWithStdin, temporaryDirectory } from '../support/program.js';
import { runOther } from './other-programs.js';

interface Terminal {
  /** Sends keys, as tmux names them. */
  keys(...names: readonly string[]): Promise<void>;
  /** Waits until the screen shows this, and gives what it shows. */
  sees(text: string): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** Whether it shows its cursor. */
  cursor(): Promise<boolean>;
}

/** The program on a real terminal of this size, in a tmux of its own. */
async function terminal(
  cwd: string,
  size: { columns: number; rows: number },
  environment: readonly string[] = [],
): Promise<Terminal> {
  const server = `daybook-${randomUUID()}`;
  const tmux = async (...words: readonly string[]): Promise<string> => {
    const { stdout } = await runOther('tmux', ['-L', server, '-f', '/dev/null', ...words], '', { cwd });
    return stdout;
  };
  const command = `env ${environment.join(' ')} ${process.execPath} ${PROGRAM} browse; echo the end; exec sleep 60`;
  await tmux('new-session', '-d', '-x', String(size.columns), '-y', String(size.rows), command);
  onTestFinished(async () => {
    await tmux('kill-server');
  });
  let screen = '';
  return {
    cursor: async () => (await tmux('display-message', '-p', '#{cursor_flag}')).trim() === '1',
    resize: async (columns, rows) => void (await tmux('resize-window', '-x', String(columns), '-y', String(rows))),
    keys: async (...names) => void (await tmux('send-keys', ...names)),
    async sees(text) {
      const look = async (): Promise<boolean> => (screen = await tmux('capture-pane', '-p')).includes(text);
      for (let tries = 0; !(await look()); tries += 1) {
        if (tries > 400) throw new Error(`the screen never showed ${text}, but\n${screen}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return screen;
    },
  };
}

test('on a real terminal: the list, an entry in full, a note that is recorded, and the screen as it was', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  const lines = Array.from({ length: 500 }, (_, index) =>
    JSON.stringify({
      action: 'update',
      actor: 'ann',
      entity_type: 'file',
      entity_id: `f${index % 9}`,
      message: `entry ${index + 1}`,
    }),
  );
  expect(await runWithStdin(['record', '--stdin'], `${lines.join('\n')}\n`, { cwd })).toMatchObject({ code: 0 });
  const { keys, sees, cursor } = await terminal(cwd, { columns: 80, rows: 24 });

  const first = await sees('1 of 500');
  expect(await cursor()).toBe(false);
  expect(first.split('\n').find((line) => line.startsWith('>'))).toMatch(/ann +update +file:f4 +entry 500$/);
  await keys('Down', 'Enter');
  expect(await sees('actor_type')).toContain('2 of 500');
  await keys('Escape');
  await keys('G');
  await sees('500 of 500');
  await keys('/', 'e', 'n', 't', 'r', 'y', 'Enter');
  await sees('no message below holds entry');
  await keys('Escape', 'g', 'e');
  await sees('--entity file:f4');
  await keys('n', 'h', 'i', 'Enter');
  expect(await sees('1 of 57')).toMatch(/>.*note +file:f4 +hi/);
  await keys('q');
  expect(await sees('the end')).not.toContain('entry');
  expect(await cursor()).toBe(true);
  expect(await run(['count', '--action', 'note'], { cwd })).toMatchObject({ stdout: '1\n' });
}, 120_000);

test('an entity that is typed into the filter is a condition like any other', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  const lines = Array.from({ length: 9 }, (_, index) =>
    JSON.stringify({
      action: 'update',
      entity_type: 'file',
      entity_id: `f${index % 3}`,
      message: `entry ${index + 1}`,
    }),
  );
  expect(await runWithStdin(['record', '--stdin'], `${lines.join('\n')}\n`, { cwd })).toMatchObject({ code: 0 });
  const { keys, sees, resize } = await terminal(cwd, { columns: 80, rows: 24 });
  await sees('1 of 9');
  await keys('f', '--not-reverted file', 'Enter');
  await sees('--entity file --not-reverted');
  await keys('e');
  await sees('--entity file:f2 --not-reverted');
  await sees('1 of 3');
  await keys('-', '1', 'Enter');
  const whole = await sees('1 of 9');
  expect(whole).toContain(' --not-reverted ');
  expect(whole).not.toContain('--entity');
  // What Tab completes, from the trail itself.
  await keys('f', 'C-u', '--not sev', 'Tab', 'i', 'Tab', '--not', 'Space', 'action=up', 'Tab');
  await sees('filter: --not severity=info --not action=update █');
  await keys('C-u', '--entity fi', 'Tab', 'f', '1', 'Enter');
  await sees('--entity file:f1');
  await sees('1 of 3');
  // A screen that gets smaller, then larger.
  await keys('?');
  await sees('any key goes back');
  await resize(60, 12);
  await keys('Escape');
  await sees('1 of 3');
  await keys('?');
  await sees('page 1 of ');
  await resize(200, 50);
  await keys('Escape', 'End');
  await sees('3 of 3');
  // Only a wide screen has room for it.
  await sees(' seq time ');
}, 120_000);

test('it shows itself where the environment speaks of continuous integration', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  expect(await run(['note', 'file:1', 'hello'], { cwd })).toMatchObject({ code: 0 });
  const { keys, sees } = await terminal(cwd, { columns: 80, rows: 24 }, ['CI=true', 'CONTINUOUS_INTEGRATION=1']);
  await sees('1 of 1');
  await keys('q');
  await sees('the end');
}, 120_000);

test('off a terminal it is refused, with what to ask instead', async () => {
  const cwd = temporaryDirectory();
  expect(await run(['init'], { cwd })).toMatchObject({ code: 0 });
  expect(await run(['browse'], { cwd })).toMatchObject({
    code: 2,
    stdout: '',
    stderr: 'daybook: browse needs a terminal to show itself on\ntry: daybook history\n',
  });
});
