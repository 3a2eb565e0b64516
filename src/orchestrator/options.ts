import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";
import { processingOptions } from "./processing/options.ts";

const refuseOr = z.enum(["refuse", "allow"]);
const archive = z.object({
  openTasks: refuseOr.default("refuse").describe("Archive a change that has open tasks."),
  openQuestions: refuseOr.default("allow").describe("Archive a change that has open questions."),
  warnings: refuseOr.default("allow").describe("Archive a change that has findings of severity warning."),
});

export const options = defineOptions({
  section: "openspec",
  schema: z.object({
    watchPath: z
      .string()
      .default("")
      .describe("Planning folder to watch instead of every openspec/ folder found; several separated by commas."),
    validator: z
      .enum(["auto", "off"])
      .default("auto")
      .describe("Ask OpenSpec for its verdict on every changed change; which OpenSpec is never decided in this file."),
    maxFileBytes: z
      .int()
      .min(1024)
      .max(64 * 1024 * 1024)
      .default(1024 * 1024)
      .describe("Larger files of a change are listed and not read, bytes."),
    settleMs: z
      .int()
      .min(20)
      .max(2000)
      .default(100)
      .describe("A batch of saves is over when nothing has moved for so long, milliseconds."),
    reconcileSeconds: z
      .int()
      .min(5)
      .max(3600)
      .default(60)
      .describe("Everything is looked at again this often, whatever the system reported, seconds."),
    processing: processingOptions.prefault({}).describe("What happens by itself when a change is new or changed."),
    archive: archive.prefault({}).describe("What keeps a change from being archived, beside what could lose text."),
  }),
  env: { OPENSPEC_WATCH_PATH: "watchPath" },
  tunable: { settleMs: { min: 50, max: 500, step: 25 } },
});

export type OpenspecOptions = z.output<typeof options.schema>;
