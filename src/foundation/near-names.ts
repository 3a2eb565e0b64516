/** At most three of `names` that a person who typed `wanted` may have meant, nearest first. */
export function namesLike(wanted: string, names: readonly string[]): string[] {
  const typed = wanted.slice(0, 60).toLowerCase();
  return names
    .map((name) => ({ name, distance: sameWords(typed, name) ? 0 : editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= Math.max(2, Math.floor(name.length / 3)))
    .toSorted((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `list_changes` and `changeList` mean `change_list`. */
function sameWords(typed: string, name: string): boolean {
  const words = name.split("_");
  return words.every((word) => typed.includes(word));
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, left] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, right] of Array.from(b).entries()) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (left === right ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
