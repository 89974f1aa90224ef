/**
 * The amounts of a cash machine's settlement, each with all names that it has had. Columns and memos were renamed in May
 * 2026; entries keep the names that they were recorded with.
 */
const AMOUNTS: readonly (readonly string[])[] = [
  ['gross', 'wire', 'gross_sats', 'wire_sats'],
  ['net', 'principal', 'net_sats', 'principal_sats'],
  ['commission', 'fee', 'commission_sats', 'fee_sats'],
];

/** The paths at which the amount of a path may stand: first the path itself, which is all that there is for another field. */
export function amountPaths(path: string): readonly string[] {
  const dot = path.lastIndexOf('.') + 1;
  const name = path.slice(dot);
  const names = AMOUNTS.find((known) => known.includes(name)) ?? [];
  return [path, ...names.filter((other) => other !== name).map((other) => path.slice(0, dot) + other)];
}

/** The other names of the amounts among these paths: in entries about settlements they count as well. */
export function otherAmountPaths(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap(amountPaths))].filter((path) => !paths.includes(path));
}

/** Whether these names are meant: a fee is a commission where a settlement is spoken of, and nowhere else. */
export function hasAmounts(entityType: string | null): boolean {
  return entityType !== null && /settlement/i.test(entityType);
}
