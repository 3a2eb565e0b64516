import type { Clock } from "../../foundation/clock.ts";
import { toSpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { newId } from "../../foundation/ids.ts";
import { changeOf, experimentOf } from "../draft.ts";
import { experimentFingerprint, LOOP_AUTHOR, surfacesOf, type Experiment } from "../experiment.ts";
import type { Dropped, Hypothesis } from "../hypotheses.ts";
import { LOOP_PRINCIPAL } from "../identity.ts";
import type { LoopOptions } from "../options.ts";
import type { ChangeDraft, LoopGit, Proposals } from "../ports.ts";
import type { Problem } from "../problem.ts";
import { type LoopStore, RUNNING } from "../store.ts";
import type { ProposalRow } from "../tables.ts";

const DAY_MS = 86_400_000;

export interface ProposeDependencies {
  store: LoopStore;
  proposals: Proposals;
  git: LoopGit;
  events: EventBus;
  clock: Clock;
  /** Ids that a cycle of this process is publishing now: a round that goes on with old drafts leaves them alone. */
  publishing: Set<string>;
}

interface Idea {
  problem: Problem;
  problemId: string;
  hypothesis: Hypothesis;
}

/** Third step of the loop: an OpenSpec change on a branch of its own. Returns the row, or why there is none. */
export async function propose(
  dependencies: ProposeDependencies,
  { problem, problemId, hypothesis }: Idea,
  { options, cycleId }: { options: LoopOptions; cycleId: string },
): Promise<ProposalRow | Dropped> {
  const { store, clock } = dependencies;
  const experiment = experimentOf(problem, hypothesis, { options, at: clock.now() });
  const draft = changeOf(problem, hypothesis, experiment);
  const reason = await whyNot(store, experiment, { options, now: clock.now() });
  if (reason) return { what: draft.title, reason };
  const row = {
    id: newId("p"),
    change_id: await freeChangeId(store, draft.id),
    problem_id: problemId,
    fingerprint: experimentFingerprint(experiment),
    author: LOOP_AUTHOR,
    drafted_by: hypothesis.draftedBy,
    title: draft.title,
    experiment: JSON.stringify(experiment),
    state: "drafted" as const,
    reason: null,
    branch: null,
    commit_id: null,
    created_at: clock.now(),
    closed_at: null,
  };
  const full = { ...row, draft: JSON.stringify({ ...draft, id: row.change_id }) };
  dependencies.publishing.add(row.id);
  try {
    await store.addProposal(full);
    return await publish(dependencies, { ...full, row_hash: "" }, cycleId);
  } finally {
    dependencies.publishing.delete(row.id);
  }
}

/** Proposals whose commit may not have been made before the process died. */
export async function finishDrafts(dependencies: ProposeDependencies): Promise<void> {
  const { store, publishing } = dependencies;
  for (const { change_id } of await store.proposalsIn(["drafted"])) {
    // Read again: the cycle that drafted it may have finished meanwhile.
    const row = await store.proposalOfChange(change_id);
    if (row?.state === "drafted" && !publishing.has(row.id)) await publish(dependencies, row, null);
  }
}

/** Closes proposals whose branch a person deleted without merging it anywhere. */
export async function closeRejected(dependencies: ProposeDependencies): Promise<void> {
  const { store, git } = dependencies;
  const open = (await store.proposalsIn(["proposed"])).filter(({ branch }) => branch !== null);
  if (open.length === 0) return;
  const branches = await git.branches("refs/heads/");
  for (const row of open) {
    if (branches.has(fullName(row.branch!))) continue;
    if (row.commit_id && (await isReachable(git, row.commit_id, branches))) continue;
    await closeProposal(dependencies, row, { reason: "rejected: its branch was deleted without being merged" });
  }
}

export async function closeProposal(
  { store, events, clock }: Pick<ProposeDependencies, "store" | "events" | "clock">,
  row: ProposalRow,
  { reason, commit = row.commit_id }: { reason: string; commit?: string | null },
): Promise<void> {
  await store.moveProposal(row, "closed", { reason, closed_at: clock.now(), commit_id: commit });
  events.emit("proposal.closed", { proposalId: row.id, changeId: row.change_id, reason });
}

/** Refusals that are about the draft itself. */
const FINAL: ReadonlySet<string> = new Set(["change_exists", "invalid_change", "bad_input"]);

async function publish(
  dependencies: ProposeDependencies,
  row: ProposalRow,
  cycleId: string | null,
): Promise<ProposalRow | Dropped> {
  const { store, proposals, git, events } = dependencies;
  const draft = JSON.parse(row.draft ?? "null") as ChangeDraft;
  try {
    const made = await alreadyMade(git, draft.id);
    const trailers = { "Specloop-Proposal": row.id, ...(cycleId ? { "Specloop-Cycle": cycleId } : {}) };
    const { branch, commit } = made ?? (await proposals.propose(draft, { principal: LOOP_PRINCIPAL, trailers }));
    const proposed = await store.moveProposal(row, "proposed", { branch, commit_id: commit });
    events.emit("proposal.created", { proposalId: row.id, changeId: draft.id, branch, commit });
    return proposed;
  } catch (error) {
    const { code, message } = toSpecloopError(error);
    // Stopping is no answer about the draft: it is finished after the next start.
    if (code === "cancelled" || code === "daemon_stopping") throw error;
    const reason = `${code}: ${message}`;
    // A full disk or a busy git says nothing about the idea: the draft stays and is finished by a later cycle.
    if (FINAL.has(code)) await closeProposal(dependencies, row, { reason: `could not be proposed: ${reason}` });
    return { what: row.title, reason };
  }
}

/** The branch of a draft whose commit was made just before the process died. */
async function alreadyMade(git: LoopGit, changeId: string): Promise<{ branch: string; commit: string } | null> {
  const branch = `specloop/${changeId}`;
  const commit = (await git.branches(fullName(branch))).get(fullName(branch));
  return commit ? { branch, commit } : null;
}

/** A rejected idea that is proposed again later needs another name: the old one stays with its history. */
async function freeChangeId(store: LoopStore, id: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? id : `${id}-${number}`;
    if (!(await store.proposalOfChange(candidate))) return candidate;
  }
}

async function whyNot(
  store: LoopStore,
  experiment: Experiment,
  { options, now }: { options: LoopOptions; now: number },
): Promise<string | null> {
  const fingerprint = experimentFingerprint(experiment);
  const open = await openExperiments(store);
  const same = open.find((other) => other.fingerprint === fingerprint);
  if (same) return `the same idea is open as ${same.id}`;
  const mine = new Set(surfacesOf(experiment));
  const rival = open.find((other) => surfacesOf(other.experiment).some((surface) => mine.has(surface)));
  if (rival) return `${rival.id} is about the same setting or file, and two at once could not be told apart`;
  const ended = await store.endedBadly(fingerprint, now - options.rejectedDays * DAY_MS);
  if (ended) return `the same idea was ${ended} in the last ${options.rejectedDays} days`;
  if (open.length >= options.maxOpen)
    return `${open.length} proposals are open, and loop.maxOpen is ${options.maxOpen}`;
  return null;
}

interface Open {
  id: string;
  fingerprint: string;
  experiment: Experiment;
}

/** Everything that waits for a person or is being measured. */
async function openExperiments(store: LoopStore): Promise<Open[]> {
  const running = new Set((await store.experimentsIn(RUNNING)).map(({ proposal_id }) => proposal_id));
  const rows = await store.proposalsIn(["drafted", "proposed", "approved"]);
  return rows
    .filter(({ id, state }) => state !== "approved" || running.has(id))
    .map(({ id, fingerprint, experiment }) => ({ id, fingerprint, experiment: JSON.parse(experiment) as Experiment }));
}

async function isReachable(git: LoopGit, commit: string, branches: Map<string, string>): Promise<boolean> {
  for (const tip of branches.values()) {
    if (await git.isAncestor(commit, tip).catch(() => false)) return true;
  }
  return false;
}

function fullName(branch: string): string {
  return branch.startsWith("refs/") ? branch : `refs/heads/${branch}`;
}
