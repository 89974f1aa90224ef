// A page of history over HTTP, and what cron does at night: an export of what is new, and a prune with an archive.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { initializeTrail, isDaybookError, openTrail } from 'daybook';
import type { EntryFilter, Trail } from 'daybook';

/** Filters come from strangers: the library checks them, and says which one is wrong. */
function filterOf(query: URLSearchParams): EntryFilter {
  const actors = query.getAll('actor');
  const since = query.get('since');
  return { ...(actors.length > 0 && { actor: actors }), ...(since !== null && { since }) };
}

async function answer(trail: Trail, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://localhost');
  try {
    if (pathname === '/history.csv') {
      response.setHeader('content-type', 'text/csv');
      await trail.export(response, { filter: filterOf(query), format: 'csv', columns: ['ts', 'actor', 'action'] });
      response.end();
      return;
    }
    const limit = query.get('limit');
    const page = await trail.page({
      filter: filterOf(query),
      cursor: query.get('cursor'),
      ...(limit !== null && { limit: Number(limit) }),
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(page));
  } catch (error) {
    if (!isDaybookError(error)) throw error;
    response.statusCode = error.kind === 'usage' ? 400 : error.kind === 'busy' ? 503 : 500;
    response.end(JSON.stringify({ error: error.message, field: error.field }));
  }
}

/** What cron does at night. The export comes first, so that nothing falls that nobody has. */
async function night(trail: Trail): Promise<void> {
  const cron = trail.with({ actor: 'cron', actorType: 'system', reason: 'every night' });
  const stamp = new Date().toISOString().replaceAll(':', '');
  const { count } = await cron.export(`new-${stamp}.ndjson.gz`, {
    checkpoint: 'siem',
    manifest: `new-${stamp}.json`,
  });
  const { deleted, remaining } = await cron.prune({
    rules: [{ olderThan: '2y' }, { filter: { category: ['auth'] }, olderThan: '90d' }],
    archive: `old-${stamp}.ndjson.gz`,
  });
  console.log(`exported ${count}, deleted ${deleted}, ${remaining} remain`);
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
}

async function main(): Promise<void> {
  await initializeTrail('audit.db', { actor: 'deploy', actorType: 'system' });
  const trail = await openTrail('audit.db');
  const year = new Date().getUTCFullYear();
  await trail.record([
    { action: 'login', category: 'auth', actor: 'u-1', ts: `${year - 3}-03-05T14:07:09+01:00` },
    { action: 'login', category: 'auth', actor: 'u-1' },
    { action: 'update', actor: 'u-2', entity_type: 'settlement', entity_id: '42' },
    { action: 'logout', category: 'auth', actor: 'u-1' },
  ]);

  const server = createServer((request, response) => {
    answer(trail, request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const base = await listening(server);
  const ask = async (path: string): Promise<string> => (await fetch(base + path)).text();
  let cursor: string | null = '';
  while (cursor !== null) {
    const text = await ask(`/history?actor=u-1&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    const page = JSON.parse(text) as { entries: { seq: number }[]; nextCursor: string | null };
    console.log('page', page.entries.map(({ seq }) => seq).join());
    cursor = page.nextCursor;
  }
  console.log(await ask('/history?limit=-1'));
  console.log(await ask('/history?since=yesterday'));
  console.log((await ask('/history.csv?actor=u-2')).split('\n')[0]);
  await night(trail);
  await night(trail);
  server.close();
  server.closeAllConnections();
  await trail.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
