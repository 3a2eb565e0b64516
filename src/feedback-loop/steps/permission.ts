import { contentHashAt } from "../../access/approvals/index.ts";
import type { Approval } from "../../access/approvals/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { CHANGES, type Experiment } from "../experiment.ts";
import { LOOP_PRINCIPAL } from "../identity.ts";
import type { LoopApprovals, LoopGit } from "../ports.ts";
import type { LoopStore } from "../store.ts";
import type { ProposalRow } from "../tables.ts";
import { closeProposal } from "./propose.ts";

export interface PermissionDependencies {
  store: LoopStore;
  git: LoopGit;
  events: EventBus;
  clock: Clock;
  /** Absent where a merge is all that is wanted. */
  approvals?: LoopApprovals | undefined;
}

/**
 * Keeps the one list of approvals in step with the proposals: each that waits has a request there, and one that was
 * rejected there is closed.
 */
export async function askPermissions(dependencies: PermissionDependencies): Promise<void> {
  const { approvals, store } = dependencies;
  if (!approvals) return;
  for (const proposal of await store.proposalsIn(["proposed"])) {
    if (proposal.branch === null || proposal.commit_id === null) continue;
    const known = await approvals.about("proposal", proposal.id);
    if (known?.state === "rejected") {
      await closeProposal(dependencies, proposal, { reason: `rejected: ${known.note ?? "no reason"}` });
    } else if (!known && proposal.experiment !== "") {
      const experiment = JSON.parse(proposal.experiment) as Experiment;
      await request(dependencies, approvals, { proposal, experiment, commit: proposal.commit_id });
    }
  }
  for (const grant of await approvals.unfinished("proposal")) {
    const done = (await store.proposalsIn(["approved"])).some(({ id }) => id === grant.subject.ref);
    if (done) await approvals.carriedOut(grant.approvalId, grant.subject.commit);
  }
}

interface Wanted {
  proposal: ProposalRow;
  experiment: Experiment;
  /** What a person brought to HEAD. */
  commit: string;
}

/**
 * Why an experiment that was merged may not be carried out yet; null when the policy has its approval, which is then used
 * up: `after` tells that it was carried out.
 */
export async function permission(dependencies: PermissionDependencies, wanted: Wanted): Promise<string | null> {
  const { approvals } = dependencies;
  if (!approvals) return null;
  const known =
    (await approvals.about("proposal", wanted.proposal.id)) ?? (await request(dependencies, approvals, wanted));
  if (known.state === "carried_out" && !known.bypassed) return null;
  const { id, subject, level, state } = known;
  if (state !== "approved")
    return `the policy asks for an approval of level ${level}: ${id} is ${state.replaceAll("_", " ")}`;
  const taken = (await approvals.unfinished("proposal")).some(({ approvalId }) => approvalId === id);
  if (!taken) await approvals.redeem(id, subject.contentHash);
  return null;
}

/** After the experiment is on record as approved. */
export async function permissionUsed({ approvals }: PermissionDependencies, proposalId: string): Promise<void> {
  const grant = (await approvals?.unfinished("proposal"))?.find(({ subject }) => subject.ref === proposalId);
  if (grant) await approvals?.carriedOut(grant.approvalId, grant.subject.commit);
}

async function request(
  { git }: PermissionDependencies,
  approvals: LoopApprovals,
  { proposal, experiment, commit }: Wanted,
): Promise<Approval> {
  const at = proposal.branch !== null && proposal.commit_id !== null ? proposal.commit_id : commit;
  const paths = [...(await git.list(at, `${CHANGES}/${proposal.change_id}`)).keys()];
  if (paths.length === 0)
    throw new SpecloopError("unknown_change", `${proposal.change_id} is not in ${at.slice(0, 10)}.`);
  const [entry] = await git.history({ revision: `${at}^`, limit: 1 }).catch(() => []);
  const contentHash = await contentHashAt(git, at, paths);
  const branch = (proposal.branch ?? "").replace(/^refs\/heads\//, "");
  const subject = { operation: "proposal" as const, ref: proposal.id, branch, commit: at, base: entry?.commit ?? at };
  const made = await approvals.request({
    subject: { ...subject, paths, contentHash },
    title: proposal.title,
    reason: experiment.hypothesis,
    proposer: LOOP_PRINCIPAL,
    touches: experiment.actions.flatMap((action) => (action.kind === "document" ? [action.path] : [])),
  });
  return (await approvals.about("proposal", proposal.id)) ?? made;
}
