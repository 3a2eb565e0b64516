/** A piece of a document that can be found and quoted: normally a section with its own text. Lines are 1-based. */
export interface Passage {
  heading: string;
  /** Heading texts from the top, the passage's own last; empty for the text before the first heading. */
  headingPath: string[];
  /** 1..6, 0 for the text before the first heading. */
  level: number;
  startLine: number;
  endLine: number;
  text: string;
}

export interface IndexedDocument {
  /** Relative to the repository, with forward slashes. */
  path: string;
  /** Git blob id of the content that the passages were cut from. */
  revision: string;
  passages: Passage[];
}

export interface Hit {
  path: string;
  revision: string;
  passage: Passage;
  /** Fused rank score; comparable within one result only. */
  score: number;
}

/** A content term of a question (a stem, or two CJK characters) and how much it tells in this corpus. */
export interface WeightedTerm {
  term: string;
  weight: number;
}

/** Shares, 0..1, of a question's weight. */
export interface Evidence {
  /** Found in place, headings and the best few neighbouring lines of the passage. */
  best: number;
  /** Found in place and headings alone. */
  heading: number;
}

/**
 * Full-text search over passages. What it holds can always be rebuilt from the documents, so it is allowed to lose
 * everything: a method that meets a damaged file empties the index and throws `store_corrupt`; the caller fills it again.
 */
export interface SearchIndex extends Disposable {
  /** Puts these documents in place of what was known of their paths, all or none. */
  replaceDocuments(documents: IndexedDocument[]): void;
  removeDocuments(paths: string[]): void;
  /** Path -> revision of everything that is indexed. */
  documents(): ReadonlyMap<string, string>;
  /** Best first. The question is data: whatever it holds, it is searched for as words. */
  search(question: string, options: { limit: number }): Hit[];
  /** The content terms of a question with their weights in this corpus. */
  weigh(question: string): WeightedTerm[];
  /** The share, 0..1, of the terms' weight that is found in a text. */
  coverage(terms: WeightedTerm[], text: string): number;
  /** How much of the question a hit holds; comparable across questions and corpora. */
  evidence(terms: WeightedTerm[], hit: Hit): Evidence;
  /** A copy in memory that can be changed without touching this one. */
  fork(): SearchIndex;
  clear(): void;
}
