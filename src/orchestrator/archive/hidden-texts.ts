import { isUtf8 } from "node:buffer";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Git } from "../../adapters/git/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";
import { revisionOf } from "./tree.ts";

/** Paths relative to the repository. */
interface Question {
  /** Folder of the change. */
  folder: string;
  specs: string[];
  /** What OpenSpec reads and writes anew; it takes every byte for UTF-8. */
  texts: string[];
}

/**
 * Reasons against an archive that `git status` does not give: texts that are in the last commit or in the index and not in
 * the working tree, or the other way round, which a move and its commit would drop or take along unseen. Changes nothing.
 */
export async function hiddenTexts(git: Git, { folder, specs, texts }: Question): Promise<Diagnostic[]> {
  const dirty = await git.dirty(folder);
  const known = await inLastCommit(git, { folder, specs });
  const settled = [...known].filter(([path]) => !dirty.includes(path));
  return [
    ...(await left(git, settled)),
    ...(await staged(git, dirty)),
    ...dirty.filter((path) => path.endsWith("/")).map(nested),
    ...(await notText(git, texts)),
  ];
}

async function inLastCommit(
  git: Git,
  { folder, specs }: Pick<Question, "folder" | "specs">,
): Promise<Map<string, string>> {
  if ((await git.head()).commit === null) return new Map();
  const known = await git.list("HEAD", folder);
  for (const [path, { head }] of await git.recorded(specs)) if (head !== null) known.set(path, head);
  return known;
}

/** A sparse checkout leaves files out, and git can be told to take a changed file for unchanged. */
async function left(git: Git, settled: [path: string, blob: string][]): Promise<Diagnostic[]> {
  const reasons: Diagnostic[] = [];
  for (const [path, blob] of settled) {
    const file = join(git.places.worktree, path);
    const stats = await lstat(file).catch(() => null);
    if (!stats) reasons.push(leftOut(path));
    // Equal ids prove it; where line ends or filters convert, only git can tell.
    else if (stats.isFile() && revisionOf(file) !== blob && (await git.blobIdOf(path)) !== blob)
      reasons.push(hidden(path));
  }
  return reasons;
}

/** What is staged in another version than it lies there is the person's only copy of it. */
async function staged(git: Git, dirty: string[]): Promise<Diagnostic[]> {
  const files = dirty.filter((path) => !path.endsWith("/"));
  if (files.length === 0) return [];
  const reasons: Diagnostic[] = [];
  for (const [path, { head, index }] of await git.recorded(files)) {
    if (index === null || index === head) continue;
    const now = revisionOf(join(git.places.worktree, path));
    if (now !== null && (now === index || (await git.blobIdOf(path)) === index)) continue;
    reasons.push({
      severity: "error",
      code: "partly_staged",
      message: `${path} is staged in another version than it is in the working tree.`,
      target: path,
      fix: `Commit what is staged, or let go of it: git restore --staged ${path}`,
    });
  }
  return reasons;
}

async function notText(git: Git, paths: string[]): Promise<Diagnostic[]> {
  const reasons: Diagnostic[] = [];
  for (const path of paths) {
    const bytes = await readFile(join(git.places.worktree, path)).catch(() => null);
    if (bytes === null || isUtf8(bytes)) continue;
    const message = `${path} is not UTF-8 text, so OpenSpec would write other characters than it has.`;
    reasons.push({ severity: "error", code: "not_text", message, target: path, fix: "Save it as UTF-8." });
  }
  return reasons;
}

function leftOut(path: string): Diagnostic {
  return {
    severity: "error",
    code: "not_checked_out",
    message: `${path} is in the last commit and not in the working tree, where git was told to leave it out.`,
    target: path,
    fix: `Take it in: git sparse-checkout add ${path.slice(0, path.lastIndexOf("/"))}`,
  };
}

function hidden(path: string): Diagnostic {
  return {
    severity: "error",
    code: "uncommitted_change",
    message: `${path} is not as the last commit has it, though git was told to take it for unchanged.`,
    target: path,
    fix: `Let git look at it again (git update-index --no-assume-unchanged ${path}), then commit or undo what you changed.`,
  };
}

function nested(path: string): Diagnostic {
  return {
    severity: "error",
    code: "nested_repository",
    message: `${path} is a repository of its own inside the change, of which a commit would hold nothing.`,
    target: path,
    fix: "Move it out of the change, or let git ignore it.",
  };
}
