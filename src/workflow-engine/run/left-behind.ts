import type { Kysely } from "kysely";
import type { WorkflowTables } from "../tables.ts";
import type { NodeStatus } from "./state.ts";

type Reading = Kysely<WorkflowTables>;

/** Runs of which something was under way, or which have a signal that their node waits for, or are being cancelled. */
export async function interrupted(read: Reading): Promise<string[]> {
  const live: NodeStatus[] = ["queued", "running"];
  const flying = await read
    .selectFrom("workflow_nodes")
    .select("run_id")
    .distinct()
    .where("status", "in", live)
    .execute();
  const moving = await read
    .selectFrom("workflow_runs")
    .select("id as run_id")
    .where("state", "in", ["running", "cancelling", "undoing"])
    .execute();
  return [...new Set([...flying, ...moving].map((row) => row.run_id).concat(await answered(read)))];
}

/** Runs that have a signal which one of their nodes waits for: who put it there did not get to say so. */
export async function answered(read: Reading): Promise<string[]> {
  const rows = await read
    .selectFrom("workflow_signals")
    .innerJoin("workflow_nodes", (join) =>
      join
        .onRef("workflow_nodes.run_id", "=", "workflow_signals.run_id")
        .onRef("workflow_nodes.signal", "=", "workflow_signals.name"),
    )
    .select("workflow_nodes.run_id")
    .distinct()
    .execute();
  return rows.map((row) => row.run_id);
}

/** Cancelled runs of which one that they began still goes on: who cancelled them did not get so far. */
export async function halfCancelled(read: Reading): Promise<string[]> {
  const rows = await read
    .selectFrom("workflow_runs as child")
    .innerJoin("workflow_runs as parent", "parent.id", "child.parent_run")
    .select("parent.id")
    .distinct()
    .where("parent.state", "in", ["cancelling", "cancelled"])
    .where("child.state", "in", ["running", "waiting", "paused", "undoing"])
    .execute();
  return rows.map(({ id }) => id);
}
