/** What is known of the best section found for a question; the first three are shares of the question, 0..1. */
export interface Signs {
  /** Found in place, headings and the best few neighbouring lines. */
  evidence: number;
  /** Found in place and headings alone. */
  heading: number;
  /** Found in the first lines alone. */
  opening: number;
  /** Content words of the question: of two words, both stand together in many sections by chance. */
  terms: number;
  /** Whether it stands in a change that is not in force, and is not asked for the reasons of that. */
  proposed: boolean;
}

/** More words than this add nothing. */
const MANY_TERMS = 8;
/**
 * Logistic regression of "the first section is the right one" over the labelled questions of `test/retrieval/labelled`
 * that were put aside for it (half of them; a third of these have no answer). How it holds on the other half:
 * `docs/retrieval.md`.
 */
const WEIGHTS = { none: -4.18, evidence: 3.11, heading: 1.12, opening: 0.8, terms: 3.3, proposed: -1.25 };

/** The probability, 0..1, that the section answers the question, from words alone. */
export function confidenceOf({ evidence, heading, opening, terms, proposed }: Signs): number {
  const sum =
    WEIGHTS.none +
    WEIGHTS.evidence * evidence +
    WEIGHTS.heading * heading +
    WEIGHTS.opening * opening +
    WEIGHTS.terms * (Math.min(terms, MANY_TERMS) / MANY_TERMS) +
    (proposed ? WEIGHTS.proposed : 0);
  return 1 / (1 + Math.exp(-sum));
}
