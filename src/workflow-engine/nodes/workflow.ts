import { z } from "zod";
import type { Principal } from "../../foundation/principal.ts";
import type { NodeType, Spending } from "../node-type.ts";

const config = z.strictObject({
  use: z.string().min(1).max(200).describe("Name of the workflow"),
  input: z.record(z.string(), z.unknown()).default({}).describe("CEL of each of its inputs"),
});

/** How a workflow node begins another run and learns of its end; the engine itself. */
export interface ChildRuns {
  /** The same `onceKey` gives the same run. */
  start(child: {
    name: string;
    input: unknown;
    parent: { runId: string; key: string };
    principal: Principal;
    onceKey: string;
  }): Promise<string>;
  /** Of a run that has ended. */
  result(runId: string): Promise<{ state: string; output: unknown; error: string | null; used: Spending }>;
}

/** The signal with which a run tells its parent that it has ended. */
export function childSignal(runId: string): string {
  return `child:${runId}`;
}

/** Runs another workflow and waits for its end. */
export function workflow(children: ChildRuns): NodeType<z.output<typeof config>> {
  return {
    type: "workflow",
    place: "clone",
    description: "Runs another workflow and waits for its end; cancelling goes on to it.",
    config,
    expressions: ["input"],
    literal: ["use"],
    output: () => ({}),
    onCrash: "retry",
    inside: true,
    execute: async ({ config: { use, input }, runId, key, principal, round, idempotencyKey }) => {
      const onceKey = `${idempotencyKey}#${round}`;
      const id = await children.start({ name: use, input, parent: { runId, key }, principal, onceKey });
      return { outcome: "waiting", signal: childSignal(id), until: null, shown: { run: id, workflow: use } };
    },
    resume: async ({ waited, spend }) => {
      const child = String(waited?.["run"]);
      const { state, output, error, used } = await children.result(child);
      if (used.tokensIn + used.tokensOut > 0 || used.usd !== 0) spend(used);
      if (state === "succeeded") return { outcome: "done", output };
      return {
        outcome: "failed",
        kind: "failed",
        message: `The run ${child} ${state}: ${error ?? "no word"}`,
      };
    },
  };
}
