/** How a base came to be known, from the surest on. */
export const BASE_SOURCES = [
  /** The daemon saw the block being written and read the spec beside it. */
  "seen",
  /** The spec at the commit that first wrote the block. */
  "git",
  /** The text that another change adds: the requirement was in no spec yet. */
  "sister",
  /** The delta took over what had come since. */
  "contained",
  /** The delta was merged with this text. */
  "merged",
  /** A person said that the delta stands beside this text. */
  "resolved",
  /** What the spec said when the block was first met; what it was written against is not known. */
  "unknown",
] as const;
export type BaseSource = (typeof BASE_SOURCES)[number];

/** The text of a requirement that a delta was written against. */
export interface Base {
  capability: string;
  /** Name of the requirement in the spec when the base was taken. */
  requirement: string;
  /** The whole block with `\n` line ends. */
  text: string;
  /** Commit that it was read from, null for the working tree. */
  commit: string | null;
  source: BaseSource;
  /** Epoch milliseconds. */
  takenAt: number;
  /** SHA-256 of the delta's block when the base was taken, or when its change went away. */
  blockHash: string;
  /** When the change went away; the base is taken up again when the very same block comes back. */
  goneAt: number | null;
}

/** Bases by change, then by requirement. */
export type KnownBases = ReadonlyMap<string, ReadonlyMap<string, Base>>;

export function baseKey({ capability, requirement }: { capability: string; requirement: string }): string {
  return `${capability}\0${requirement}`;
}
