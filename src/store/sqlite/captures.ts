import type { Actor } from '../../core/entry.js';
import type { Connection } from './connection.js';

export function liftCapture(_connection: Connection, _table: string): void {}

export function reinstallCaptures(_connection: Connection, _clock: () => number, _actor: Actor): void {}
