import { z } from "zod";

/** Answers of downstream servers' tools; which tools answer is said in `servers`, and approved with them. */
export const toolOptions = z.object({
  enabled: z.boolean().default(true).describe("Ask tools of approved downstream servers that are named to answer."),
  timeoutMs: z.int().min(100).max(600_000).default(8000).describe("How long they may take together, in milliseconds."),
  maxTools: z.int().min(1).max(10).default(2).describe("How many tools are asked one question at most."),
  confidence: z.number().min(0).max(1).default(0.6).describe("What a tool's answer counts; it proves nothing itself."),
});
