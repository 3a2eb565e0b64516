import { z } from "zod";
import type { NodeType } from "../node-type.ts";
import { duration } from "./duration.ts";

const config = z
  .strictObject({
    for: duration.optional().describe("How long: 90s, 10m, 12h, 3d"),
    until: z.iso.datetime({ offset: true }).optional().describe("When: 2026-12-24T08:00:00Z"),
    event: z
      .string()
      .regex(/^[a-z][a-z0-9_.-]{0,99}$/)
      .optional()
      .describe("The signal that it waits for; one that came before is kept"),
    timeout: duration.optional().describe("How long it waits for the event at most; for ever when absent"),
    on_timeout: z.enum(["fail", "continue"]).default("fail").describe("When the event did not come in time"),
  })
  .refine(
    (given) => [given.for, given.until, given.event].filter((way) => way !== undefined).length === 1,
    "Write one of for, until and event.",
  );

/** Waits for a time or an event, without a process. */
export function wait(now: () => number): NodeType<z.output<typeof config>> {
  return {
    type: "wait",
    description: "Waits for a time or for a signal, for days if need be, at no cost.",
    config,
    expressions: [],
    output: () => ({
      type: "object",
      properties: { arrived: { type: "boolean" }, data: {}, by: { type: ["string", "null"] } },
      required: ["arrived", "data", "by"],
      additionalProperties: false,
    }),
    onCrash: "retry",
    inside: true,
    execute: async ({ config: given, key }) => {
      const limit = given.event === undefined ? given.for : given.timeout;
      const until = given.until === undefined ? (limit === undefined ? null : now() + limit) : Date.parse(given.until);
      const signal = given.event ?? `time:${key}`;
      return { outcome: "waiting", signal, until, shown: { event: given.event ?? null, until } };
    },
    resume: async ({ config: given }, arrived) => {
      if (arrived !== "timeout") return { outcome: "done", output: { arrived: true, ...arrived } };
      const missed = given.event !== undefined && given.on_timeout === "fail";
      if (missed) return { outcome: "failed", kind: "timeout", message: `"${given.event}" did not come in time.` };
      return { outcome: "done", output: { arrived: given.event === undefined, data: null, by: null } };
    },
  };
}
