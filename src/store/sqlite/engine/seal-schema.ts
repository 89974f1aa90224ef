/**
 * Evidence. Positions of the tree are given in the order of sealing, and 256 of them are a tile: which seqs it holds, by
 * position (`1-5,7`), the hashes of their leaves, and what opens them, a secret for all or a salt for each that stays.
 * Nothing of it lies on the way of an entry: no column or index of the table of entries, and no trigger on it.
 */
export const SEALS = `
CREATE TABLE daybook_seal_trail (
  trail INTEGER PRIMARY KEY,
  origin TEXT NOT NULL UNIQUE,
  key TEXT NOT NULL,
  since INTEGER NOT NULL,
  note TEXT,
  made_at TEXT NOT NULL
) STRICT;
CREATE TABLE daybook_seals (
  seal INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX daybook_seals_by_size ON daybook_seals (size);
CREATE TABLE daybook_seal_tiles (
  tile INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  root BLOB,
  secret BLOB,
  seqs TEXT NOT NULL,
  hashes BLOB NOT NULL,
  salts BLOB,
  edges BLOB
) STRICT;
CREATE INDEX daybook_seal_tiles_by_seq ON daybook_seal_tiles (last_seq, first_seq);
CREATE TABLE daybook_seal_lease (
  lease INTEGER PRIMARY KEY CHECK (lease = 1),
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  heartbeat TEXT NOT NULL
) STRICT;
CREATE TABLE daybook_seal_keys (
  handover INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE daybook_seal_removals (
  removal INTEGER PRIMARY KEY,
  prune INTEGER,
  ranges TEXT NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE TABLE daybook_erased (
  seq INTEGER PRIMARY KEY,
  ts TEXT NOT NULL,
  category TEXT NOT NULL,
  action TEXT NOT NULL,
  severity TEXT NOT NULL,
  entity_type TEXT
) STRICT;
CREATE TABLE daybook_holds (
  name TEXT NOT NULL PRIMARY KEY,
  filter TEXT NOT NULL,
  reason TEXT NOT NULL,
  until TEXT,
  release_key TEXT,
  placed_at TEXT NOT NULL,
  entry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE daybook_anchors (
  anchor INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  kind TEXT NOT NULL,
  content BLOB NOT NULL,
  added_at TEXT NOT NULL
) STRICT;
`;

/**
 * Erasures: the account by which a skeleton came (`prune`), and what is signed of all skeletons of a plan before the first
 * entry goes, 32 bytes each in the order of the ranges. A removal without that is a prune's.
 */
export const ERASURES = `
ALTER TABLE daybook_erased ADD COLUMN prune INTEGER;
CREATE INDEX daybook_erased_by_time ON daybook_erased (ts, seq);
CREATE INDEX daybook_erased_by_prune ON daybook_erased (prune, entity_type);
ALTER TABLE daybook_seal_removals ADD COLUMN skeletons BLOB;
`;
