import type { Git } from "../../adapters/git/index.ts";
import type { Live } from "../../foundation/options.ts";
import { guardUpdate, type PathGuard } from "../guard.ts";
import { checkRequest } from "../new-edit.ts";
import type { DocumentOptions } from "../options.ts";
import type { PathPolicy } from "../policy.ts";
import { locateAll, type Preparer } from "../prepare.ts";
import { headCommit } from "../propose.ts";
import { resultFiles } from "../results.ts";
import type { UpdateRequest, UpdateResult } from "../types.ts";
import { Group } from "./group.ts";
import { prepareInGroup } from "./prepare-in-group.ts";

export interface PreviewDependencies {
  git: Git;
  options: Live<DocumentOptions>;
  policy: PathPolicy;
  preparer: Preparer;
  guard?: PathGuard;
}

/** What an update would do; `diff` as in its result. */
export type Preview = Pick<UpdateResult, "files" | "message">;

/** Works an update out and writes nothing: no row, no file, no commit. Refuses whatever the update would refuse. */
export async function preview(deps: PreviewDependencies, request: UpdateRequest): Promise<Preview> {
  const { git, policy, preparer, guard } = deps;
  checkRequest(request);
  guardUpdate(guard, policy, request);
  const { principal } = request;
  const wanted = locateAll(policy, request.files);
  const sensitive = wanted.find(({ path }) => policy.isSensitive(path));
  if (sensitive) {
    const head = await headCommit(git);
    const files = await Promise.all(wanted.map((file) => preparer.atHead(file, principal, head)));
    const message = `Nothing was written. It would be proposed on a branch, because ${sensitive.path} is sensitive.`;
    return { files: resultFiles(files), message };
  }
  const { files, remark } = await prepareInGroup(deps, {
    wanted,
    principal,
    group: new Group(Promise.resolve(new Map())),
  });
  const changed = files.some(({ base, next }) => base !== next);
  const message = changed
    ? `Nothing was written; this is what would change.${remark}`
    : "It is so already; nothing would change.";
  return { files: resultFiles(files), message };
}
