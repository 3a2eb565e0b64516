import type { Git } from "../adapters/git/index.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Edit, EditRows } from "./edit-rows.ts";
import type { PreparedFile } from "./prepare.ts";
import { resultFiles } from "./results.ts";
import type { UpdateResult } from "./types.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  events: Emitter;
  /** Asks for the approval of what waits on the branch; its id, or null where none is needed. */
  ask?: ((edit: Edit) => Promise<string | null>) | undefined;
}

/** Commits a prepared edit on a branch of its own; working tree and index stay as they are until a person merges it. */
export async function propose(
  { git, rows, events, ask }: Dependencies,
  { edit, files, parent, why }: { edit: Edit; files: PreparedFile[]; parent: string; why: string },
): Promise<UpdateResult> {
  const branch = `specloop/${edit.id}`;
  const names = files.map(({ path }) => path).join(", ");
  const message = `${names} waits on branch ${branch}, because ${why}. See it: git diff HEAD...${branch}; accept it: git merge ${branch}`;
  const result: UpdateResult = { status: "proposed", commit: null, branch, files: resultFiles(files), message };
  await rows.save({ ...edit, state: "intent", branch, result });
  const contents = new Map(files.map(({ path, after }) => [path, after?.toString("utf8") ?? null]));
  const request = {
    ref: `refs/heads/${branch}`,
    parent,
    expected: null,
    files: contents,
    message: edit.message,
    trailers: edit.trailers,
  };
  const commit = await git.commitToBranch(request).catch(async (thrown: unknown) => {
    const error = toSpecloopError(thrown);
    await rows.save({ ...edit, state: "failed", branch, note: `${error.code}: ${error.message}`, result: null });
    throw error;
  });
  const approval = (await ask?.({ ...edit, branch, commit })) ?? null;
  const waits = `${names} waits on branch ${branch} for a person's approval, because ${why}: call approval_get with ${approval}.`;
  const asked = approval === null ? {} : { approval, message: waits };
  const done: UpdateResult = { ...result, commit, ...asked };
  await rows.save({ ...edit, state: "proposed", branch, commit, request: null, result: done });
  for (const { path } of files) events.emit("document.proposed", { path, branch, commit, principal: edit.principal });
  return done;
}

/** The commit that proposals stand on. */
export async function headCommit(git: Git): Promise<string> {
  const { commit } = await git.head();
  if (commit === null)
    throw new SpecloopError("no_commits", "The repository has no commit yet, so nothing can be proposed.");
  return commit;
}
