/** Edit distance of two short words: insertions, deletions, substitutions. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution =
        (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const deletion = (previous[j] ?? 0) + 1;
      const insertion = (current[j - 1] ?? 0) + 1;
      current.push(Math.min(substitution, deletion, insertion));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/**
 * The known word that a mistyped one was probably meant to be.
 *
 * A word that only lacks (or only has) an ending counts as near, because
 * leaving out the unit (`maxPayload`) is the likeliest mistake of all.
 *
 * @returns `undefined` when nothing is near enough to be worth saying.
 */
export function suggest(
  unknown: string,
  known: readonly string[],
): string | undefined {
  const word = unknown.toLowerCase();
  let nearest: string | undefined;
  let nearestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const other = candidate.toLowerCase();
    const sharesStart =
      word.length >= 4 && (other.startsWith(word) || word.startsWith(other));
    const distance = sharesStart ? 1 : editDistance(word, other);
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}
