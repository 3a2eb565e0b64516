import { z } from "zod";

/** Who calls: a person at a terminal or page, an agent through MCP, or the system itself (loop, watcher). */
export const principalSchema = z.object({
  kind: z.enum(["person", "agent", "system"]),
  /** Shown in history and audit: `claude-code`, `ada@example.org`, `feedback-loop`. */
  name: z.string().min(1).max(200),
  /** The client's own session, if it names one (`CLAUDE_CODE_SESSION_ID`): the scope of follow-up questions. */
  session: z.string().max(200).optional(),
});
export type Principal = z.output<typeof principalSchema>;

/** `agent:claude-code`: one word for a principal in rows, trailers and logs. */
export function principalLabel(principal: Principal): string {
  return `${principal.kind}:${principal.name}`;
}

const MAX_NAME = 200;
/** What nobody sees: control, zero-width, bidirectional and tag characters. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/**
 * The name that a client gives itself, as rows, trailers and people may be shown it: on one line, without what is not seen,
 * so that it neither looks like the name of somebody else nor like a line of ours. Empty where nothing is left.
 */
export function clientName(given: string): string {
  const line = given
    .toWellFormed()
    .replaceAll(INVISIBLE, "")
    .replaceAll(/[\p{Cc}\s]+/gu, " ");
  return line.slice(0, MAX_NAME).toWellFormed().trim();
}
