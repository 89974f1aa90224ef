import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Presence } from '../core/presence.js';
import { COMPANIONS } from './file-identity.js';

/** Of a name that is as long as names may be, room is left for what is put around it. */
const LONGEST_NAME = 180;

/** `.<name>.<host>-<process>-<random>.tmp`: who writes it can be told by its name. SQLite may put a companion beside it. */
const UNFINISHED = /^\..+\.(?<host>[0-9a-f]{8})-(?<pid>\d+)-[0-9a-z]+\.tmp(?:-wal|-shm|-journal)?$/s;

/** File systems keep times to two seconds at worst. */
const TIME_ERROR_MS = 2000;

/** Where a file is written until it is whole: beside its target, under a name that nobody has. */
export function unfinishedName(target: string, { host, pid }: Presence): string {
  const name = Buffer.from(basename(target)).subarray(0, LONGEST_NAME).toString();
  const unique = Math.random().toString(36).slice(2);
  // Not joined: behind a linked folder, `..` is another one than in the path.
  return `${dirname(target)}/.${name}.${known(host)}-${pid}-${unique}.tmp`;
}

/** Takes away what writers that are no more left unfinished in a folder. */
export function clearAbandoned(folder: string, presence: Presence): void {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch {
    // A folder that one may only write into.
    return;
  }
  for (const name of names) {
    const writer = UNFINISHED.exec(name)?.groups;
    // What another machine writes into a shared folder may be at work: nobody here can tell.
    if (writer?.['host'] !== known(presence.host)) continue;
    const path = `${folder}/${name}`;
    if (isAbandoned(path, Number(writer['pid']), presence)) unlink(path);
  }
}

/** Process ids are used again, in containers by the next run: what is older than this process is none of its own. */
function isAbandoned(path: string, pid: number, presence: Presence): boolean {
  if (pid !== presence.pid) return !presence.lives(pid);
  const written = fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  return written < performance.timeOrigin - TIME_ERROR_MS;
}

/** Takes an unfinished file away, with what SQLite put beside it. */
export function discard(path: string): void {
  for (const ending of ['', ...COMPANIONS]) unlink(path + ending);
}

function unlink(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // It has its name by now, or was never there, or nothing can be done.
  }
}

/** A host in eight characters that may stand in a file's name. */
function known(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 8);
}
