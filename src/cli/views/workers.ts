import { z } from "zod";
import type { Output } from "../output.ts";

const worker = z.object({
  agent: z.string(),
  presence: z.enum(["present", "silent", "gone"]),
  capabilities: z.array(z.string()),
  kinds: z.array(z.string()).nullable(),
  load: z.number(),
  maxLoad: z.number(),
  quality: z.number(),
  reliability: z.number(),
  judged: z.object({ useful: z.number(), wrong: z.number() }),
  latencyMs: z.number().nullable(),
  seenAt: z.number(),
});

const COLORS = { present: "green", silent: "yellow", gone: "dim" } as const;

/** The agents that are asked, with what their choice hangs on. */
export function workersView(result: unknown, output: Output): string {
  const { agents } = z.object({ agents: z.array(worker) }).parse(result);
  if (agents.length === 0) return "No agent has registered to be asked; the tool agent_register does it.";
  const rows = agents.map((one) => [
    one.agent,
    output.style(COLORS[one.presence], one.presence),
    `${one.load}/${one.maxLoad}`,
    `${one.quality.toFixed(2)} (${one.judged.useful} useful, ${one.judged.wrong} wrong)`,
    one.reliability.toFixed(2),
    one.latencyMs === null ? "" : `${(one.latencyMs / 1000).toFixed(1)} s`,
    one.kinds === null ? one.capabilities.join(", ") : `${one.capabilities.join(", ")}; ${one.kinds.join(", ")} only`,
  ]);
  return output.table(["AGENT", "IS", "HAS", "QUALITY", "ANSWERS", "TAKES", "CAN"], rows);
}
