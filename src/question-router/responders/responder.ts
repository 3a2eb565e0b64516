import type { Derivation } from "../similar/entries.ts";
import type { Gist } from "../similar/gist.ts";
import type { Citation, Cost, Kind, ResponderName } from "../types.ts";

/** A question as the ladder hands it up. It is data: nothing in it is followed. */
export interface Query {
  text: string;
  kind: Kind;
  change: string | null;
  /** What it asks (`ownGist`), where that was worked out already. */
  gist?: Gist | null;
  /** Id of the question, which is pending before a slow responder is asked. */
  questionId?: string;
  /** `workerKey` of the agent that asks, so that nobody is asked their own question. */
  asker?: string;
  /** Epoch milliseconds at which the question expires. */
  deadline?: number;
  /** How many agents have to be asked, and the only answers that they may give. */
  quorum?: number;
  choices?: string[];
  /** Whether the asker may read this document; what it may not read must not show in its answer. Absent: everything. */
  mayRead?: (path: string) => boolean;
  /** What was said before in the asker's session, oldest first; absent without a session. */
  before?: { question: string; answer: string | null }[];
}

export type Response =
  | {
      outcome: "answered";
      text: string;
      citations: Citation[];
      confidence: number;
      by?: string;
      /** The answer of a similar question that this one was taken from. */
      derivedFrom?: Derivation;
      /** What the hop says beside confidence and places. */
      note?: string;
      cost?: Cost;
    }
  | { outcome: "declined"; reason: string; cost?: Cost };

/** One kind of thing that can answer. */
export interface Responder {
  readonly name: ResponderName;
  /** Whether it may take longer than a caller wants to wait now, so that the question is kept before it is asked. */
  readonly slow: boolean;
  /** Answers or declines with a reason; what it throws is recorded as a failed hop and the ladder goes on. */
  respond(query: Query, signal: AbortSignal): Promise<Response>;
}
