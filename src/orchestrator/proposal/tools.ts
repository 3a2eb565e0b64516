import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { defineTool, type Tool } from "../../foundation/tool.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { draftFrom } from "./draft-from.ts";
import { proposalInput, type ProposalInput } from "./input.ts";

const proposal = z.object({
  changeId: z.string(),
  branch: z.string(),
  commit: z.string(),
  valid: z.boolean().nullable(),
  warnings: z.array(z.string()),
});

/** Tools that make a change. */
export function tools(orchestrator: Orchestrator): Tool[] {
  return [createTool(orchestrator)];
}

function createTool(orchestrator: Orchestrator): Tool {
  return defineTool({
    name: "proposal_create",
    title: "Propose a change",
    description:
      "Commits an OpenSpec change on branch specloop/<id> if it passes the strict check; a person merges it. A title is enough.",
    input: proposalInput,
    output: proposal,
    effect: "add",
    toolset: "default",
  }).handle({
    run: async (input, { principal }) => {
      refuseTwoWays(input);
      const capabilities = [...new Set((input.deltas ?? []).map(({ capability }) => capability))];
      const drafting = { capabilities, write: (main: Parameters<typeof draftFrom>[1]) => draftFrom(input, main) };
      const { verdict, ...made } = await orchestrator.propose(drafting, { principal, trailers: {} });
      const unchecked = verdict ? [] : ["No OpenSpec was asked, so the change is unchecked."];
      const overlaps = await overlapsOf(orchestrator, made.changeId);
      return { ...made, valid: verdict?.valid ?? null, warnings: [...unchecked, ...overlaps] };
    },
    render: ({ changeId, branch, valid, warnings }) => {
      const judged = valid === null ? "" : " OpenSpec accepts it.";
      const said = warnings.map((warning) => `\n! ${warning}`).join("");
      return `Proposed ${changeId} on branch ${branch}.${judged}${said}\nSee it: git diff HEAD...${branch}\nApprove it: git merge ${branch}`;
    },
  });
}

function refuseTwoWays({ deltas = [], specs = {} }: ProposalInput): void {
  const both = deltas.find(({ capability }) => capability in specs);
  if (!both) return;
  throw new SpecloopError("bad_input", `The delta of ${both.capability} is given twice, in deltas and in specs.`, {
    target: "specs",
  });
}

/** What other changes touch as well: the proposer hears of it before anybody merges. */
async function overlapsOf(orchestrator: Orchestrator, id: string): Promise<string[]> {
  const { mergeability } = await orchestrator.get(id);
  return mergeability.overlaps.map(
    ({ change, capability, requirement }) => `${change} touches "${requirement}" of ${capability} as well.`,
  );
}
