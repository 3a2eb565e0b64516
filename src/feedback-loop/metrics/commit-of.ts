/** Kept with a sample, so that its row leads to the commit; no label of figures, because there are too many. */
export function commitOf(commit: string | null): Record<string, string> {
  return commit === null ? {} : { commit };
}
