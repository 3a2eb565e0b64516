import { existsSync, linkSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import { commitOf } from "./committer.ts";
import type { Edit, EditRows } from "./edit-rows.ts";
import { placesOf, revisionOf, undo, unstage } from "./place.ts";
import type { UpdateResult } from "./types.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  recovery: string;
}

/** Finishes or undoes edits that were interrupted, and commits those whose commit waits. */
export class Recovery {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** What a killed process left: an edit that reached all its files is committed, any other is taken back. */
  async interrupted(edit: Edit): Promise<void> {
    if (edit.branch !== null) return this.#proposal(edit);
    // The document may have been changed further since: what is in the history was done.
    const commit = await commitOf(this.#deps.git, edit);
    if (commit !== null) return this.#settle(edit, commit);
    this.#mendFiles(edit);
    const now = this.#revisions(edit);
    const reached = edit.files.filter(({ next }, index) => now[index] === next);
    if (reached.length === edit.files.length && !this.#replacedNewer(edit))
      return this.pending({ ...edit, state: "pending" });
    for (const file of reached) {
      const index = edit.files.indexOf(file);
      const { absolute, replaced } = this.#places(edit, index);
      undo({ path: file.path, absolute, before: file.base, after: file.next }, replaced);
    }
    await this.#giveUp(edit, "It was interrupted before it was written; nothing was changed.");
  }

  /** Tries the commit of an edit that is in the working tree. Leaves it pending while git is busy. */
  async pending(edit: Edit): Promise<void> {
    const { rows, logger } = this.#deps;
    try {
      const commit = (await commitOf(this.#deps.git, edit)) ?? (await this.#commitNow(edit));
      if (commit !== null) await this.#settle(edit, commit);
    } catch (error) {
      const { code, message } = toSpecloopError(error);
      logger.warn({ edit: edit.id, code, reason: message }, "a commit still waits");
      if (edit.state !== "pending" || edit.note !== message)
        await rows.save({ ...edit, state: "pending", note: message });
    }
  }

  /** The commit, or null when the edit is settled otherwise or must go on waiting. */
  async #commitNow(edit: Edit): Promise<string | null> {
    const { git, rows } = this.#deps;
    const states = await Promise.all(edit.files.map(({ path }) => git.pathState(path)));
    const now = this.#revisions(edit);
    const ours = edit.files.every(({ next }, index) => now[index] === next);
    const settled = states.every((state) => state === "clean" || state === "absent");
    if (ours && !settled) {
      return git.commitOnly({
        paths: edit.files.map(({ path }) => path),
        message: edit.message,
        trailers: edit.trailers,
        // It is tried again soon; waiting here would hold up the start and every other edit.
        lockWaitMs: 0,
      });
    }
    if (settled && !ours)
      await this.#fail(edit, "Somebody replaced the edited document before the edit was committed.");
    else if (settled) return (await git.history({ path: edit.files[0]?.path ?? "", limit: 1 }))[0]?.commit ?? null;
    else {
      const note = "The document was changed further before the edit was committed; commit it yourself.";
      if (edit.state !== "pending" || edit.note !== note) await rows.save({ ...edit, state: "pending", note });
    }
    return null;
  }

  async #settle(edit: Edit, commit: string): Promise<void> {
    const { rows, events, clock } = this.#deps;
    const message = `Committed as ${commit.slice(0, 10)}.`;
    const result: UpdateResult | null = edit.result && { ...edit.result, status: "committed", commit, message };
    await rows.save({ ...edit, state: "committed", commit, request: null, result, note: null });
    const ms = Math.max(0, clock.now() - edit.createdAt);
    for (const { path, next, edits } of edit.files) {
      if (next !== null)
        events.emit("document.updated", { path, revision: next, commit, edits, ms, principal: edit.principal });
    }
  }

  /** Proposals are made by one compare-and-swap of a ref: it is there or it is not. */
  async #proposal(edit: Edit): Promise<void> {
    const commit = await this.#deps.git.resolve(`refs/heads/${edit.branch}`);
    if (commit === null)
      return this.#giveUp(edit, "It was interrupted before the branch was made; nothing was changed.");
    const result: UpdateResult | null = edit.result && { ...edit.result, commit };
    await this.#deps.rows.save({ ...edit, state: "proposed", commit, request: null, result });
  }

  /** Removes staged files; gives a document its name back that lost it between two system calls. */
  #mendFiles(edit: Edit): void {
    for (const [index, file] of edit.files.entries()) {
      const places = this.#places(edit, index);
      unstage(places.absolute, places);
      const lost = file.base !== null && file.next !== null && !existsSync(places.absolute);
      if (lost && existsSync(places.replaced)) linkSync(places.replaced, places.absolute);
    }
  }

  /** A save was moved aside in the moment of the crash: it is newer than the edit and goes back. */
  #replacedNewer(edit: Edit): boolean {
    return edit.files.some(({ base }, index) => {
      const replaced = revisionOf(this.#places(edit, index).replaced);
      return replaced !== null && replaced !== base;
    });
  }

  #revisions(edit: Edit): (string | null)[] {
    return edit.files.map((_file, index) => revisionOf(this.#places(edit, index).absolute));
  }

  #places(edit: Edit, index: number) {
    const absolute = join(this.#deps.git.places.worktree, edit.files[index]?.path ?? "");
    return { absolute, ...placesOf(this.#deps.recovery, { id: edit.id, index, absolute }) };
  }

  /** An edit that was kept for later was acknowledged, so it goes on being kept; any other has failed. */
  async #giveUp(edit: Edit, note: string): Promise<void> {
    if (edit.request === null) return this.#fail(edit, note);
    await this.#deps.rows.save({ ...edit, state: "held", branch: null, note });
  }

  async #fail(edit: Edit, note: string): Promise<void> {
    this.#deps.logger.warn({ edit: edit.id, reason: note }, "an edit was not finished");
    await this.#deps.rows.save({ ...edit, state: "failed", note, result: null });
  }
}
