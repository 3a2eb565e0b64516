import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Attempt, NodeType, Outcome } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import type { RunSnapshot } from "../run/draft.ts";
import { locate } from "../run/places.ts";
import type { NodeRecord } from "../run/state.ts";
import type { Values } from "../run/values.ts";
import type { PutBack, RollbackDesk } from "./port.ts";
import { type Restored, restored } from "./shapes.ts";
import { RESTORE } from "./restore-node.ts";
import { snapshotName } from "./snapshot.ts";

const config = z.strictObject({});

export interface Dependencies {
  values: Values;
  /** Null where there are no documents. */
  desk: RollbackDesk | null;
  look: (runId: string) => Promise<{ snapshot: RunSnapshot; plan: Plan }>;
  /** Runs that a node began, the last first. */
  childrenOf: (runId: string, key: string) => Promise<string[]>;
  /** Undoes a run and waits for the end of it. */
  undoRun(runId: string, principal: Principal, signal: AbortSignal): Promise<{ state: string; why: string }>;
}

/** Takes back what a node left in documents and in runs below. Made by the engine when a run is undone, never written. */
export function restore(deps: Dependencies): NodeType<z.output<typeof config>> {
  return {
    type: RESTORE,
    place: "clone",
    description: "Puts documents back as they were before a node, and undoes the run that it began.",
    config,
    expressions: [],
    output: () => z.toJSONSchema(restored),
    onCrash: "retry",
    execute: (attempt) => takeBack(deps, attempt),
  };
}

async function takeBack(deps: Dependencies, attempt: Attempt<unknown>): Promise<Outcome> {
  const key = attempt.key.slice(0, -`/${RESTORE}`.length);
  const { snapshot, plan } = await deps.look(attempt.runId);
  const row = snapshot.nodes.get(key);
  if (!row) throw new Error(`the run has no row ${key}`);
  const { node } = locate(plan, key);
  const runs = node.type === "workflow" && node.undo === null ? await undoRuns(deps, attempt, key) : [];
  const files = await documentsOf(deps, { attempt, row, type: node.type, undo: node.undo !== null });
  if (node.snapshot && node.type !== "document") files.push(...(await toSnapshots(deps, { attempt, row })));
  for (const { path, became, why } of files) attempt.log(`${path}: ${became}. ${why}`);
  return outcomeOf({ files, runs });
}

function outcomeOf(output: Restored): Outcome {
  const kept = output.files.filter(({ became }) => became === "kept");
  const open = output.runs.filter(({ state }) => state !== "undone");
  if (kept.length + open.length === 0) return { outcome: "done", output };
  const why = [
    ...kept.map((file) => `${file.path} stays as it is: ${file.why}`),
    ...open.map(({ run, state, why: reason }) => `the run ${run} is ${state}: ${reason}`),
  ].join(" ");
  return { outcome: "failed", kind: "refused", message: why.slice(0, 2000), details: output };
}

async function undoRuns(deps: Dependencies, { runId, principal, signal }: Attempt<unknown>, key: string) {
  const runs: Restored["runs"] = [];
  for (const run of await deps.childrenOf(runId, key))
    runs.push({ run, ...(await deps.undoRun(run, principal, signal)) });
  return runs;
}

interface Undoing {
  attempt: Attempt<unknown>;
  row: NodeRecord;
}

/** What the node's own edits left behind: of each time that it was done, the last first. */
async function documentsOf(
  { desk }: Dependencies,
  { attempt, row, type, undo }: Undoing & { type: string; undo: boolean },
): Promise<PutBack[]> {
  if (type !== "document" || undo) return [];
  const { runId, principal } = attempt;
  const found: PutBack[] = [];
  for (let round = row.round; round >= 0; round--) {
    const key = `${runId}/${row.key}/${round}`;
    const made = await needed(desk).madeWith(principal, key);
    if (made?.kind === "waits") found.push(waits(made.branch));
    if (made?.kind !== "left") continue;
    found.push(...(await putBack(desk, { attempt, row, left: made.left, name: String(round) })));
  }
  return found;
}

function waits(branch: string): PutBack {
  const why = `The edit waits on ${branch} for a person, who can still say yes: reject it.`;
  return { path: branch, became: "kept", why, diff: "", commit: null, branch };
}

/** What became different while each attempt was under way, the last first. */
async function toSnapshots(deps: Dependencies, { attempt, row }: Undoing): Promise<PutBack[]> {
  const { runId } = attempt;
  const edits = await commitsOf(deps, runId);
  const mine = (commit: string) => edits.has(commit);
  const { desk } = deps;
  const found: PutBack[] = [];
  let next: string | null = null;
  for (let number = row.attempt; number >= 1; number--) {
    const before = snapshotName(runId, row.key, { attempt: number, when: "before" });
    if (!(await needed(desk).hasSnapshot(before))) continue;
    const after = snapshotName(runId, row.key, { attempt: number, when: "after" });
    const made =
      (await needed(desk).between(before, after, mine)) ??
      (next === null ? null : await needed(desk).between(before, next, mine));
    next = before;
    if (!made) {
      found.push(unknown(row.key, number));
      continue;
    }
    found.push(...made.others.map(({ path, why }) => ({ ...unknown(path, number), why })));
    found.push(...(await putBack(desk, { attempt, row, left: made.left, name: `snapshot-${number}` })));
  }
  return found;
}

/** Commits of the run's own edits, which are taken back by themselves. */
async function commitsOf({ look, values }: Dependencies, runId: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { type, output } of (await look(runId)).snapshot.nodes.values()) {
    if (type !== "document" || output === null) continue;
    const { data } = z.object({ commit: z.string() }).safeParse(await values.load(output));
    if (data) found.add(data.commit);
  }
  return found;
}

/** It was cut off, so nothing tells its changes from those that came later. */
function unknown(path: string, attempt: number): PutBack {
  const why = `How attempt ${attempt} left the documents was not kept, because it was cut off in the middle.`;
  return { path, became: "kept", why, diff: "", commit: null, branch: null };
}

function putBack(
  desk: RollbackDesk | null,
  { attempt, row, left, name }: Undoing & { left: Parameters<RollbackDesk["putBack"]>[0]["left"]; name: string },
): Promise<PutBack[]> {
  const { runId, principal } = attempt;
  const reason = `Undo ${row.key} of run ${runId}`;
  return needed(desk).putBack({
    left,
    reason,
    principal,
    origin: { run: runId },
    key: `${runId}/${row.key}/${RESTORE}/${name}`,
  });
}

function needed(desk: RollbackDesk | null): RollbackDesk {
  if (desk) return desk;
  throw new SpecloopError("unsupported", "Documents cannot be put back here: there is no repository.");
}
