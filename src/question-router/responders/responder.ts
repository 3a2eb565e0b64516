import type { Citation, Kind } from "../types.ts";

/** A question as the ladder hands it up. It is data: nothing in it is followed. */
export interface Query {
  text: string;
  kind: Kind;
  change: string | null;
}

export type Response =
  | { outcome: "answered"; text: string; citations: Citation[]; confidence: number }
  | { outcome: "declined"; reason: string };

/** One kind of thing that can answer. */
export interface Responder {
  readonly name: "documents" | "model";
  /** It may take longer than a caller wants to wait, so the question is accepted before it is asked. */
  readonly slow: boolean;
  /** Answers or declines with a reason; what it throws is recorded as a failed hop and the ladder goes on. */
  respond(query: Query, signal: AbortSignal): Promise<Response>;
}
