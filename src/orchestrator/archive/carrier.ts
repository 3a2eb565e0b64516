import { join } from "node:path";
import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError, toSpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Entry, Journal, Move } from "./journal.ts";
import { dropOwnLock, takeLock } from "./lock.ts";
import type { Mover, MoveStep } from "./mover.ts";
import { pathsOf, type Plan } from "./plan.ts";

interface CarrierParts {
  git: Git;
  journal: Journal;
  mover: Mover;
  logger: Logger;
  /** Does work during which nobody's edit of a document is written. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  onStep: (step: MoveStep) => void;
}

/** Commits of ours that are looked through for a move that a crash cut short. */
const RECENT = 200;

/** Carries a planned move out and commits it, whole or not at all, also when the process dies in between. */
export class Carrier {
  readonly #parts: CarrierParts;

  constructor(parts: CarrierParts) {
    this.#parts = parts;
  }

  /**
   * The commit of the move. Throws `archive_refused` with everything as it was, apart from what a person saved in the
   * middle, which stands.
   */
  async carryOut(entry: Entry, { move, contents }: Plan): Promise<string> {
    const { journal, mover, onStep } = this.#parts;
    try {
      await mover.stage(entry.id, contents);
      await journal.save({ ...entry, state: "intent", move });
    } catch (error) {
      await mover.clean(entry.id);
      throw error;
    }
    onStep("intent");
    // An edit whose document moves away between its write and its commit would be committed as a removal.
    return this.#parts.exclusively(async () => {
      const commit = await this.#moveAndCommit(entry, move).catch(async (error: unknown) => {
        const made = await this.#commitOf(move);
        if (made === null) throw await this.#takeBack(entry, move, error);
        return made;
      });
      await this.#settle(entry, move, commit);
      return commit;
    });
  }

  /**
   * What a killed process left: a move that reached all its places is committed, any other is taken back. Returns the
   * commit, null for one that is as if it had never begun, and undefined while git is busy.
   */
  recover(entry: Entry & { move: Move }): Promise<string | null | undefined> {
    return this.#parts.exclusively(() => this.#recover(entry));
  }

  async #recover(entry: Entry & { move: Move }): Promise<string | null | undefined> {
    const { git, mover, journal, logger } = this.#parts;
    const { move } = entry;
    await dropOwnLock(this.#archiveOf(entry), entry.id);
    const known = await this.#commitOf(move);
    if (known !== null) {
      await this.#settle(entry, move, known);
      return known;
    }
    if ((await mover.reached(move)) !== "all") {
      await this.#takeBack(
        entry,
        move,
        new SpecloopError("internal", "It was interrupted before everything was in place."),
      );
      return null;
    }
    try {
      const paths = await pathsOf(git, move, "HEAD");
      const commit = await git.commitOnly({ paths, message: move.message, trailers: move.trailers, lockWaitMs: 0 });
      await this.#settle(entry, move, commit);
      return commit;
    } catch (error) {
      const { code, message } = toSpecloopError(error);
      logger.warn({ archive: entry.id, code, reason: message }, "an archive is in place, its commit still waits");
      await journal.save({ ...entry, state: "written", note: message });
      return undefined;
    }
  }

  async #moveAndCommit(entry: Entry, move: Move): Promise<string> {
    const { git, mover, onStep } = this.#parts;
    await using _lock = await takeLock(this.#archiveOf(entry), entry.id);
    await this.#recordChange(entry, move);
    onStep("recorded");
    const paths = await pathsOf(git, move, "HEAD");
    await mover.apply(entry.id, move);
    const { message, trailers } = move;
    const commit = await git.commitOnly({ paths, message, trailers });
    onStep("committed");
    return commit;
  }

  /** A change that nobody committed as it is gets a commit of its own, so that its last text is in the history. */
  async #recordChange({ change, kind, principal }: Entry, move: Move): Promise<void> {
    const { git } = this.#parts;
    const paths = await git.dirty(move.from);
    if (paths.length === 0) return;
    const message =
      kind === "archive" ? `Record ${change} before it is archived` : `Record ${change} before it is taken back`;
    const trailers = { "Specloop-Change": change, "Specloop-Principal": `${principal.kind}:${principal.name}` };
    await git.commitOnly({ paths, message, trailers });
  }

  async #settle(entry: Entry, move: Move, commit: string): Promise<void> {
    await this.#parts.journal.save({ ...entry, state: "done", move, commit, note: null });
    await this.#parts.mover.clean(entry.id);
    this.#parts.onStep("settled");
  }

  async #takeBack(entry: Entry, move: Move, cause: unknown): Promise<SpecloopError> {
    const { mover, journal } = this.#parts;
    const left = await mover.undo(entry.id, move);
    const error = refusalFor(cause, left);
    await journal.save({ ...entry, state: "undone", move, note: error.message });
    if (left.length === 0) await mover.clean(entry.id);
    return error;
  }

  /** The commit of this very move, if it was made. */
  async #commitOf({ trailers }: Move): Promise<string | null> {
    const { git } = this.#parts;
    const history = await git.history({ limit: RECENT }).catch(() => []);
    const same = (name: string, found: Record<string, string>) =>
      trailers[name] !== undefined && found[name] === trailers[name];
    const made = history.find(
      ({ trailers: found }) => same("Specloop-Archive", found) || same("Specloop-Unarchive", found),
    );
    return made?.commit ?? null;
  }

  #archiveOf({ root }: Entry): string {
    return join(this.#parts.git.places.worktree, root, "changes/archive");
  }
}

/** Whatever stopped it, in the shape of a refusal; what a person saved meanwhile is named. */
function refusalFor(cause: unknown, left: string[]): SpecloopError {
  const { code, message, fix, target, details } = toSpecloopError(cause);
  const known = code === "archive_refused" ? (details?.["reasons"] as Diagnostic[] | undefined) : undefined;
  const own: Diagnostic = { severity: "error", code, message, ...(target === undefined ? {} : { target }), fix };
  const stands = left.map((path): Diagnostic => {
    const what = `${path} was saved meanwhile; that version stands, and what was there before is in .specloop/archive.`;
    return { severity: "error", code: "saved_meanwhile", message: what, target: path, fix: "Look at the file." };
  });
  return new SpecloopError("archive_refused", message, {
    fix,
    ...(target === undefined ? {} : { target }),
    details: { reasons: [...(known ?? [own]), ...stands] },
    cause,
  });
}
