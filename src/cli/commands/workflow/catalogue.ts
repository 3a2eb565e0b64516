import { join } from "node:path";
import { findPlaces } from "../../../places.ts";
import type { WorkflowCatalogue } from "../../../workflow-engine/index.ts";
import type { CliContext } from "../../context.ts";

/** The definitions of the worktree that the command stands in, read here: checking needs no daemon. */
export async function openCatalogue(context: CliContext): Promise<WorkflowCatalogue> {
  const { worktree } = await findPlaces(context.path);
  // Loaded on demand: other commands need neither the language nor the schemas.
  const { builtinFolder, describedNodeTypes, WorkflowCatalogue } = await import("../../../workflow-engine/index.ts");
  return new WorkflowCatalogue({
    folder: join(worktree, "workflows"),
    builtin: builtinFolder(),
    types: describedNodeTypes(),
  });
}
