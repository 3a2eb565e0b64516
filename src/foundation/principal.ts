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
