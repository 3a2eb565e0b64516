import { z } from "zod";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { FeedbackLoop } from "./loop.ts";
import { metricTools } from "./metric-tools.ts";
import type { ProposalView } from "./views.ts";

const proposal = z.object({
  id: z.string(),
  change: z.string(),
  state: z.string(),
  title: z.string(),
  note: z.string(),
});
const page = {
  limit: z.int().min(1).max(100).default(20).describe("Rows per page"),
  cursor: z.string().max(200).optional().describe("nextCursor of the last page"),
};

/** What agents and people may ask of the loop. Approving is not among it: a person merges. */
export function tools(loop: FeedbackLoop): Tool[] {
  return [loopStatus(loop), loopRun(loop), ...metricTools(loop), proposalList(loop)];
}

function loopStatus(loop: FeedbackLoop): Tool {
  return defineTool({
    name: "loop_status",
    title: "Improvement loop",
    description: "The last cycle of the improvement loop, open proposals and experiments.",
    input: z.object({}),
    output: z.object({
      auto: z.boolean(),
      problems: z.array(z.string()).describe("Found by the last cycle"),
      open: z.array(proposal),
      warnings: z.array(z.string()),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async () => {
      const { auto, lastCycle, open, unapproved, lostSamples } = await loop.status();
      const warnings = unapproved.map(({ changeId, reason }) => `${changeId} is not approved: ${reason}`);
      if (lostSamples > 0) warnings.push(`${lostSamples} metric samples have no row behind them; figures count them`);
      return { auto, problems: lastCycle?.problems ?? [], open: open.map(brief), warnings };
    },
    render: ({ auto, problems, open, warnings }) =>
      [
        `Cycles run ${auto ? "by themselves" : "when asked (loop_run)"}.`,
        list("Problems of the last cycle", problems),
        list("Open proposals and experiments", open.map(line)),
        list("Warnings", warnings),
      ].join("\n\n"),
  });
}

function loopRun(loop: FeedbackLoop): Tool {
  return defineTool({
    name: "loop_run",
    title: "Run the improvement loop",
    description:
      "Runs one cycle: finds problems in the metrics and proposes changes on branches; nothing happens until a person merges.",
    input: z.object({}),
    output: z.object({
      cycleId: z.string(),
      problems: z.array(z.string()),
      proposals: z.array(z.object({ change: z.string(), title: z.string(), branch: z.string() })),
      dropped: z.array(z.string()).describe("Ideas not proposed, with reasons"),
      ms: z.number(),
      modelMs: z.number(),
      model: z.string().nullable(),
    }),
    effect: "add",
    toolset: "full",
  }).handle({
    run: async (_input, { signal }) => {
      const report = await loop.runCycle(signal);
      return {
        ...report,
        problems: report.problems.map(({ summary }) => summary),
        proposals: report.proposals.map(({ changeId, title, branch }) => ({
          change: changeId,
          title,
          branch: branch ?? "",
        })),
        dropped: report.dropped.map(({ what, reason }) => `${what}: ${reason}`),
        ms: Math.round(report.ms),
        modelMs: Math.round(report.modelMs),
      };
    },
    render: ({ cycleId, problems, proposals, dropped, ms, modelMs, model }) =>
      [
        `Cycle ${cycleId}: ${ms} ms, and ${modelMs} ms of ${model ?? "no model"}.`,
        list("Problems", problems),
        list(
          "Proposed (merge the branch to approve)",
          proposals.map(({ title, branch }) => `${title}: ${branch}`),
        ),
        list("Not proposed", dropped),
      ].join("\n\n"),
  });
}

function proposalList(loop: FeedbackLoop): Tool {
  return defineTool({
    name: "proposal_list",
    title: "Proposals",
    description: "Lists the loop's proposals, newest first, with what became of them.",
    input: z.object(page),
    output: z.object({ proposals: z.array(proposal), nextCursor: z.string().nullable() }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async (input) => {
      const { proposals, nextCursor } = await loop.list(input);
      return { proposals: proposals.map(brief), nextCursor };
    },
    render: ({ proposals, nextCursor }) =>
      [list("Proposals", proposals.map(line)), ...(nextCursor ? [`More with cursor ${nextCursor}.`] : [])].join("\n\n"),
  });
}

function brief({ proposalId, changeId, state, title, note }: ProposalView): z.input<typeof proposal> {
  return { id: proposalId, change: changeId, state, title, note: note ?? "" };
}

function line({ id, change, state, title, note }: z.output<typeof proposal>): string {
  return `${id} ${change} (${state}): ${title}${note === "" ? "" : ` - ${note}`}`;
}

function list(title: string, items: string[]): string {
  return items.length === 0 ? `${title}: none.` : `${title}:\n${items.map((item) => `- ${item}`).join("\n")}`;
}
