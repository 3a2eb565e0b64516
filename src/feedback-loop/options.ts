import { z } from "zod";
import { defineOptions } from "../foundation/options.ts";

const schema = z.object({
  auto: z
    .boolean()
    .default(false)
    .describe("Run a cycle by itself every `everyMinutes`; proposals wait for a person all the same."),
  everyMinutes: z
    .number()
    .int()
    .min(1)
    .max(10_080)
    .default(60)
    .describe("Minutes between automatic cycles, and between looks at running experiments."),
  maxOpen: z
    .number()
    .int()
    .min(1)
    .max(20)
    .default(3)
    .describe("Proposals that may be open at once; further ones are dropped with that reason."),
  alpha: z
    .number()
    .min(0.001)
    .max(0.1)
    .default(0.05)
    .describe("Chance of keeping a change without effect that proposals allow."),
  minimumPairs: z
    .number()
    .int()
    .min(5)
    .max(1000)
    .default(10)
    .describe("Replayed questions that a verdict needs at least."),
  horizonDays: z
    .number()
    .int()
    .min(1)
    .max(365)
    .default(14)
    .describe("Days after which an undecided experiment is reverted."),
  rejectedDays: z
    .number()
    .int()
    .min(0)
    .max(365)
    .default(30)
    .describe("Days during which a rejected or reverted idea is not proposed again."),
  repeated: z
    .number()
    .int()
    .min(2)
    .max(100)
    .default(3)
    .describe("Similar questions without an answer in the documents that count as a gap."),
  replayQuestions: z
    .number()
    .int()
    .min(10)
    .max(5000)
    .default(500)
    .describe("Recorded questions that are replayed at most, the newest ones."),
  analysisMs: z
    .number()
    .int()
    .min(50)
    .max(60_000)
    .default(500)
    .describe("Time that replays may take while looking for problems."),
  keepDays: z
    .number()
    .int()
    .min(1)
    .max(3650)
    .default(180)
    .describe("Days that single metric samples are kept: the rows behind a figure."),
  keepHourlyDays: z
    .number()
    .int()
    .min(8)
    .max(3650)
    .default(32)
    .describe("Days that sums of metrics by the hour are kept; longer stretches are told by the day."),
  keepDailyDays: z
    .number()
    .int()
    .min(8)
    .max(36_500)
    .default(3650)
    .describe("Days that sums of metrics by the day are kept."),
  model: z
    .object({
      enabled: z
        .boolean()
        .default(true)
        .describe("Let the language model word hypotheses; templates serve without it."),
      timeoutMs: z
        .number()
        .int()
        .min(1000)
        .max(600_000)
        .default(60_000)
        .describe("Time that the model gets per cycle."),
      maxTokens: z
        .number()
        .int()
        .min(200)
        .max(8000)
        .default(900)
        .describe("Tokens that the model may write per problem."),
      callsPerDay: z
        .number()
        .int()
        .min(0)
        .max(10_000)
        .default(50)
        .describe("Model calls of the loop in 24 hours at most."),
    })
    .prefault({})
    .describe("What the language model may do in the loop."),
});

export type LoopOptions = z.output<typeof schema>;

export const options = defineOptions({
  section: "loop",
  schema,
  env: { SPECLOOP_LOOP_AUTO: "auto" },
  tunable: {},
});
