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
  /** Of the passage; known without reading the passage. */
  heading: string;
  /** Read when it is first looked at; holds until the next change of the index. */
  passage: Passage;
  /** Fused rank score; comparable within one result only. */
  score: number;
  /** Cosine of question and passage, -1..1, where it was found by its meaning. */
  similarity: number | null;
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
  /** Found in the passage's first lines alone: in a requirement, the sentence that says what must be. */
  opening: number;
}

/** What a question means to an embedding model. */
export interface Meaning {
  model: string;
  /** Of unit length. */
  vector: Float32Array;
  /** What its list counts in the fusion; that of the words counts 1. */
  weight: number;
}

export interface SearchOptions {
  limit: number;
  /** Searches by meaning as well, among the passages that have a vector of this model. */
  meaning?: Meaning | undefined;
  /** Documents that are passed over as if they were not there; default: none. */
  mayRead?: ((path: string) => boolean) | undefined;
}

/** A text whose vector is missing. */
export interface Unembedded {
  /** Of headings and text: the same passage elsewhere has the same. */
  hash: string;
  /** Headings and text. */
  text: string;
}

/**
 * Full-text search over passages, and by meaning where vectors were put in. What it holds can always be rebuilt from the
 * documents, so it is allowed to lose everything: a method that meets a damaged file empties the index and throws
 * `store_corrupt`; the caller fills it again.
 */
export interface SearchIndex extends Disposable {
  /** Puts these documents in place of what was known of their paths, all or none. Passages that stay are not touched. */
  replaceDocuments(documents: IndexedDocument[]): void;
  removeDocuments(paths: string[]): void;
  /** Path -> revision of everything that is indexed. */
  documents(): ReadonlyMap<string, string>;
  /** The documents of these paths that are indexed, as they were put in. */
  read(paths: string[]): IndexedDocument[];
  /** Best first. The question is data: whatever it holds, it is searched for as words. */
  search(question: string, options: SearchOptions): Hit[];
  /** The content terms of a question with their weights in this corpus. */
  weigh(question: string): WeightedTerm[];
  /** The share, 0..1, of the terms' weight that is found in a text. */
  coverage(terms: WeightedTerm[], text: string): number;
  /** How much of the question a hit holds; comparable across questions and corpora. */
  evidence(terms: WeightedTerm[], hit: Hit): Evidence;
  /** The model of most vectors; null when there are none. */
  embeddedBy(): string | null;
  /** Passages without a vector of this model, at most `limit`. */
  unembedded(model: string, limit: number): Unembedded[];
  /** Keeps vectors of unit length; those of other models are dropped, because they are never compared. */
  putVectors(model: string, vectors: { hash: string; vector: Float32Array }[]): void;
  /**
   * Prepares for coming questions for about `ms` milliseconds: reads what words and passages would be asked for first.
   * True when nothing is left to prepare.
   */
  warm(ms: number): boolean;
  /** A copy of the documents in memory, without vectors, that can be changed without touching this one. */
  fork(): SearchIndex;
  clear(): void;
}
