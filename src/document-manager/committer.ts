import type { Git } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import { unifiedDiff } from "./diff.ts";
import type { Edit, EditRows } from "./edit-rows.ts";
import { placesOf, replace, revisionOf, stage, undo, unstage } from "./place.ts";
import type { PreparedFile } from "./prepare.ts";
import type { UpdateResult } from "./types.ts";

/** Points between which a process may die; tests let it die there. */
export type EditStep = "intent" | "staged" | "aside" | "replaced" | "written" | "committed" | "recorded";

export interface CommitterDependencies {
  git: Git;
  rows: EditRows;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  /** Folder of replaced files, on the file system of the worktree. */
  recovery: string;
  onStep: (step: EditStep) => void;
  /** Aborted when the daemon begins to stop: a lock is waited for no longer. */
  stopping: () => AbortSignal;
}

/**
 * Puts a prepared edit into the working tree and commits exactly its files. The row comes first and is durable, so that
 * whatever a crash leaves can be told and finished or undone at the next start.
 */
export class Committer {
  readonly #deps: CommitterDependencies;

  constructor(dependencies: CommitterDependencies) {
    this.#deps = dependencies;
  }

  async commit(edit: Edit, files: PreparedFile[], started: number): Promise<UpdateResult> {
    const { rows, onStep } = this.#deps;
    const intent: Edit = {
      ...edit,
      state: "intent",
      result: pendingResult(files, "It was interrupted and is being finished."),
    };
    await rows.save(intent);
    onStep("intent");
    await this.#write(intent, files);
    onStep("written");
    const changed = files.find((file) => revisionOf(file.absolute) !== file.next);
    if (changed)
      return this.#leavePending(intent, files, `"${changed.path}" was saved by somebody else before it was committed.`);
    const commit = await this.#commitWritten(intent, files);
    if (typeof commit !== "string") return commit;
    onStep("committed");
    return this.#record(intent, files, { commit, started });
  }

  async #write(edit: Edit, files: PreparedFile[]): Promise<void> {
    const { onStep } = this.#deps;
    const done: PreparedFile[] = [];
    try {
      for (const file of files) stage(file, this.#places(edit, files, file));
      onStep("staged");
      for (const file of files) {
        replace(file, this.#places(edit, files, file), onStep);
        done.push(file);
      }
    } catch (error) {
      for (const file of files) unstage(file.absolute, this.#places(edit, files, file));
      this.#undo(edit, files, done);
      await this.#fail(edit, toSpecloopError(error));
      throw error;
    }
  }

  /** The commit; or what became of the edit when there is none. */
  async #commitWritten(edit: Edit, files: PreparedFile[]): Promise<string | UpdateResult> {
    const { git, stopping } = this.#deps;
    const { message, trailers } = edit;
    try {
      const paths = files.map(({ path }) => path);
      return await git.commitOnly({ paths, message, trailers, signal: stopping() });
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      // git may fail after it has committed: a hook that hangs afterwards is stopped together with it.
      const made = await commitOf(git, edit).catch(() => undefined);
      if (made === undefined) return this.#leavePending(edit, files, error.message);
      return made ?? this.#commitFailed(edit, files, error);
    }
  }

  /**
   * From here on the edit is in the history, so nothing is taken back any more: where the row cannot be written, it stays
   * an intent, which is finished later by the commit's trailer.
   */
  async #record(
    edit: Edit,
    files: PreparedFile[],
    { commit, started }: { commit: string; started: number },
  ): Promise<UpdateResult> {
    const { rows, clock, onStep } = this.#deps;
    const swallowed = await this.#swallowed(files, commit);
    const result = committedResult(files, commit, swallowed);
    await rows.save({
      ...edit,
      state: "committed",
      commit,
      request: null,
      result,
      note: swallowed ? result.message : null,
    });
    onStep("recorded");
    const ms = clock.monotonic() - started;
    for (const { path, next, edits } of files) {
      if (next !== null)
        this.#deps.events.emit("document.updated", {
          path,
          revision: next,
          commit,
          edits,
          ms,
          principal: edit.principal,
        });
    }
    return result;
  }

  /** A save between our write and git's read is in the commit; that is said, and nothing is lost. */
  async #swallowed(files: PreparedFile[], commit: string): Promise<string | null> {
    for (const file of files) {
      if (file.after === null || revisionOf(file.absolute) === file.next) continue;
      const committed = await this.#deps.git.read(commit, file.path);
      if (committed && !committed.equals(file.after)) return file.path;
    }
    return null;
  }

  async #commitFailed(edit: Edit, files: PreparedFile[], error: SpecloopError): Promise<UpdateResult> {
    const waits =
      error.code === "git_busy" || error.code === "cancelled" || error.details?.["nothingToCommit"] === true;
    if (waits) return this.#leavePending(edit, files, error.message);
    const clean = this.#undo(edit, files, files);
    await this.#fail(edit, error);
    if (clean) throw error;
    throw new SpecloopError(
      error.code,
      `${error.message} The edit could not be taken back, because the document changed meanwhile.`,
      {
        fix: error.fix,
        cause: error,
      },
    );
  }

  async #leavePending(edit: Edit, files: PreparedFile[], why: string): Promise<UpdateResult> {
    const result = pendingResult(files, `The edit is in the working tree; its commit waits: ${why}`);
    await this.#deps.rows.save({ ...edit, state: "pending", request: null, result, note: why });
    return result;
  }

  /** True when every file is as it was before. */
  #undo(edit: Edit, files: PreparedFile[], done: PreparedFile[]): boolean {
    const outcomes = done.map((file) => {
      const change = { absolute: file.absolute, path: file.path, before: file.base, after: file.next };
      return undo(change, this.#places(edit, files, file).replaced);
    });
    return !outcomes.includes(false);
  }

  async #fail(edit: Edit, error: SpecloopError): Promise<void> {
    this.#deps.logger.warn({ edit: edit.id, code: error.code, reason: error.message }, "an edit failed");
    await this.#deps.rows.save({ ...edit, state: "failed", note: `${error.code}: ${error.message}`, result: null });
  }

  #places(edit: Edit, files: PreparedFile[], file: PreparedFile) {
    return placesOf(this.#deps.recovery, { id: edit.id, index: files.indexOf(file), absolute: file.absolute });
  }
}

/** The commit that carries this edit, null when none does. */
export async function commitOf(git: Git, edit: Edit): Promise<string | null> {
  const path = edit.files[0]?.path;
  if (path === undefined) return null;
  const entries = await git.history({ path, limit: 10 });
  return entries.find(({ trailers }) => trailers["Specloop-Edit"] === edit.id)?.commit ?? null;
}

export function resultFiles(files: PreparedFile[]): UpdateResult["files"] {
  return files.map(({ path, before, after, next }) => {
    const diff = unifiedDiff(path, before?.toString("utf8") ?? null, after?.toString("utf8") ?? null);
    return { path, revision: next ?? "", diff };
  });
}

function committedResult(files: PreparedFile[], commit: string, swallowed: string | null): UpdateResult {
  const names = files.map(({ path }) => path).join(", ");
  const aside = swallowed ? ` Somebody saved ${swallowed} in the same moment; that save is part of the commit.` : "";
  return {
    status: "committed",
    commit,
    branch: null,
    files: resultFiles(files),
    message: `Committed ${names} as ${commit.slice(0, 10)}.${aside}`,
  };
}

function pendingResult(files: PreparedFile[], message: string): UpdateResult {
  return { status: "commit_pending", commit: null, branch: null, files: resultFiles(files), message };
}
