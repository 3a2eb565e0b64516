import {
  closeSync,
  fchmodSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { SpecloopError } from "../foundation/errors.ts";
import { gitBlobId } from "../foundation/hash.ts";
import { isCode } from "./document.ts";

/** One file that an edit changes; null stands for "no file". */
export interface FileChange {
  path: string;
  absolute: string;
  before: Buffer | null;
  after: Buffer | null;
  mode: number;
}

/** Where the two helping files of a change lie: the new content beside the document, the replaced file in our store. */
export interface Places {
  temporary: string;
  /** What was replaced, under the name that it keeps for a while. */
  replaced: string;
}

export type Step = (name: "staged" | "aside" | "replaced") => void;

export function placesOf(
  recovery: string,
  { id, index, absolute }: { id: string; index: number; absolute: string },
): Places {
  const folder = join(recovery, id);
  return { temporary: `.specloop-${id}-${index}.tmp`, replaced: join(folder, `${index}-${basename(absolute)}`) };
}

/** Writes the new content beside the document, in full and synced, before anything is replaced. */
export function stage(change: FileChange, { temporary, replaced }: Places): void {
  mkdirSync(dirname(replaced), { recursive: true, mode: 0o700 });
  if (change.after === null) return;
  const { after } = change;
  // The folder of a document that was there and is gone now was moved; an empty one in its place would look like a change.
  if (change.before === null) mkdirSync(dirname(change.absolute), { recursive: true });
  using directory = openDirectory(dirname(change.absolute), change.path);
  const file = openSync(directory.at(temporary), "wx", change.mode);
  try {
    writeFileSync(file, after);
    fchmodSync(file, change.mode); // the process mask may have taken bits away
    fsyncSync(file);
    // A full disk can make a write short without an error.
    if (fstatSync(file).size !== after.length)
      throw new SpecloopError("store_full", `"${change.path}" could not be written in full.`);
  } finally {
    closeSync(file);
  }
}

/**
 * Puts the staged content in the document's place without losing anything that a person saves meanwhile. The file that is
 * there is moved into our store, not overwritten: if it turns out to be newer than the edit's base, it is put back and
 * the edit is refused with `document_busy`. The document is absent between two system calls; renaming over it instead
 * would lose what was saved in between for good (docs/decisions/0006-replacing-a-document.md).
 */
export function replace(change: FileChange, places: Places, step: Step): void {
  using directory = openDirectory(dirname(change.absolute), change.path);
  const target = directory.at(basename(change.absolute));
  const temporary = directory.at(places.temporary);
  if (change.before === null) {
    publish(temporary, target, change.path);
    unlinkSync(temporary);
    directory.sync();
    return;
  }
  const base = gitBlobId(change.before);
  if (revisionOf(target) !== base) throw busy(change.path);
  moveAside({ target, replaced: places.replaced, path: change.path });
  step("aside");
  if (change.after !== null) {
    try {
      publish(temporary, target, change.path);
    } catch (error) {
      // A save in this moment has the name already; otherwise the document gets it back.
      ignoring("EEXIST", () => linkSync(places.replaced, target));
      throw error;
    }
    unlinkSync(temporary);
  }
  step("replaced");
  directory.sync();
  if (revisionOf(places.replaced) === base) return;
  putBack(target, places.replaced, revisionOfBytes(change.after));
  directory.sync();
  throw busy(change.path);
}

/** Makes the document what it was, unless somebody changed it since. Returns whether it is as it was. */
export function undo(
  change: { absolute: string; path: string; before: string | null; after: string | null },
  replaced: string,
): boolean {
  using directory = openDirectory(dirname(change.absolute), change.path);
  const target = directory.at(basename(change.absolute));
  const lost = change.before !== null && change.after !== null && revisionOf(target) === null;
  if (lost && lstatSync(replaced, { throwIfNoEntry: false })) ignoring("EEXIST", () => linkSync(replaced, target));
  if (revisionOf(target) !== change.after) return revisionOf(target) === change.before;
  if (change.before === null) {
    unlinkSync(target);
    removeEmpty(dirname(change.absolute));
  } else putBack(target, replaced, change.after);
  directory.sync();
  return true;
}

/** Removes a staged file that was never put in place. */
export function unstage(absolute: string, { temporary }: Places): void {
  ignoring("ENOENT", () => unlinkSync(join(dirname(absolute), temporary)));
}

/** Git's blob id of a file as it is now, null when there is none. */
export function revisionOf(file: string): string | null {
  try {
    return gitBlobId(readFileSync(file));
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
}

function revisionOfBytes(bytes: Buffer | null): string | null {
  return bytes === null ? null : gitBlobId(bytes);
}

/** Gives the staged file the document's name, and never takes that name from a file which is there. */
function publish(temporary: string, target: string, path: string): void {
  try {
    linkSync(temporary, target);
  } catch (error) {
    ignoring("ENOENT", () => unlinkSync(temporary));
    if (isCode(error, "EEXIST")) throw busy(path);
    throw error;
  }
}

/** Into our store, or beside the document where the store lies on another disk. */
function moveAside({ target, replaced, path }: { target: string; replaced: string; path: string }): void {
  makeRoom(target, replaced);
  try {
    renameSync(target, replaced);
  } catch (error) {
    // An editor that saves by removing the file first is between its two steps.
    if (isCode(error, "ENOENT")) throw busy(path);
    if (!isCode(error, "EXDEV")) throw error;
    throw new SpecloopError("unsupported", "The .specloop folder lies on another file system than the document.", {
      fix: "Move .specloop to the repository's own file system.",
      cause: error,
    });
  }
}

/**
 * An edit that is written a second time finds what its first try kept. That may be the document itself under another name,
 * and then rename(2) would do nothing and leave both names.
 */
function makeRoom(target: string, replaced: string): void {
  const kept = lstatSync(replaced, { throwIfNoEntry: false });
  if (!kept) return;
  if (kept.ino === lstatSync(target, { throwIfNoEntry: false })?.ino) unlinkSync(replaced);
  else renameSync(replaced, `${replaced}.${kept.ino}`);
}

/**
 * Gives a person's bytes the document's name again. `ours` is the revision that is there and may go; should a still newer
 * save be found there instead, that one is put back in turn. Whatever is moved stays in our store.
 */
function putBack(target: string, saved: string, ours: string | null): void {
  let [expected, source] = [ours, saved];
  for (let turn = 1; turn <= 20; turn += 1) {
    const aside = `${saved}.${turn}`;
    const moved = ignoring("ENOENT", () => renameSync(target, aside));
    // A save in this very moment has the name already, and it is the newest.
    ignoring("EEXIST", () => linkSync(source, target));
    if (!moved || revisionOf(aside) === expected) return;
    [expected, source] = [revisionOf(source), aside];
  }
}

interface PinnedDirectory extends Disposable {
  at(name: string): string;
  sync(): void;
}

/**
 * A directory that stays the same one while it is used: on Linux names below it go through its open descriptor, so that a
 * folder which is swapped for a symbolic link in the meantime leads nowhere.
 */
function openDirectory(absolute: string, path: string): PinnedDirectory {
  const descriptor = openFolder(absolute, path);
  const own = `/proc/self/fd/${descriptor}`;
  const pinned = process.platform === "linux" && lstatSync(own, { throwIfNoEntry: false }) !== undefined;
  if (pinned && readlinkSync(own) !== absolute) {
    closeSync(descriptor);
    throw swapped(path);
  }
  return {
    at: (name) => join(pinned ? own : absolute, name),
    sync: () => fsyncSync(descriptor),
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

function openFolder(absolute: string, path: string): number {
  const flags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);
  try {
    return openSync(absolute, flags);
  } catch (error) {
    if (isCode(error, "ENOENT")) throw busy(path);
    throw isCode(error, "ELOOP") || isCode(error, "ENOTDIR") ? swapped(path) : error;
  }
}

function swapped(path: string): SpecloopError {
  return new SpecloopError("path_outside_root", `A folder of "${path}" was replaced while it was edited.`, {
    target: path,
  });
}

/** A folder that held only our file would look like an OpenSpec change. */
function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isCode(error, "ENOTEMPTY") && !isCode(error, "EEXIST")) throw error;
  }
}

function ignoring(code: string, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isCode(error, code)) return false;
    throw error;
  }
}

function busy(path: string): SpecloopError {
  return new SpecloopError(
    "document_busy",
    `"${path}" was saved by somebody else while it was edited; that version stands.`,
    {
      target: path,
      fix: "Read the document again and repeat the edit.",
    },
  );
}
