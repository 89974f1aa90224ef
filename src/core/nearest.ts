/** So many letters of a word are enough to mean it, where no other begins so. */
const SHORTENED = 3;

/** The word that one which is mistyped, shortened or both is nearest to, where it is near enough to be meant. */
export function nearestWord(typed: string, words: readonly string[]): string | undefined {
  const word = typed.toLowerCase();
  const longer = words.filter((candidate) => candidate.toLowerCase().startsWith(word));
  if (word.length >= SHORTENED && longer.length === 1) return longer[0];
  const [nearest] = words
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  // Of a short word one letter may be wrong, of a longer one a third.
  if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(nearest.candidate.length / 3))) {
    return nearest.candidate;
  }
  if (word.length <= SHORTENED) return undefined;
  const begun = words.filter((candidate) => editDistance(word, candidate.toLowerCase().slice(0, word.length)) <= 1);
  return begun.length === 1 ? begun[0] : undefined;
}

/** What to say behind a wrong word: the one that may be meant, or nothing. */
export function didYouMean(typed: string, words: readonly string[]): string {
  const nearest = nearestWord(typed, words);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}

/** How many letters must be put in, taken out or replaced to turn one word into the other, or two neighbours swapped. */
export function editDistance(from: string, to: string): number {
  // A word longer than any of ours is far away, however much longer it is.
  const letters = Array.from(from.slice(0, 40));
  const others = Array.from(to);
  // The distances between the letters read so far and each beginning of the other word, and those one letter before.
  let before: number[] = [];
  let distances = Array.from({ length: others.length + 1 }, (_, index) => index);
  for (const [index, letter] of letters.entries()) {
    const row = [index + 1];
    for (const [column, other] of others.entries()) {
      const replaced = (distances[column] ?? 0) + (letter === other ? 0 : 1);
      const swapped =
        letter === others[column - 1] && letters[index - 1] === other ? (before[column - 1] ?? Infinity) + 1 : Infinity;
      row.push(Math.min((distances[column + 1] ?? 0) + 1, (row[column] ?? 0) + 1, replaced, swapped));
    }
    before = distances;
    distances = row;
  }
  return distances.at(-1) ?? letters.length;
}
