import { existsSync, linkSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import { commitOf, TAKE_BACK } from "./committer.ts";
import type { Edit, EditFile, EditRows } from "./edit-rows.ts";
import { placesOf, revisionOf, undo, unstage } from "./place.ts";
import type { UpdateResult } from "./types.ts";
import { commitTexts } from "./write/group-message.ts";
import { connected, joined } from "./write/group.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  events: Emitter;
  clock: Clock;
  logger: Logger;
  recovery: string;
}

/** A document of edits that were written together: from what it was before the first to what it is after the last. */
type Written = EditFile & { absolute: string; temporary: string; replaced: string };

const FURTHER = "The document was changed further before the edit was committed; commit it yourself.";

/** Finishes or undoes edits that were interrupted, and commits those whose commit waits. */
export class Recovery {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** What a killed process left: edits that reached all their files are committed, any other are taken back. */
  async interrupted(intents: Edit[]): Promise<void> {
    for (const edit of intents.filter(({ branch }) => branch !== null)) await this.#proposal(edit);
    const open = intents.filter(({ branch }) => branch === null);
    for (const id of new Set(open.map(({ id, group }) => group ?? id)))
      await this.#interruptedGroup(
        id,
        open.filter((edit) => (edit.group ?? edit.id) === id),
      );
  }

  /** Tries the commits of edits that are in the working tree. Leaves them pending while git is busy. */
  async pending(edits: Edit[]): Promise<void> {
    const open: Edit[] = [];
    for (const edit of edits) {
      // The document may have been changed further since: what is in the history was done.
      const commit = await commitOf(this.#deps.git, edit);
      if (commit === null) open.push(edit);
      else await this.#settle(edit, commit);
    }
    const sharing = separate(open);
    const ready: Edit[][] = [];
    for (const edits of sharing) if (await this.#isReady(edits)) ready.push(edits);
    // All of them in one commit; what keeps one of them out may not keep out the others.
    if (ready.length > 1 && (await this.#tryCommit(open.filter((edit) => ready.flat().includes(edit))))) return;
    for (const edits of ready) await this.#tryCommit(edits);
  }

  async #interruptedGroup(id: string, edits: Edit[]): Promise<void> {
    const commits = await Promise.all(edits.map((edit) => commitOf(this.#deps.git, edit)));
    const open = edits.filter((_edit, index) => commits[index] === null);
    for (const [index, edit] of edits.entries()) {
      const commit = commits[index];
      if (commit) await this.#settle(edit, commit);
    }
    if (open.length === 0) return;
    const paths = new Set(open.flatMap(({ files }) => files.map(({ path }) => path)));
    const all = this.#documents(id, await this.#deps.rows.writtenTogether(id));
    const documents = all.filter(({ path }) => paths.has(path));
    mendFiles(documents);
    const reached = documents.filter(({ absolute, next }) => revisionOf(absolute) === next);
    const failed = open.some(({ note }) => note === TAKE_BACK);
    if (!failed && reached.length === documents.length && !documents.some(holdsNewer)) return this.#reached(open);
    for (const { path, absolute, base, next, replaced } of reached)
      undo({ path, absolute, before: base, after: next }, replaced);
    for (const edit of open) await this.#giveUp(edit, "It was interrupted before it was written; nothing was changed.");
  }

  /** What goes into the working tree only is done by that. */
  async #reached(edits: Edit[]): Promise<void> {
    const isWritten = ({ result }: Edit) => result?.status === "written";
    for (const edit of edits.filter(isWritten))
      await this.#deps.rows.save({ ...edit, state: "written", request: null });
    await this.pending(edits.filter((edit) => !isWritten(edit)).map((edit) => ({ ...edit, state: "pending" })));
  }

  /** Whether these edits, which share documents, are what is in the working tree and not in git; else they are settled. */
  async #isReady(edits: Edit[]): Promise<boolean> {
    const { git } = this.#deps;
    const documents = this.#documents("", edits);
    const states = await Promise.all(documents.map(({ path }) => git.pathState(path)));
    const ours = documents.every(({ absolute, next }) => revisionOf(absolute) === next);
    const settled = states.every((state) => state === "clean" || state === "absent");
    if (ours && !settled) return true;
    if (!settled) await this.#wait(edits, FURTHER);
    else if (ours) await this.#settleAsCommitted(edits, documents);
    else
      for (const edit of edits)
        await this.#fail(edit, "Somebody replaced the edited document before the edit was committed.");
    return false;
  }

  /** Somebody committed what the edits made. */
  async #settleAsCommitted(edits: Edit[], [first]: Written[]): Promise<void> {
    const [entry] = await this.#deps.git.history({ path: first?.path ?? "", limit: 1 });
    if (entry) await this.#settleAll(edits, entry.commit);
  }

  /** Whether the commit was made; while it was not, the edits go on waiting. Edits are oldest first. */
  async #tryCommit(edits: Edit[]): Promise<boolean> {
    const paths = this.#documents("", edits).map(({ path }) => path);
    try {
      // It is tried again soon; waiting here would hold up the start and every other edit.
      await this.#settleAll(edits, await this.#deps.git.commitOnly({ paths, ...commitTexts(edits), lockWaitMs: 0 }));
      return true;
    } catch (error) {
      const { code, message } = toSpecloopError(error);
      this.#deps.logger.warn({ edit: edits[0]?.id, code, reason: message }, "a commit still waits");
      await this.#wait(edits, message);
      return false;
    }
  }

  async #settleAll(edits: Edit[], commit: string): Promise<void> {
    for (const edit of edits) await this.#settle(edit, commit);
  }

  async #wait(edits: Edit[], note: string): Promise<void> {
    const changed = edits.filter((edit) => edit.state !== "pending" || edit.note !== note);
    await Promise.all(changed.map((edit) => this.#deps.rows.save({ ...edit, state: "pending", note })));
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

  /** The documents in the order in which the group wrote them, which names the files that it kept. */
  #documents(id: string, edits: Edit[]): Written[] {
    return joined(edits.map(({ files }) => files)).map(({ first, last }, index) => {
      const absolute = join(this.#deps.git.places.worktree, last.path);
      const { temporary, replaced } = placesOf(this.#deps.recovery, { id, index, absolute });
      return { ...last, base: first.base, absolute, temporary, replaced };
    });
  }

  /** An edit that was kept for later was acknowledged, so it goes on being kept; any other has failed. */
  async #giveUp(edit: Edit, note: string): Promise<void> {
    if (edit.request === null) return this.#fail(edit, note);
    await this.#deps.rows.save({ ...edit, state: "held", branch: null, group: null, note });
  }

  async #fail(edit: Edit, note: string): Promise<void> {
    this.#deps.logger.warn({ edit: edit.id, reason: note }, "an edit was not finished");
    await this.#deps.rows.save({ ...edit, state: "failed", note, result: null });
  }
}

/** Edits by the documents that they share, each part oldest first. */
function separate(edits: Edit[]): Edit[][] {
  const parts: Edit[][] = [];
  const rest = new Set(edits);
  for (const edit of edits) {
    if (!rest.has(edit)) continue;
    const part = connected(
      [...rest],
      edit.files.map(({ path }) => path),
    );
    part.add(edit);
    for (const one of part) rest.delete(one);
    parts.push(edits.filter((one) => part.has(one)));
  }
  return parts;
}

/** Removes staged files; gives a document its name back that lost it between two system calls. */
function mendFiles(documents: Written[]): void {
  for (const { absolute, temporary, replaced, base, next } of documents) {
    unstage(absolute, { temporary, replaced });
    const lost = base !== null && next !== null && !existsSync(absolute);
    if (lost && existsSync(replaced)) linkSync(replaced, absolute);
  }
}

/** A save was moved aside in the moment of the crash: it is newer than the edit and goes back. */
function holdsNewer({ replaced, base }: Written): boolean {
  const kept = revisionOf(replaced);
  return kept !== null && kept !== base;
}
