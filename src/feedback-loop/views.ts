import { SpecloopError } from "../foundation/errors.ts";
import type { LoopStore } from "./store.ts";
import type { ExperimentRow, ProposalRow } from "./tables.ts";
import type { Verdict } from "./verdict.ts";

/** A proposal with what became of it. Times are epoch milliseconds. */
export interface ProposalView {
  proposalId: string;
  changeId: string;
  title: string;
  /** `drafted`, `proposed`, `closed`, or the state of its experiment. */
  state: string;
  author: string;
  draftedBy: string;
  branch: string | null;
  createdAt: number;
  approvedBy: string | null;
  /** What was found, why it was closed, or what it waits for. */
  note: string | null;
  verdict: Verdict | null;
}

export interface LoopStatus {
  auto: boolean;
  lastCycle: {
    cycleId: string;
    at: number;
    problems: string[];
    proposals: number;
    ms: number | null;
    model: string | null;
  } | null;
  /** Not yet decided: waiting for a person, being carried out or being measured; oldest first. */
  open: ProposalView[];
  /** Experiments in HEAD that nobody approved. */
  unapproved: { changeId: string; reason: string }[];
  /** Samples without a row, which figures count: too many came at once, or the store could not be written. */
  lostSamples: number;
}

/** Newest first. `cursor` is what the last page gave. */
export async function proposalPage(
  store: LoopStore,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ proposals: ProposalView[]; nextCursor: string | null }> {
  const before = cursor === undefined ? undefined : readCursor(cursor);
  const rows = await store.proposals({ limit: limit + 1, before });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const nextCursor =
    rows.length > limit && last ? Buffer.from(`${last.created_at}/${last.id}`).toString("base64url") : null;
  return { proposals: await Promise.all(page.map((row) => proposalView(store, row))), nextCursor };
}

async function proposalView(store: LoopStore, row: ProposalRow): Promise<ProposalView> {
  const experiment = row.state === "approved" ? await store.experimentOf(row.id) : undefined;
  const verdict = experiment?.verdict ? (JSON.parse(experiment.verdict) as Verdict) : null;
  return {
    proposalId: row.id,
    changeId: row.change_id,
    title: row.title,
    state: experiment?.state ?? row.state,
    author: row.author,
    draftedBy: row.drafted_by,
    branch: row.branch,
    createdAt: row.created_at,
    approvedBy: experiment?.approved_by ?? null,
    note: noteOf(row, experiment, verdict),
    verdict,
  };
}

/** Everything that is not decided yet, oldest first. */
export async function openProposals(store: LoopStore): Promise<ProposalView[]> {
  const unfinished = new Set((await store.unfinished()).map(({ proposal_id }) => proposal_id));
  const rows = await store.proposalsIn(["drafted", "proposed", "approved"]);
  const open = rows.filter(({ id, state }) => state !== "approved" || unfinished.has(id));
  return Promise.all(open.map((row) => proposalView(store, row)));
}

function noteOf(row: ProposalRow, experiment: ExperimentRow | undefined, verdict: Verdict | null): string | null {
  if (experiment?.waiting) return experiment.waiting;
  if (row.reason) return row.reason;
  if (!verdict) return row.state === "proposed" ? "waits for a person to merge its branch" : null;
  const { reason, needsPairs, needsDays } = verdict;
  if (verdict.verdict !== "inconclusive" || needsPairs === null) return reason;
  const days = needsDays === null ? "" : `, at the present rate ${needsDays} days`;
  return `${reason}; needs about ${needsPairs} more answered questions${days}`;
}

function readCursor(cursor: string): { at: number; id: string } {
  const [at, id] = Buffer.from(cursor, "base64url").toString("utf8").split("/");
  if (!id || !Number.isFinite(Number(at)))
    throw new SpecloopError("bad_input", "The cursor is not one that was given.", { target: "cursor" });
  return { at: Number(at), id };
}
