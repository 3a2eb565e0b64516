import type { Principal } from "../foundation/principal.ts";

/** Who acts when the loop writes. */
export const LOOP_PRINCIPAL: Principal = { kind: "system", name: "feedback-loop" };
