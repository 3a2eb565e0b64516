import type { Gate } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Principal } from "../foundation/principal.ts";
import type { KnownAgent } from "./mcp.ts";

/** Who is refused before it is known who it is. */
export const NOBODY: Principal = { kind: "agent", name: "unknown" };

/** What doors ask of the gate themselves, before any call. */
export type DoorGate = Pick<Gate, "identify" | "tell" | "turnedAway" | "readable">;

/** The agent of a token that came along; `unauthorized` for a wrong one. */
export function agentOf(gate: DoorGate | undefined, token: string): KnownAgent {
  if (!gate) throw new SpecloopError("unauthorized", "The agent token is wrong.", { target: "token" });
  const { id, name } = gate.identify(token);
  return { id, name };
}
