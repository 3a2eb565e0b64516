import type { Clock } from "../../foundation/clock.ts";
import { type ErrorCode, SpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Experiment } from "../experiment.ts";
import { LOOP_PRINCIPAL } from "../identity.ts";
import { pathsOf, planFiles } from "../plan.ts";
import type { Documents, LoopGit, Origin, Tunables } from "../ports.ts";
import type { LoopStore } from "../store.ts";
import type { ExperimentRow } from "../tables.ts";
import { checkExperiment } from "./approve.ts";

const PROPOSAL_TRAILER = "Specloop-Proposal";
/** Commits of one path that are searched for ours. */
const HISTORY = 50;
/** Refusals that no waiting changes. */
const FINAL: readonly ErrorCode[] = [
  "unknown_document",
  "unknown_section",
  "ambiguous_target",
  "path_outside_root",
  "path_protected",
  "document_too_large",
  "document_not_text",
  "bad_front_matter",
  "bad_input",
  "bad_config",
];

export interface ImplementDependencies {
  store: LoopStore;
  git: LoopGit;
  documents: Documents;
  tunables: Tunables;
  events: EventBus;
  clock: Clock;
}

/**
 * Fourth step of the loop: carries an approved experiment out in one commit. The state `implementing` is durable before
 * the commit is made, and a commit that exists already is found by its trailer, so the step may be cut off anywhere.
 */
export async function implement(dependencies: ImplementDependencies, row: ExperimentRow): Promise<ExperimentRow> {
  const { store } = dependencies;
  const experiment = JSON.parse(row.experiment) as Experiment;
  if (row.state === "approved") {
    const waiting = await whyWait(dependencies, row, experiment);
    if (waiting) return store.set(row, { waiting });
    const refusal = checkExperiment(experiment, dependencies.tunables);
    if (refusal) return closeExperiment(dependencies, row, refusal);
    return implement(dependencies, await store.move(row, "implementing", {}, "all conditions hold"));
  }
  const commit = await findOwnCommit(dependencies.git, row, experiment);
  return commit ? implemented(dependencies, row, commit) : write(dependencies, row, experiment);
}

/** Ends an experiment that cannot be carried out or judged; nothing is undone. */
export async function closeExperiment(
  { store, events }: Pick<ImplementDependencies, "store" | "events">,
  row: ExperimentRow,
  reason: string,
): Promise<ExperimentRow> {
  const closed = await store.move(row, "closed", { settled: 1, waiting: reason }, reason);
  events.emit("proposal.closed", { proposalId: row.proposal_id, changeId: row.change_id, reason });
  return closed;
}

export function originOf(row: ExperimentRow): Origin {
  return { proposal: row.proposal_id, change: row.change_id };
}

/** The oldest commit of the experiment's files that carries its trailer; later ones undo it. */
async function findOwnCommit(git: LoopGit, row: ExperimentRow, experiment: Experiment): Promise<string | null> {
  const [path] = pathsOf(experiment);
  const own = await ownCommits(git, path!, row.proposal_id);
  return own.at(-1) ?? null;
}

/** Commits of a path that the loop made for a proposal, newest first. */
export async function ownCommits(git: LoopGit, path: string, proposalId: string): Promise<string[]> {
  const entries = await git.history({ path, limit: HISTORY });
  return entries.filter(({ trailers }) => trailers[PROPOSAL_TRAILER] === proposalId).map(({ commit }) => commit);
}

/** What has to be so before anything is touched, in words; null when it is. */
async function whyWait(
  { git }: ImplementDependencies,
  row: ExperimentRow,
  experiment: Experiment,
): Promise<string | null> {
  const { commit: head } = await git.head();
  if (!head || !(await git.isAncestor(row.approved_commit, head))) {
    return "the branch that is checked out does not contain the approval";
  }
  for (const path of pathsOf(experiment)) {
    const state = await git.pathState(path);
    if (state !== "clean" && state !== "absent") return `${path} has changes that are not committed (${state})`;
  }
  return null;
}

async function write(
  dependencies: ImplementDependencies,
  row: ExperimentRow,
  experiment: Experiment,
): Promise<ExperimentRow> {
  const { store, documents } = dependencies;
  try {
    const day = new Date(row.approved_at).toISOString().slice(0, 10);
    const files = await planFiles(experiment, { documents, proposalId: row.proposal_id, day });
    const result = await documents.update({
      files,
      reason: `Try: ${experiment.hypothesis.slice(0, 200)}`,
      principal: LOOP_PRINCIPAL,
      origin: originOf(row),
      idempotencyKey: `loop:${row.id}:implement`,
      approved: true,
    });
    if (result.status === "unchanged") {
      const reason = "everything is already as the experiment wants it, so there is nothing to compare";
      return await closeExperiment(dependencies, row, reason);
    }
    // What was proposed on a branch is no part of what is checked out before a person merges it; its trailer is found then.
    if (result.status === "proposed") return await store.set(row, { waiting: result.message });
    if (result.commit === null) return await store.set(row, { waiting: `the commit waits: ${result.message}` });
    return await implemented(dependencies, row, result.commit);
  } catch (error) {
    // The edit of an earlier attempt is in the working tree and its commit is still to come.
    const pending = error instanceof SpecloopError && error.code === "key_reused";
    if (pending) return store.set(row, { waiting: "the commit waits until git is free" });
    if (!(error instanceof SpecloopError) || !FINAL.includes(error.code)) throw error;
    const reason = `${error.code}: ${error.message}`;
    return closeExperiment(dependencies, row, reason);
  }
}

async function implemented(
  { store, events, clock }: ImplementDependencies,
  row: ExperimentRow,
  commit: string,
): Promise<ExperimentRow> {
  const set = { implement_commit: commit, implemented_at: clock.now() };
  const measuring = await store.move(row, "measuring", set, `carried out by ${commit}`);
  const experiment = JSON.parse(row.experiment) as Experiment;
  for (const action of experiment.actions) {
    if (action.kind === "setting")
      events.emit("setting.changed", { key: action.key, from: action.from, to: action.to });
  }
  events.emit("experiment.started", {
    experimentId: row.id,
    proposalId: row.proposal_id,
    metric: experiment.primary.name,
  });
  return measuring;
}
