import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";
import { budgetOptions } from "./cost/options.ts";

const schema = z.object({
  concurrency: z.int().min(1).max(1000).default(16).describe("Nodes of all runs that are under way at once."),
  perType: z
    .record(z.string(), z.int().min(1).max(1000))
    .default({})
    .describe("The same by node type, such as `{command: 2}`; never more than `concurrency`."),
  types: z
    .array(z.string())
    .optional()
    .describe(
      "Where a team shares the store: types of the nodes that are taken here, of every clone's runs, such as `[transform, llm]`; absent: all. What is tied to this clone is taken in any case.",
    ),
  budgets: budgetOptions.prefault({}).describe("What all runs together may use; at a limit, runs pause and ask."),
});

export type WorkflowOptions = z.output<typeof schema>;

export const options = defineOptions({
  section: "workflows",
  schema,
  env: { SPECLOOP_WORKFLOWS_CONCURRENCY: "concurrency" },
  tunable: {},
});
