export { openSearchIndex } from "./fts5.ts";
export type {
  Hit,
  IndexedDocument,
  Meaning,
  Passage,
  SearchIndex,
  SearchOptions,
  Unembedded,
  WeightedTerm,
} from "./port.ts";
export { Terms } from "./terms.ts";
