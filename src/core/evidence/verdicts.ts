/** What a finding comes to: a fault always, one with `--strict` alone, or nothing but a fact. */
type Severity = 'fault' | 'strict';

interface Verdict {
  readonly severity: Severity;
  /** What it is, for people and for the docs. */
  readonly about: string;
}

/** All that verifying can find. */
export const VERDICTS = {
  inserted: { severity: 'fault', about: 'entries that are not sealed stand where all are' },
  altered: { severity: 'fault', about: 'entries that are not what was sealed' },
  'altered-between': { severity: 'fault', about: 'what is sealed was altered within this range, with its hashes' },
  missing: { severity: 'fault', about: 'sealed entries that are gone, and that no prune took' },
  reappeared: { severity: 'fault', about: 'entries that are there although their removal was signed' },
  unopenable: { severity: 'fault', about: 'entries whose salt was destroyed: nobody can say what they were' },
  truncated: { severity: 'fault', about: 'more was sealed than the database holds' },
  'split-view': { severity: 'fault', about: 'another trail was sealed under the same name' },
  'bad-signature': { severity: 'fault', about: 'a signature that is not that of the key' },
  'bad-seal': { severity: 'fault', about: 'seals or tiles that are not as daybook writes them' },
  'wrong-term': { severity: 'fault', about: 'seals by a key outside its term' },
  'never-sealed': { severity: 'fault', about: 'nothing is sealed' },
  'bad-removal': {
    severity: 'fault',
    about: 'signed removals, or what is left of erased entries, that are not as they were signed',
  },
  'pruned-unattested': { severity: 'fault', about: 'entries that were pruned or erased without a signature' },
  'held-missing': { severity: 'fault', about: 'holds that do not hold' },
  uncheckable: { severity: 'fault', about: 'what no longer can be checked, since the entries around it are pruned' },
  stale: { severity: 'fault', about: 'entries have waited for a seal for longer than the grace' },
  incomplete: { severity: 'fault', about: 'entries that the file should hold and does not' },
  resumed: { severity: 'strict', about: 'the trail goes on from a restored copy' },
  backdated: {
    severity: 'strict',
    about: 'entries that claim an older time than the seal before them, and not when they were recorded',
  },
  'clock-back': { severity: 'strict', about: 'seals that claim an older time than the seal before them' },
  'not-utf8': {
    severity: 'strict',
    about: 'entries with text that is no UTF-8: the file shows other signs for it, and its proofs have what was sealed',
  },
  'key-not-pinned': { severity: 'strict', about: 'the key was taken from what is verified' },
} as const satisfies Readonly<Record<string, Verdict>>;

export type VerdictCode = keyof typeof VERDICTS;

/** Everything that was found of one code. */
export interface Finding {
  readonly code: VerdictCode;
  readonly severity: Severity;
  readonly count: number;
  /** The first of them: seqs, or what else they are called. */
  readonly first: readonly (number | string)[];
  /** The seqs between which it is, where no more can be told. */
  readonly between: readonly [number, number] | null;
}

/** So many of a kind are named. */
const NAMED = 10;

/** Collects what is found. */
export interface Findings {
  add(code: VerdictCode, ...found: readonly (number | string)[]): void;
  /** Something that is somewhere between two seqs. */
  between(code: VerdictCode, from: number, to: number): void;
  list(): Finding[];
}

export function collectFindings(): Findings {
  const counts = new Map<
    VerdictCode,
    { count: number; first: (number | string)[]; between: [number, number] | null }
  >();
  const of = (code: VerdictCode): NonNullable<ReturnType<typeof counts.get>> => {
    const known = counts.get(code) ?? { count: 0, first: [], between: null };
    counts.set(code, known);
    return known;
  };
  return {
    add: (code, ...found) => {
      if (found.length === 0) return;
      const known = of(code);
      known.count += found.length;
      known.first.push(...found.slice(0, NAMED - known.first.length));
    },
    between: (code, from, to) => {
      const known = of(code);
      known.count += 1;
      known.between ??= [from, to];
    },
    list: () =>
      (Object.keys(VERDICTS) as VerdictCode[]).flatMap((code) => {
        const known = counts.get(code);
        return known === undefined ? [] : [{ code, severity: VERDICTS[code].severity, ...known }];
      }),
  };
}
