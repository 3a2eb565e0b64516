import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";

const schema = z.object({
  concurrency: z.int().min(1).max(1000).default(16).describe("Nodes of all runs that are under way at once."),
  perType: z
    .record(z.string(), z.int().min(1).max(1000))
    .default({})
    .describe("The same by node type, such as `{command: 2}`; never more than `concurrency`."),
  secrets: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/))
    .default([])
    .describe("Variables of the daemon's environment that workflows may use as secrets; no others."),
});

export type WorkflowOptions = z.output<typeof schema>;

export const options = defineOptions({
  section: "workflows",
  schema,
  env: { SPECLOOP_WORKFLOWS_CONCURRENCY: "concurrency" },
  tunable: {},
});
