import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import { KINDS, MAX_WAIT_MS } from "../types.ts";
import type { Agents } from "./agents.ts";
import { renderDeclined, renderOffers, renderRegistered, renderWorkers } from "./render.ts";
import { MAX_CAPABILITIES, MAX_CAPABILITY, MAX_LOAD } from "./types.ts";

const offer = z.looseObject({
  questionId: z.string(),
  text: z.string(),
  until: z.number().describe("Epoch milliseconds at which it goes to somebody else"),
});
const worker = z.looseObject({
  agent: z.string(),
  presence: z.enum(["present", "silent", "gone"]),
  capabilities: z.array(z.string()),
  load: z.number(),
  maxLoad: z.number(),
  quality: z.number().describe("0..1: how likely its answers are right, by what was judged of them"),
  latencyMs: z.number().nullable(),
});

/** Tools are made before rooms are asked for anything: the reference is written from them alone. */
interface Router {
  readonly agents: Agents;
}

/** What agents call to be asked, and everybody to see who is there. */
export function agentTools(router: Router): Tool[] {
  return [register(router), heartbeat(router), decline(router), workers(router)];
}

function register(router: Router): Tool {
  return defineTool({
    name: "agent_register",
    title: "Be asked questions",
    description:
      "Says what you can answer, so that questions of that kind are offered to you. Then call agent_heartbeat with waitMs " +
      "in a loop, or subscribe to specloop://questions/for-me, and answer what is offered with answer_submit. " +
      "An offer that is not answered in its time goes to the next agent. Call it again to change what you said.",
    effect: "add",
    idempotent: true,
    toolset: "full",
    input: z.object({
      capabilities: z
        .array(z.string().min(1).max(MAX_CAPABILITY))
        .min(1)
        .max(MAX_CAPABILITIES)
        .describe("Topics in words (payment refunds), globs of documents (openspec/specs/auth/**), or * for anything."),
      kinds: z.array(z.enum(KINDS)).min(1).optional().describe("Only questions of these kinds."),
      maxLoad: z.int().min(1).max(MAX_LOAD).optional().describe("How many at a time; 3 when absent."),
    }),
    output: worker.extend({ offers: z.array(offer) }),
  }).handle({
    run: (request, { principal }) => router.agents.register(principal, request),
    render: renderRegistered,
  });
}

function heartbeat(router: Router): Tool {
  return defineTool({
    name: "agent_heartbeat",
    title: "Be there for questions",
    description:
      "Says that you are there and returns what is offered to you; waitMs waits for an offer when there is none.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    input: z.object({
      waitMs: z.int().min(0).max(MAX_WAIT_MS).optional(),
      load: z
        .int()
        .min(0)
        .max(MAX_LOAD)
        .optional()
        .describe("Other work that you have now; it counts against maxLoad."),
    }),
    output: z.looseObject({ offers: z.array(offer) }),
  }).handle({
    run: async (request, { principal, signal }) => ({
      offers: await router.agents.heartbeat(principal, { ...request, signal }),
    }),
    render: renderOffers,
  });
}

function decline(router: Router): Tool {
  return defineTool({
    name: "question_decline",
    title: "Give a question back",
    description: "Gives back what was offered to you, so that the next agent is asked at once.",
    effect: "write",
    toolset: "full",
    input: z.object({
      questionId: z.string().max(60),
      reason: z.string().min(1).max(500).describe("Shown to people: why you cannot answer it."),
    }),
    output: z.looseObject({ questionId: z.string() }),
  }).handle({
    run: async ({ questionId, reason }, { principal }) => {
      const why = reason.replaceAll(/\s+/g, " ").trim();
      if (why === "") throw new SpecloopError("bad_input", "Say why you cannot answer it.", { target: "reason" });
      await router.agents.decline(principal, questionId, why);
      return { questionId };
    },
    render: renderDeclined,
  });
}

function workers(router: Router): Tool {
  return defineTool({
    name: "agent_workers",
    title: "List agents that answer",
    description: "Agents that registered to be asked: what they can answer, whether they are there, and how they did.",
    effect: "read",
    idempotent: true,
    toolset: "full",
    input: z.object({}),
    output: z.object({ agents: z.array(worker) }),
  }).handle({
    run: async () => ({ agents: router.agents.workers() }),
    render: renderWorkers,
  });
}
