import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";
import { DEFAULT_CAPABILITY } from "./capability.ts";

const globs = z.array(z.string().min(1).max(300)).max(100);

/**
 * What clients without an agent token may do. The defaults are the most there is, so a file that comes with the repository
 * can only narrow it. What one agent may do is in no file: `specloop agent add`.
 */
export const options = defineOptions({
  section: "access",
  schema: z.object({
    tools: globs
      .default(DEFAULT_CAPABILITY.tools)
      .describe("Tools that clients without an agent token may call; * stands for any characters."),
    read: globs.default(DEFAULT_CAPABILITY.read).describe("Documents that they may read."),
    write: globs
      .default(DEFAULT_CAPABILITY.write)
      .describe("Documents that they may edit; sensitive ones wait on a branch as ever."),
    rate: z
      .int()
      .min(1)
      .max(DEFAULT_CAPABILITY.rate)
      .default(DEFAULT_CAPABILITY.rate)
      .describe("Calls a minute that each of them may make."),
    requireToken: z.boolean().default(false).describe("Refuse every agent that has no token of its own."),
  }),
  env: { SPECLOOP_REQUIRE_AGENT_TOKEN: "requireToken" },
  tunable: {},
});

export type AccessOptions = z.output<typeof options.schema>;
