import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import type { AgentDesk } from "../ports.ts";
import { withValuesAsData } from "../prompt-data.ts";
import { answerSchema } from "./answer-schema.ts";
import { duration } from "./duration.ts";

const DEFAULT_MS = 30 * 60_000;

const config = z.strictObject({
  capabilities: z.array(z.string().min(1).max(100)).min(1).max(20).describe("What the agent has to be able to do"),
  prompt: z.string().min(1).max(100_000).describe("What it is asked to do"),
  schema: answerSchema,
  within: duration.default(DEFAULT_MS).describe("How long an answer is waited for"),
});

/** Gives work to a registered agent that has the capabilities; it is leased to one at a time. */
export function agent(agents: AgentDesk, now: () => number): NodeType<z.output<typeof config>> {
  return {
    type: "agent",
    description: "Gives work to a registered agent by what it can do, and waits for its answer.",
    config,
    expressions: [],
    literal: ["capabilities", "schema", "within"],
    weave: { prompt: withValuesAsData },
    timeoutMs: DEFAULT_MS + 60_000,
    output: ({ schema }) =>
      schema ?? { type: "object", properties: { text: { type: "string" }, by: { type: "string" } } },
    // The work has a key: asked for again after a crash it is the same work.
    onCrash: "retry",
    target: ({ capabilities }) => capabilities.join(","),
    execute: async ({ config: given, idempotencyKey, round, signal, log }) => {
      const { capabilities, prompt: text, schema, within } = given;
      const work = { capabilities, text, key: `${idempotencyKey}/${round}`, deadline: now() + within };
      const answer = await agents.request({ ...work, ...(schema && { schema }) }, signal);
      log(`answered by ${answer.by}`);
      if (!schema) return { outcome: "done", output: answer };
      try {
        return { outcome: "done", output: JSON.parse(answer.text) };
      } catch {
        const message = `The answer of ${answer.by} is no JSON: ${answer.text.slice(0, 300)}`;
        return { outcome: "failed", kind: "bad_output", message };
      }
    },
  };
}
