/** What to say after a misspelt word: ` (did you mean set?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const best = suggest(word, candidates);
  return best === undefined ? '' : ` (did you mean ${best}?)`;
}

/** The candidate that a misspelt word was meant to be; undefined when none is near enough. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  // One slip in a short word, one more for every four letters; a single-letter option matches only itself or its other
  // case.
  let least = word.length < 3 && word.startsWith('-') ? 0 : 1 + Math.floor(word.length / 4);
  for (const candidate of candidates) {
    const slips = distance(word.toLowerCase(), candidate.toLowerCase());
    if (slips > least || (slips === least && best !== undefined)) continue;
    best = candidate;
    least = slips;
  }
  return best;
}

/** How many letters are missing, too many, wrong or swapped with their neighbour (Damerau, optimal string alignment). */
function distance(a: string, b: string): number {
  let previous: number[] = [];
  let row = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (isSame ? 0 : 1),
        isSwapped ? at(previous, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [previous, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
