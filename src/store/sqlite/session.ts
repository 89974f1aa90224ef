import { DaybookError } from '../../core/errors.js';
import { leakedContext, settleContext } from './context/index.js';
import { attempt, expectTrail, onLent, openTrail, reading, standingFile, writing } from './engine/index.js';
import type { Connection, Session, SqliteOptions } from './engine/index.js';
import { cutOffAccounts, settleCutOff, unfitDocument } from './trail/index.js';

/** Opens the trail. Throws kind `missing` where there is none, or one that this program does not know, and kind `busy`. */
export function openSession(options: SqliteOptions): Session {
  const { path, clock, readonly, lent } = options;
  const { connection, expectStanding } = openStanding(options);
  const using = <T>(writes: boolean, work: () => T): T => {
    if (lent === undefined) return work();
    // The connection itself may write.
    if (writes && readonly) throw new DaybookError('failed', `${path} cannot be written (it is opened to read alone)`);
    return onLent(connection, writes, work);
  };
  const readNow = <T>(work: (connection: Connection) => T): T =>
    attempt(
      path,
      () => {
        try {
          return using(false, () => work(connection));
        } catch (error) {
          throw unfitDocument(connection, error) ?? error;
        }
      },
      readonly,
    );
  const settle = (on: Connection = connection): void => {
    settleCutOff(on, options);
    settleContext(on, clock);
  };
  // What was written is said to be only where the file that has it is still the one that was named.
  const changeNow = <T>(work: () => T): T => {
    const result = attempt(path, () => using(true, work));
    expectStanding();
    return result;
  };
  const writeNow = <T>(work: (connection: Connection) => T): T =>
    changeNow(() =>
      writing(connection, () => {
        settle();
        return work(connection);
      }),
    );
  const { wait = async (work) => work() } = options;
  return {
    options,
    connection,
    clock,
    settle,
    expectStanding,
    changeNow,
    writeNow,
    wait,
    read: (work) => wait(async () => readNow(work)),
    readAtOnce: (work) => wait(async () => readNow((on) => reading(on, () => work(on)))),
    write: (work) => wait(async () => writeNow(work)),
    change: (work) => wait(async () => changeNow(work)),
    slowly: (work) =>
      wait(async () => {
        try {
          return await work();
        } catch (error) {
          return attempt(
            path,
            () => {
              throw error;
            },
            readonly,
          );
        }
      }),
    needsSettling: () => leakedContext(connection) !== null || cutOffAccounts(connection, options).length > 0,
  };
}

/** Opens the trail, with what tells that its name still stands for it. */
function openStanding(options: SqliteOptions): { connection: Connection; expectStanding: () => void } {
  if (options.lent !== undefined) {
    const { lent, path } = options;
    attempt(path, () => expectTrail(lent, path));
    return { connection: lent, expectStanding: () => undefined };
  }
  // Nobody but us knows these: a temporary trail, and a copy, which has no name for long.
  if (options.opened !== undefined) return { connection: options.opened, expectStanding: () => undefined };
  if (options.copy !== undefined) return { connection: openTrail(options), expectStanding: () => undefined };
  const opened = standingFile(options.path);
  const connection = openTrail(options);
  const expect = opened(connection.pragma('journal_mode', { simple: true }) === 'wal');
  const lost = options.readonly ? 'what is recorded under this name now is not seen' : undefined;
  return { connection, expectStanding: () => expect(lost) };
}
