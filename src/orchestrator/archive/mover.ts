import { link, lstat, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Move } from "./journal.ts";
import type { MoveState } from "./tables.ts";
import { exists, hashOfTree, isCode, readTree, revisionOf, syncFolder } from "./tree.ts";

/** Where a test may stop: after each, the process may die. */
export type MoveStep = "intent" | "recorded" | "aside" | "spec" | "moved" | "committed" | "settled";

interface MoverParts {
  worktree: string;
  /** Our folder on the repository's file system: staged files, and the files that were replaced. */
  directory: string;
  onStep: (step: MoveStep) => void;
}

/**
 * Puts main specs and a change's folder in their new places and takes that back, file by file with the bytes compared
 * before and after, so that what a person saves meanwhile always stands (as docs/decisions/0006-replacing-a-document.md
 * does for documents). Nothing is ever copied into the working tree: after `stage` only names change, which needs no space
 * on the disk.
 */
export class Mover {
  readonly #parts: MoverParts;

  constructor(parts: MoverParts) {
    this.#parts = parts;
  }

  /** Writes the new contents into our folder, whole and synced. */
  async stage(id: string, contents: (Uint8Array | null)[]): Promise<void> {
    const folder = this.#folder(id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [index, content] of contents.entries()) {
      if (content !== null) await writeWhole(join(folder, `after-${index}`), content);
    }
    await syncFolder(folder);
  }

  /** Throws `archive_refused` when a file is not what it was, or is saved in the middle; then call `undo`. */
  async apply(id: string, move: Move): Promise<void> {
    for (const index of move.files.keys()) {
      await this.#replace(id, move, index);
      this.#parts.onStep("spec");
    }
    await this.#moveFolder(move);
    this.#parts.onStep("moved");
  }

  /** How far a move came. */
  async reached(move: Move): Promise<"all" | "some" | "none"> {
    const folder = !(await exists(this.#at(move.from))) && (await exists(this.#at(move.to)));
    const files = move.files.map(({ path, after }) => revisionOf(this.#at(path)) === after);
    if (folder && files.every(Boolean)) return "all";
    const untouched = move.files.every(({ path, before }) => revisionOf(this.#at(path)) === before);
    return !folder && untouched ? "none" : "some";
  }

  /** Makes everything what it was, except what somebody saved since: paths that were left as they are. */
  async undo(id: string, move: Move): Promise<string[]> {
    const left: string[] = [];
    const [from, to] = [this.#at(move.from), this.#at(move.to)];
    if (!(await exists(from)) && (await exists(to))) await rename(to, from);
    else if (hashOfTree(await readTree(to)) === move.folder) left.push(move.to);
    for (const [index, { path, before, after }] of [...move.files.entries()].reverse()) {
      const target = this.#at(path);
      const aside = join(this.#folder(id), `before-${index}`);
      const now = revisionOf(target);
      // Without a file aside this one was never touched, whatever it is by now.
      if (now === before || (before !== null && !(await exists(aside)))) continue;
      if (now !== after && now !== null) left.push(path);
      else if (!(await this.#putBack(target, aside, { before, after }))) left.push(path);
    }
    return left;
  }

  /** Removes our files of a move that is over; a replaced file that is in git is not needed any more. */
  async clean(id: string): Promise<void> {
    await rm(this.#folder(id), { recursive: true, force: true });
  }

  /** Removes what a killed process left behind: copies to merge in, and files of moves that are over. */
  async sweep(stateOf: (id: string) => Promise<MoveState | null>): Promise<void> {
    for (const name of await readdir(this.#parts.directory).catch(() => [])) {
      const state = name.startsWith("scratch-") ? null : await stateOf(name);
      // After a move that could not be taken back whole its folder holds what was there before.
      if (state === null || state === "done" || state === "refused") await this.clean(name);
    }
  }

  /**
   * The file that is there goes aside first and is looked at again: only then the new one gets its name, which fails if
   * somebody took that name in the meantime.
   */
  async #replace(id: string, move: Move, index: number): Promise<void> {
    const { path, before, after } = move.files[index]!;
    const target = this.#at(path);
    const [staged, aside] = [`after-${index}`, `before-${index}`].map((name) => join(this.#folder(id), name));
    if (revisionOf(target) !== before) throw saved(path);
    if (before !== null) {
      await rename(target, aside!);
      this.#parts.onStep("aside");
      if (revisionOf(aside!) !== before) {
        await this.#giveName(aside!, target);
        throw saved(path);
      }
    }
    if (after === null) await removeEmpty(dirname(target), this.#parts.worktree);
    else {
      await mkdir(dirname(target), { recursive: true });
      if (!(await this.#giveName(staged!, target, before === null ? null : aside!))) throw saved(path);
      await rm(staged!);
    }
    if (await exists(dirname(target))) await syncFolder(dirname(target));
  }

  /** False when the name is taken. The new file gets the mode of the one that it replaces. */
  async #giveName(source: string, target: string, like: string | null = null): Promise<boolean> {
    try {
      if (like !== null) {
        await using handle = await open(source, "r");
        await handle.chmod((await lstat(like)).mode & 0o777);
      }
      await link(source, target);
      return true;
    } catch (error) {
      if (isCode(error, "EEXIST")) return false;
      throw error;
    }
  }

  async #putBack(
    target: string,
    aside: string,
    file: { before: string | null; after: string | null },
  ): Promise<boolean> {
    if (file.before === null) {
      await rm(target, { force: true });
      await removeEmpty(dirname(target), this.#parts.worktree);
      return true;
    }
    const gone = `${aside}.undone`;
    const moved = await rename(target, gone).then(
      () => true,
      (error: unknown) => {
        if (isCode(error, "ENOENT")) return false;
        throw error;
      },
    );
    if (moved && revisionOf(gone) !== file.after) {
      // Somebody saved in this very moment; that version gets its name again.
      await this.#giveName(gone, target);
      return false;
    }
    await mkdir(dirname(target), { recursive: true });
    return this.#giveName(aside, target);
  }

  /** A folder that changes while it is moved is moved back by `undo`, with what was saved in it. */
  async #moveFolder({ from, to, folder }: Move): Promise<void> {
    const [source, target] = [this.#at(from), this.#at(to)];
    if (hashOfTree(await readTree(source)) !== folder) throw saved(from);
    await mkdir(dirname(target), { recursive: true });
    if (await exists(target)) throw taken(to);
    await rename(source, target);
    await syncFolder(dirname(source));
    await syncFolder(dirname(target));
    if ((await exists(source)) || hashOfTree(await readTree(target)) !== folder) throw saved(from);
  }

  #at(path: string): string {
    return join(this.#parts.worktree, path);
  }

  #folder(id: string): string {
    return join(this.#parts.directory, id);
  }
}

async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", 0o644);
  await file.writeFile(content);
  await file.sync();
  // A full disk can make a write short without an error.
  if ((await file.stat()).size !== content.byteLength) {
    throw new SpecloopError("store_full", `${path} could not be written in full.`);
  }
}

/** Folders that a capability leaves behind are removed as OpenSpec removes them: while they are empty. */
async function removeEmpty(directory: string, top: string): Promise<void> {
  for (let folder = directory; folder.startsWith(`${top}/`) && !folder.endsWith("/specs"); folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch (error) {
      if (["ENOTEMPTY", "EEXIST", "ENOENT"].some((code) => isCode(error, code))) return;
      throw error;
    }
  }
}

function saved(path: string): SpecloopError {
  const message = `"${path}" was saved by somebody else in the meantime; that version stands.`;
  const reasons = [{ severity: "error", code: "saved_meanwhile", message, target: path, fix: "Call again." }];
  return new SpecloopError("archive_refused", message, { target: path, fix: "Call again.", details: { reasons } });
}

function taken(path: string): SpecloopError {
  const message = `"${path}" exists already.`;
  const fix = "Rename or remove that folder.";
  const reasons = [{ severity: "error", code: "archive_target_exists", message, target: path, fix }];
  return new SpecloopError("archive_refused", message, { target: path, fix, details: { reasons } });
}
