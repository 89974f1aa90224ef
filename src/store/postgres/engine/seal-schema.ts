/**
 * Evidence. Positions of the tree are given in the order of sealing, and 256 of them are a tile: which seqs it holds, by
 * position (`1-5,7`), the hashes of their leaves, and what opens them, a secret for all or a salt for each that stays. The note of a
 * seal signs the mark of the trail that it was made of: what is visible there, and in no tile, was inserted later. Nothing of
 * it lies on the way of an entry: no column or index of the table of entries, and no trigger on its being recorded.
 */
export const SEALS = (schema: string): string => `
CREATE TABLE ${schema}.daybook_seal_trail (
  trail bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  origin text COLLATE "C" NOT NULL UNIQUE,
  key text COLLATE "C" NOT NULL,
  since bigint NOT NULL,
  note text COLLATE "C",
  made_at text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_seals (
  seal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  size bigint NOT NULL,
  note text COLLATE "C" NOT NULL
);
CREATE INDEX daybook_seals_by_size ON ${schema}.daybook_seals (size);
CREATE TABLE ${schema}.daybook_seal_tiles (
  tile bigint PRIMARY KEY,
  first_seq bigint NOT NULL,
  last_seq bigint NOT NULL,
  root bytea,
  secret bytea,
  seqs text COLLATE "C" NOT NULL,
  hashes bytea NOT NULL,
  salts bytea,
  edges bytea
);
CREATE INDEX daybook_seal_tiles_by_seq ON ${schema}.daybook_seal_tiles (last_seq, first_seq);
CREATE TABLE ${schema}.daybook_seal_lease (
  lease integer PRIMARY KEY CHECK (lease = 1),
  host text COLLATE "C" NOT NULL,
  pid bigint NOT NULL,
  heartbeat text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_seal_keys (
  handover bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  size bigint NOT NULL,
  note text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_seal_removals (
  removal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  prune bigint,
  ranges text COLLATE "C" NOT NULL,
  note text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_erased (
  seq bigint PRIMARY KEY,
  ts text COLLATE "C" NOT NULL,
  category text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  severity text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C"
);
CREATE TABLE ${schema}.daybook_anchors (
  anchor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  size bigint NOT NULL,
  kind text COLLATE "C" NOT NULL,
  content bytea NOT NULL,
  added_at text COLLATE "C" NOT NULL
);
CREATE TABLE ${schema}.daybook_holds (
  name text COLLATE "C" PRIMARY KEY,
  filter text COLLATE "C" NOT NULL,
  condition text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  until text COLLATE "C",
  release_key text COLLATE "C",
  placed_at text COLLATE "C" NOT NULL,
  entry bigint NOT NULL
);
`;

/**
 * Erasures: the account by which a skeleton came (`prune`), and what is signed of all skeletons of a plan before the first
 * entry goes, 32 bytes each in the order of the ranges. A removal without that is a prune's.
 */
export const ERASURES = (schema: string): string => `
ALTER TABLE ${schema}.daybook_erased ADD COLUMN prune bigint;
CREATE INDEX daybook_erased_by_time ON ${schema}.daybook_erased (ts, seq);
CREATE INDEX daybook_erased_by_prune ON ${schema}.daybook_erased (prune, entity_type);
ALTER TABLE ${schema}.daybook_seal_removals ADD COLUMN skeletons bytea;
`;

/** The tables of evidence, without what all names of ours begin with. */
export const SEAL_TABLES = [
  'seal_trail',
  'seals',
  'seal_tiles',
  'seal_lease',
  'seal_keys',
  'seal_removals',
  'erased',
  'anchors',
  'holds',
];

/**
 * Refuses to delete what a hold matches, from any program. The condition of each hold stands in its row, and is asked of all
 * rows of a statement at once. What took an entry back may go with it, and counts as if it were still there.
 */
export const HELD = (schema: string): string => `
DECLARE
  hold record;
  kept boolean;
BEGIN
  FOR hold IN SELECT name, condition FROM ${schema}.daybook_holds LOOP
    EXECUTE 'SELECT EXISTS (WITH daybook_entries AS (SELECT * FROM ${schema}.daybook_entries UNION ALL SELECT * FROM daybook_gone)
      SELECT FROM daybook_gone AS e WHERE ' || hold.condition || ')' INTO kept;
    IF kept THEN
      RAISE EXCEPTION 'daybook: hold % keeps this entry', hold.name USING ERRCODE = 'DB001';
    END IF;
  END LOOP;
  RETURN NULL;
END `;
