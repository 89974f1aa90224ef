import { setImmediate } from 'node:timers/promises';

/** An interrupt is heard only where the event loop turns, which it never does for what SQLite answers at once. */
export async function heard(): Promise<void> {
  await setImmediate();
}
