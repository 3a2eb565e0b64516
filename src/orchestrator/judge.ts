import { dirname } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import type { PlanningRoot, Validator, Verdict } from "../adapters/openspec/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { planningFiles } from "./planning-files.ts";
import type { ChangeState } from "./state.ts";

/** OpenSpec's verdict on a change where it is: in the worktree, or on the branch that proposes it. */
export async function judgeChange(
  { id, branch, deltas }: ChangeState,
  root: PlanningRoot,
  { validator, git }: { validator: Validator; git: Git },
  signal: AbortSignal,
): Promise<Verdict> {
  if (branch === null) return validator.check(dirname(root.directory), id, signal);
  const commit = await git.resolve(`refs/heads/${branch}`);
  if (commit === null) throw new SpecloopError("unknown_change", `The branch ${branch} is gone.`, { target: id });
  const capabilities = deltas.map(({ capability }) => capability);
  const files = await planningFiles(git, { commit, root: root.path, capabilities, change: id });
  return validator.checkFiles(id, files, signal);
}
