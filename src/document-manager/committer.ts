import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { gitBlobId } from "../foundation/hash.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Edit, EditRows } from "./edit-rows.ts";
import { placesOf, replace, revisionOf, stage, undo, unstage } from "./place.ts";
import type { PreparedFile } from "./prepare.ts";
import { committed, pending, written } from "./results.ts";
import type { UpdateResult } from "./types.ts";
import { commitTexts } from "./write/group-message.ts";
import { connected, type Group, type Member } from "./write/group.ts";

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
  /** Told when something could not be taken back yet. */
  unfinished: () => void;
}

/** Of an intent that failed and could not be taken back yet: it is not finished but undone. */
export const TAKE_BACK = "It failed and is taken back as soon as the disk allows it.";

/** How far a failed edit was taken back: wholly, not where somebody saved meanwhile, or not yet. */
type TakenBack = "wholly" | "changed" | "unfinished";

/** What became of a member of a group. */
export type Outcome = PromiseSettledResult<UpdateResult>;

/** `again`: nothing of these is left in the tree; one of them spoils the others, so they are to be done in smaller groups. */
export interface Done {
  outcomes: Map<Member, Outcome>;
  again: Member[];
}

/**
 * Puts the prepared edits of a group into the working tree and commits exactly their documents. The rows come first and
 * are durable, so that whatever a crash leaves can be told and finished or undone at the next start.
 */
export class Committer {
  readonly #deps: CommitterDependencies;

  constructor(dependencies: CommitterDependencies) {
    this.#deps = dependencies;
  }

  async commit(group: Group): Promise<Done> {
    const { onStep } = this.#deps;
    const { members, destination } = group;
    await this.#intend(group);
    onStep("intent");
    const failure = this.#write(group);
    if (failure) return this.#failed(members, failure);
    onStep("written");
    if (destination.kind === "tree") return this.#leaveInTree(members, destination.why);
    if (destination.kind === "wait") return this.#leavePending(members, destination.why);
    const changed = group.documents().filter((file) => revisionOf(file.absolute) !== file.next);
    const apart = connected(
      members,
      changed.map(({ path }) => path),
    );
    const why = `"${changed[0]?.path}" was saved by somebody else before it was committed.`;
    const waiting = await this.#leavePending([...apart], why);
    const rest = await this.#commitWritten(
      group,
      members.filter((member) => !apart.has(member)),
    );
    return { outcomes: new Map([...waiting.outcomes, ...rest.outcomes]), again: rest.again };
  }

  /** All rows in one turn of the event loop, so that one sync makes them durable. */
  async #intend({ members, destination }: Group): Promise<void> {
    const group = members.length > 1 ? (members[0]?.edit.id ?? null) : null;
    const why = "It was interrupted and is being finished.";
    const saves = members.map((member) => {
      const result = destination.kind === "tree" ? written(member, destination.why) : pending(member, why);
      member.edit = { ...member.edit, state: "intent", group, result };
      return this.#deps.rows.save(member.edit);
    });
    await Promise.all(saves);
  }

  /** Null when every document is written; else why not. */
  #write(group: Group): Failure | null {
    const { onStep } = this.#deps;
    const documents = group.documents();
    const begun: PreparedFile[] = [];
    try {
      for (const file of documents) stage(file, this.#places(group, file));
      onStep("staged");
      for (const file of documents) {
        begun.push(file);
        replace(file, this.#places(group, file), onStep);
      }
      return null;
    } catch (error) {
      return {
        error: toSpecloopError(error),
        back: this.#undo(group, { begun, staged: documents, refused: begun.at(-1) }),
      };
    }
  }

  async #commitWritten(group: Group, members: Member[]): Promise<Done> {
    if (members.length === 0) return { outcomes: new Map(), again: [] };
    const { git, stopping, onStep } = this.#deps;
    const paths = this.#documents(group, members).map(({ path }) => path);
    const texts = commitTexts(members.map(({ edit }) => edit));
    let commit: string;
    try {
      commit = await git.commitOnly({ paths, ...texts, signal: stopping() });
    } catch (thrown) {
      return this.#notCommitted(group, members, toSpecloopError(thrown));
    }
    onStep("committed");
    return this.#record(members, commit);
  }

  /** git may fail after it has committed: a hook that hangs afterwards is stopped together with it. */
  async #notCommitted(group: Group, members: Member[], error: SpecloopError): Promise<Done> {
    const [first] = members;
    const made = first ? await commitOf(this.#deps.git, first.edit).catch(() => undefined) : undefined;
    if (made) return this.#record(members, made);
    const waits =
      error.code === "git_busy" || error.code === "cancelled" || error.details?.["nothingToCommit"] === true;
    if (made === undefined || waits) return this.#leavePending(members, error.message);
    const begun = this.#documents(group, members);
    return this.#failed(members, { error, back: this.#undo(group, { begun, staged: [] }) });
  }

  /**
   * From here on the edits are in the history, so nothing is taken back any more: where the rows cannot be written, they
   * stay intents, which are finished later by the commit's trailers.
   */
  async #record(members: Member[], commit: string): Promise<Done> {
    const { rows, onStep } = this.#deps;
    const swallowed = await this.#swallowed(members, commit);
    const outcomes = new Map<Member, Outcome>();
    const saves = members.map((member) => {
      const result = committed(member, { commit, swallowed, others: members.length - 1 });
      outcomes.set(member, { status: "fulfilled", value: result });
      return rows.save({
        ...member.edit,
        state: "committed",
        commit,
        request: null,
        result,
        note: member.files.some(({ path }) => swallowed.has(path)) ? result.message : null,
      });
    });
    // Told in the turn of the rows, because the commit is there already: what listeners write is synced with them.
    for (const member of members) this.#announce(member, commit);
    await Promise.all(saves);
    onStep("recorded");
    return { outcomes, again: [] };
  }

  #announce({ edit, files, started }: Member, commit: string): void {
    const ms = this.#deps.clock.monotonic() - started;
    for (const { path, next, edits } of files) {
      if (next === null) continue;
      const { principal } = edit;
      this.#deps.events.emit("document.updated", { path, revision: next, commit, edits, ms, principal });
    }
  }

  /**
   * Documents of which the commit has something else than we wrote, with that revision: somebody saved before git read
   * them, or a hook changed them. It is said, and nothing is lost. After a hook the index still has what we wrote, and
   * the person's next commit would bring that back; so it takes what is committed.
   */
  async #swallowed(members: Member[], commit: string): Promise<Map<string, string>> {
    const { git } = this.#deps;
    const found = new Map<string, string>();
    const last = new Map(members.flatMap(({ files }) => files).map((file) => [file.path, file]));
    for (const { path, absolute, after, next } of last.values()) {
      const now = revisionOf(absolute);
      if (after === null || now === next) continue;
      const kept = await git.read(commit, path);
      if (kept && !kept.equals(after)) found.set(path, gitBlobId(kept));
    }
    const inTree = [...found].filter(([path, blob]) => revisionOf(join(git.places.worktree, path)) === blob);
    if (inTree.length > 0) await git.takeIntoIndex(inTree.map(([path]) => path)).catch(() => {});
    return found;
  }

  async #leavePending(members: Member[], why: string): Promise<Done> {
    const saves = members.map(async (member): Promise<[Member, Outcome]> => {
      const result = pending(member, `The edit is in the working tree; its commit waits: ${why}`);
      await this.#deps.rows.save({ ...member.edit, state: "pending", request: null, result, note: why });
      return [member, { status: "fulfilled", value: result }];
    });
    return { outcomes: new Map(await Promise.all(saves)), again: [] };
  }

  async #leaveInTree(members: Member[], why: string): Promise<Done> {
    const saves = members.map(async (member): Promise<[Member, Outcome]> => {
      const result = written(member, why);
      await this.#deps.rows.save({ ...member.edit, state: "written", request: null, result, note: why });
      return [member, { status: "fulfilled", value: result }];
    });
    return { outcomes: new Map(await Promise.all(saves)), again: [] };
  }

  /** What a hook says of one document may not be said of the others; a hook that hangs would hang for each of them. */
  async #failed(members: Member[], { error, back }: Failure): Promise<Done> {
    const again = members.length > 1 && back === "wholly" && error.details?.["timeout"] !== true;
    if (again) return { outcomes: new Map(), again: members };
    const { code, message, fix } = error;
    const reason =
      back === "wholly" ? error : new SpecloopError(code, `${message} ${REMAINS[back]}`, { fix, cause: error });
    if (back === "unfinished") this.#deps.unfinished();
    const saves = members.map(async ({ edit }) => {
      this.#deps.logger.warn({ edit: edit.id, code, reason: message }, "an edit failed");
      const failed = { ...edit, state: "failed" as const, note: `${code}: ${message}`, result: null };
      await this.#deps.rows.save(back === "unfinished" ? { ...edit, note: TAKE_BACK } : failed);
    });
    await Promise.all(saves);
    return { outcomes: new Map(members.map((member) => [member, { status: "rejected", reason }])), again: [] };
  }

  /** Documents of these members; members that stay behind share none with them. */
  #documents(group: Group, members: Member[]): PreparedFile[] {
    const paths = new Set(members.flatMap(({ files }) => files.map(({ path }) => path)));
    return group.documents().filter(({ path }) => paths.has(path));
  }

  #undo(group: Group, { begun, staged, refused }: Undoing): TakenBack {
    let back: TakenBack = "wholly";
    const attempt = (work: () => boolean) => {
      try {
        if (!work() && back === "wholly") back = "changed";
      } catch (error) {
        this.#deps.logger.warn({ err: error }, "a failed edit could not be taken back yet");
        back = "unfinished";
      }
    };
    for (const file of begun) {
      const change = { absolute: file.absolute, path: file.path, before: file.base, after: file.next };
      attempt(() => undo(change, this.#places(group, file).replaced) || file === refused);
    }
    for (const file of staged)
      attempt(() => {
        unstage(file.absolute, this.#places(group, file));
        return true;
      });
    return back;
  }

  #places(group: Group, { path, absolute }: PreparedFile) {
    const index = group.documents().findIndex((file) => file.path === path);
    return placesOf(this.#deps.recovery, { id: group.members[0]?.edit.id ?? "", index, absolute });
  }
}

interface Undoing {
  begun: PreparedFile[];
  staged: PreparedFile[];
  /** The one at which writing stopped: somebody's save stands there, and nothing of ours. */
  refused?: PreparedFile | undefined;
}

interface Failure {
  error: SpecloopError;
  back: TakenBack;
}

const REMAINS = {
  changed: "The edit could not be taken back, because the document changed meanwhile.",
  unfinished: TAKE_BACK,
};

/** How far back in a document's history an edit of ours is looked for. */
const LOOK_BACK = 200;

/** The commit that carries this edit, null when none does. */
export async function commitOf(git: Git, edit: Edit): Promise<string | null> {
  const path = edit.files[0]?.path;
  if (path === undefined) return null;
  const entries = await git.history({ path, limit: LOOK_BACK });
  return entries.find(({ edits }) => edits.some((one) => one["Specloop-Edit"] === edit.id))?.commit ?? null;
}
