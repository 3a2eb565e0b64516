import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { keyOf, tagOf } from "../access/approvals/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { findPlaces } from "../places.ts";
import { approversOf } from "./approvers.ts";
import { callTool, type CliContext } from "./context.ts";
import { lookAgain } from "./look-again.ts";
import { signTag } from "./sign-tag.ts";
import { askHidden, isTerminal } from "./terminal.ts";
import { approvalShape, approvalView, isOpen, openDiff } from "./views/approval.ts";

const reviewed = z.object({ approval: approvalShape, statement: z.string(), diff: z.string() });
type Reviewed = z.output<typeof reviewed>;

interface Proof {
  method: "terminal" | "code" | "tag" | "commit" | "protected";
  code?: { key: string; signature: string };
}

/** How long is waited for what was approved to be carried out, to be able to tell of it. */
const CARRY_OUT_MS = 3000;

/** Says yes to what was looked at, with a proof where the policy wants one, and shows what came of it. */
export async function approve(context: CliContext, id: string, options: Record<string, unknown>): Promise<void> {
  const review = reviewed.parse((await callTool(context, "approval_review", { id })).output);
  const { approval } = review;
  const diff = isOpen(approval) ? await lookAgain(id, review, context) : null;
  if (isTerminal(context.stdin) && diff !== null && !context.output.json)
    context.output.note(`${approvalView(approval, context.output, context)}\n\n${openDiff(diff, context.output)}`);
  // Where nothing can be decided any more, nothing is signed: what was not looked at could be something else.
  const proof = diff === null ? ({ method: "terminal" } as const) : await prove(context, review, options);
  const { contentHash } = approval.subject;
  await callTool(context, "approval_decide", { id, decision: "approve", contentHash, ...proof });
  const result = await carriedOut(context, id);
  context.output.result(result, () => approvalView(result, context.output, context));
}

async function prove(context: CliContext, review: Reviewed, options: Record<string, unknown>): Promise<Proof> {
  const wanted = ["code", "sign", "commit", "protected"].filter((name) => options[name] === true);
  if (wanted.length > 1)
    throw new SpecloopError("bad_input", "One proof is enough: --code, --sign, --commit or --protected.");
  const [how = defaultProof(context, review)] = wanted;
  if (how === "sign") return signed(context, review, options);
  if (how === "code") return coded(context, review);
  if (how === "commit" || how === "protected") return { method: how };
  return { method: "terminal" };
}

/** Where a code is what the policy wants and somebody sits there, it is asked for. */
function defaultProof({ stdin }: CliContext, { approval }: Reviewed): string {
  return approval.level === "L1" && isOpen(approval) && isTerminal(stdin) ? "code" : "terminal";
}

async function signed(
  context: CliContext,
  { approval, statement }: Reviewed,
  options: Record<string, unknown>,
): Promise<Proof> {
  const { worktree } = await findPlaces(context.path);
  const { key } = options as { key?: string };
  const { commit } = approval.subject;
  await signTag({ repository: worktree, env: context.env, tag: tagOf(approval.id), commit, message: statement, key });
  return { method: "tag" };
}

/** The code stays here: what goes to the daemon is a signature of this one statement. */
async function coded(context: CliContext, { statement }: Reviewed): Promise<Proof> {
  const approvers = await approversOf(context);
  if (approvers.all().length === 0)
    throw new SpecloopError("approval_missing", "You have no sheet of one-time codes yet.", {
      fix: "Make one on a terminal: `specloop approver enroll`",
    });
  const typed = await askHidden(context, "One-time code: ");
  const [first] = approvers.all();
  const key = (await approvers.keyFor(typed)) ?? (await keyOf(typed, first?.sheet.salt ?? ""));
  return { method: "code", code: { key: key.publicKey, signature: key.sign(statement) } };
}

async function carriedOut(context: CliContext, id: string): Promise<Record<string, unknown>> {
  const until = performance.now() + CARRY_OUT_MS;
  for (;;) {
    const { output } = await callTool(context, "approval_get", { id });
    if (output["state"] !== "approved" || performance.now() > until) return output;
    await wait(50);
  }
}
