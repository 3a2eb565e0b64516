/** Reciprocal rank fusion (Cormack, Clarke, Büttcher, SIGIR 2009) with its customary constant. */
const RRF_K = 60;
/** A passage has to hold one of so many of the rarest words, or of more until these stand in so many passages. */
const NEEDED_TERMS = 3;
const ENOUGH_PASSAGES = 500;
/** In a corpus of a few passages every word would be common, and one word that is not there would outweigh the others. */
const MIN_PASSAGES = 200;

/**
 * Which of the words a passage has to hold one of: where the rare words give few passages, commoner ones count as well.
 * All of them rank it.
 */
export function splitByNeed<Known extends { frequency: number }>(
  rarestFirst: Known[],
): { needed: Known[]; other: Known[] } {
  let needed = 0;
  for (
    let reached = 0;
    needed < rarestFirst.length && (needed < NEEDED_TERMS || reached < ENOUGH_PASSAGES);
    needed += 1
  )
    reached += rarestFirst[needed]!.frequency;
  return { needed: rarestFirst.slice(0, needed), other: rarestFirst.slice(needed) };
}

/** Reciprocal rank fusion of lists of ids, each best first, with what each list counts. */
export function fuse(lists: { ids: number[]; weight: number }[]): [id: number, score: number][] {
  const scores = new Map<number, number>();
  for (const { ids, weight } of lists) {
    for (const [index, id] of ids.entries()) scores.set(id, (scores.get(id) ?? 0) + weight / (RRF_K + index + 1));
  }
  return [...scores].sort((a, b) => b[1] - a[1]);
}

/** Inverse document frequency as BM25 has it, over a corpus of at least `MIN_PASSAGES`. */
export function inverseFrequency(passagesWithTerm: number, passages: number): number {
  return Math.log(1 + (Math.max(passages, MIN_PASSAGES) - passagesWithTerm + 0.5) / (passagesWithTerm + 0.5));
}

/** `openspec/specs/user-login/spec.md` -> `openspec specs user login spec`. */
export function placeWords(path: string): string {
  return path.replace(/\.[A-Za-z0-9]+$/, "").replaceAll(/[^\p{L}\p{N}]+/gu, " ");
}
