export { openSearchIndex } from "./fts5.ts";
export type { Hit, IndexedDocument, Passage, SearchIndex, WeightedTerm } from "./port.ts";
export { Terms } from "./terms.ts";
