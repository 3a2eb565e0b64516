import type { Principal } from "../foundation/principal.ts";
import type { Kind, ResponderName } from "./types.ts";

interface Policy {
  /** Responders in the order in which they are tried, after the exact cache. */
  ladder: ResponderName[];
  /** Who may answer what the ladder left pending. */
  answerers: Principal["kind"][];
}

const OPEN: Policy = {
  ladder: ["documents", "similar", "tool", "agent", "model"],
  answerers: ["person", "agent", "system"],
};

/** Who may answer what. What somebody is allowed to do is said by the documents or by a person, never by a model. */
export const POLICIES: Record<Kind, Policy> = {
  fact: OPEN,
  how_to: OPEN,
  decision: OPEN,
  status: OPEN,
  authority: { ladder: ["documents"], answerers: ["person"] },
};
