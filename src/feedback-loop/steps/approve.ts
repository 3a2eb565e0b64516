import type { Arrival } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { toSpecloopError } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import { newId } from "../../foundation/ids.ts";
import { CHANGES, EXPERIMENT_FILE, experimentFingerprint, parseExperiment, type Experiment } from "../experiment.ts";
import { metricNamed } from "../metrics/index.ts";
import type { ArrivalSource, LoopApprovals, LoopGit, Tunables } from "../ports.ts";
import type { LoopStore } from "../store.ts";
import type { ProposalRow } from "../tables.ts";
import { askPermissions, permission, permissionUsed } from "./permission.ts";
import { closeProposal } from "./propose.ts";

const OWN_NAME = /^(?:specloop|feedback-loop)\b/i;

export interface ApproveDependencies {
  store: LoopStore;
  git: LoopGit;
  arrivals: ArrivalSource;
  approvals?: LoopApprovals | undefined;
  tunables: Tunables;
  events: EventBus;
  clock: Clock;
}

/** A change in HEAD that asks for an experiment but was not approved, and why. */
export interface Unapproved {
  changeId: string;
  reason: string;
}

/**
 * Looks for experiments in HEAD that a person brought there. Returns those that are there without approval. Reads
 * commits only: what lies in the working tree has been approved by nobody.
 */
export async function takeApprovals(dependencies: ApproveDependencies): Promise<Unapproved[]> {
  const { git, store } = dependencies;
  await askPermissions(dependencies);
  const { commit: head, branch } = await git.head();
  // A proposal's own branch holds its experiment from the beginning.
  if (!head || branch?.startsWith("specloop/")) return [];
  const unapproved: Unapproved[] = [];
  for (const changeId of await experimentsInHead(git, head)) {
    const proposal = await store.proposalOfChange(changeId);
    if (proposal?.state === "approved" || proposal?.state === "drafted") continue;
    const reason = await takeApproval(dependencies, { changeId, proposal });
    if (reason) unapproved.push({ changeId, reason });
  }
  return unapproved;
}

async function experimentsInHead(git: LoopGit, head: string): Promise<string[]> {
  const pattern = new RegExp(`^${CHANGES}/([^/]+)/${EXPERIMENT_FILE}$`);
  const paths = [...(await git.list(head, CHANGES)).keys()];
  return paths.flatMap((path) => pattern.exec(path)?.[1] ?? []).filter((changeId) => changeId !== "archive");
}

interface Found {
  changeId: string;
  proposal: ProposalRow | undefined;
}

/** Approves, or says why not. */
async function takeApproval(dependencies: ApproveDependencies, found: Found): Promise<string | null> {
  const { git, arrivals, store, events, clock } = dependencies;
  const { changeId } = found;
  const path = `${CHANGES}/${changeId}/${EXPERIMENT_FILE}`;
  const arrival = await arrivals.of(path);
  if (!arrival) return "git does not say how it came here";
  const by = approver(arrival);
  if (!by)
    return `commit ${arrival.commit.slice(0, 10)} was made by specloop itself: merge the branch of the change, or commit it yourself`;
  if (found.proposal?.state === "closed" && found.proposal.commit_id === arrival.commit) return null;
  const experiment = readExperiment((await git.read(arrival.commit, path))?.toString("utf8") ?? "", path);
  if (typeof experiment === "string") return experiment;
  if (experiment.verdict) return null;
  const proposal = found.proposal ?? (await handWritten(dependencies, { changeId, experiment, arrival }));
  const refusal = checkExperiment(experiment, dependencies.tunables);
  if (refusal) {
    await closeProposal(dependencies, proposal, { reason: refusal, commit: arrival.commit });
    return null;
  }
  const waits = await permission(dependencies, { proposal, experiment, commit: arrival.commit });
  if (waits !== null) return waits;
  await store.approve(proposal, {
    ...firstRow(proposal, experiment, arrival),
    approved_by: by,
    approved_at: clock.now(),
    updated_at: clock.now(),
  });
  await permissionUsed(dependencies, proposal.id);
  events.emit("proposal.approved", { proposalId: proposal.id, changeId, by, commit: arrival.commit });
  return null;
}

/** `Name <mail>` of the person, null when only specloop's own hands were in it. */
function approver({ author, authorEmail, committer, committerEmail, ours, forwardedBy }: Arrival): string | null {
  if (forwardedBy && !OWN_NAME.test(forwardedBy.name)) return `${forwardedBy.name} <${forwardedBy.email}>`;
  const own = [author, authorEmail, committer, committerEmail].some((name) => OWN_NAME.test(name));
  return ours || own ? null : `${author} <${authorEmail}>`;
}

function readExperiment(text: string, path: string): Experiment | string {
  try {
    return parseExperiment(text, path);
  } catch (error) {
    return toSpecloopError(error).message;
  }
}

/** Why an experiment cannot be carried out as it is written, null when it can. */
export function checkExperiment({ primary, guards, actions }: Experiment, tunables: Tunables): string | null {
  const metric = metricNamed(primary.name);
  if (!metric) return `${primary.name} is no metric`;
  if (metric.better !== primary.better) return `${primary.name} is better when ${metric.better}`;
  const untrusted = guards.find(({ metric: name }) => metricNamed(name)?.guard === false);
  if (untrusted) return `the guard ${untrusted.metric} may undo no experiment`;
  const unknown = guards.find(({ metric: name }) => !metricNamed(name)?.replay);
  if (unknown) return `the guard ${unknown.metric} cannot be measured by replay`;
  for (const action of actions) {
    if (action.kind === "document" && !isDocument(action.path)) return `${action.path} is not changed by experiments`;
    if (action.kind !== "setting") continue;
    const tunable = tunables[action.key];
    if (!tunable) return `${action.key} is not a setting that experiments may change`;
    const { min, max } = tunable.range;
    if (action.to < min || action.to > max) return `${action.key} may be ${min} to ${max}, not ${action.to}`;
    const now = tunable.current();
    if (Math.abs(now - action.from) > 1e-9)
      return `${action.key} is ${now} now, not ${action.from} as when it was proposed`;
  }
  return null;
}

/** Markdown only: settings have their own kind of action with bounds, and experiments don't rewrite experiments. */
function isDocument(path: string): boolean {
  const parts = path.split("/");
  const inside = !path.startsWith("/") && parts.every((part) => part !== "" && part !== ".." && !part.startsWith("."));
  return inside && path.endsWith(".md") && !path.startsWith(`${CHANGES}/`);
}

async function handWritten(
  { store, clock }: ApproveDependencies,
  { changeId, experiment, arrival }: { changeId: string; experiment: Experiment; arrival: Arrival },
): Promise<ProposalRow> {
  const row = {
    id: newId("p"),
    change_id: changeId,
    problem_id: null,
    fingerprint: experimentFingerprint(experiment),
    author: experiment.author,
    drafted_by: "hand",
    title: experiment.hypothesis,
    draft: null,
    experiment: JSON.stringify(experiment),
    state: "proposed" as const,
    reason: null,
    branch: null,
    commit_id: arrival.commit,
    created_at: clock.now(),
    closed_at: null,
  };
  await store.addProposal(row);
  return { ...row, row_hash: "" };
}

function firstRow(proposal: ProposalRow, experiment: Experiment, arrival: Arrival) {
  return {
    id: newId("x"),
    proposal_id: proposal.id,
    change_id: proposal.change_id,
    state: "approved" as const,
    experiment: JSON.stringify(experiment),
    approved_level: "L0",
    approved_commit: arrival.commit,
    approved_tree: arrival.tree,
    waiting: null,
    implement_commit: null,
    implemented_at: null,
    looks: 0,
    pairs_at_look: 0,
    verdict: null,
    revert_commit: null,
    verdict_commit: null,
    settled: 0,
  };
}
