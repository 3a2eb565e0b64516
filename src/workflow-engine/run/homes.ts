import type { NodeType } from "../node-type.ts";
import type { Plan } from "../plan.ts";
import type { Draft } from "./draft.ts";
import { locate, OUTPUT_KEY } from "./places.ts";

/**
 * Says of each job whether it is tied to the clone in which the run was begun: because it works on files there, reaches
 * what a person allowed there, or needs a secret that is kept there. Everything else any process of the team may do.
 */
export function placeJobs({ run, jobs }: Draft, plan: Plan, types: ReadonlyMap<string, NodeType>): void {
  if (run.home === null) return;
  for (const job of jobs) if (isTied(job, plan, types)) job.home = run.home;
}

function isTied({ key, type }: { key: string; type: string }, plan: Plan, types: ReadonlyMap<string, NodeType>) {
  if (key === OUTPUT_KEY) return false;
  const described = types.get(type);
  if (described?.place === "clone" || described?.reach !== undefined) return true;
  const { snapshot, config } = locate(plan, key).node;
  return snapshot || (plan.secrets.length > 0 && /\bsecrets\b/.test(JSON.stringify(config)));
}
