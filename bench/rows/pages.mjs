import { DOMINANT } from '../entries.mjs';
import { median } from '../measure.mjs';
import { openStore } from '../store.mjs';

const PAGE = 50;
const ROUNDS = 101;
const LONGEST_MS = 5;

const { entity_type: type, entity_id: id } = DOMINANT;

const FILTERS = {
  'no filter': {},
  category: { category: [DOMINANT.category] },
  action: { action: [DOMINANT.action] },
  severity: { severity: [DOMINANT.severity] },
  actor: { actor: [DOMINANT.actor] },
  'actor type': { actor_type: [DOMINANT.actor_type] },
  scope: { scope: [DOMINANT.scope] },
  'entity type': { entity: [{ type }] },
  'entity type:id': { entity: [{ type, id }] },
  'entity :id': { entity: [{ id }] },
  correlation: { correlation_id: [DOMINANT.correlation_id] },
  source: { source: [DOMINANT.source] },
};

/** One page in the store, far behind, against the first page of the same filter. */
function paging(name, filter) {
  return {
    name: `page-${name.replace(/\W+/g, '-')}`,
    what: `a page of ${PAGE}, the nth, ${name}`,
    against: 'the first page',
    unit: 'ms',
    atMost: 1.5,
    alsoAtMost: { ours: LONGEST_MS, words: `under ${LONGEST_MS} ms` },
    sizes: 'largest',
    measure: async ({ files, size }) => {
      const store = await openStore(await files.dominant(size));
      try {
        // More than half of the entries match, so half of them can be walked: 10,000 pages of a million.
        const nth = size / 2 / PAGE;
        const query = { filter, order: 'newest', limit: PAGE, upTo: await store.mark() };
        const far = { ...query, after: await keyBehind(store, query, (nth - 1) * PAGE) };
        const took = { first: [], far: [] };
        for (let round = -5; round < ROUNDS; round++) {
          for (const [which, asked] of [
            ['first', query],
            ['far', far],
          ]) {
            const began = performance.now();
            const { entries } = await store.page(asked);
            const ms = performance.now() - began;
            if (entries.length !== PAGE) throw new Error(`a page of ${name} came out short`);
            if (round >= 0) took[which].push(ms);
          }
        }
        return { ours: median(took.far), theirs: median(took.first), note: `page ${nth.toLocaleString('en')}` };
      } finally {
        await store.close();
      }
    },
  };
}

async function keyBehind(store, query, count) {
  let after;
  for (let left = count; left > 0;) {
    const limit = Math.min(left, 5000);
    const page = await store.rows({ ...query, limit, ...(after && { after }) }, ['seq']);
    left -= page.rows.length;
    after = page.next;
  }
  return after;
}

export const pages = Object.entries(FILTERS).map(([name, filter]) => paging(name, filter));
