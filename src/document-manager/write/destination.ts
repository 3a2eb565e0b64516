import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import { principalLabel, type Principal } from "../../foundation/principal.ts";
import type { Live } from "../../foundation/options.ts";
import type { EditRows } from "../edit-rows.ts";
import type { DocumentOptions } from "../options.ts";
import type { PreparedFile } from "../prepare.ts";
import type { Destination, Group } from "./group.ts";

interface Dependencies {
  git: Git;
  rows: EditRows;
  options: Live<DocumentOptions>;
}

interface Question {
  files: PreparedFile[];
  group: Group;
  principal: Principal;
}

/** What a document is to git, as far as an edit of it goes. */
type Standing = "clean" | "unknown" | "waiting" | "dirty";

/**
 * Where an edit of these documents goes: what is as the last commit has it is committed; what a person has changed and
 * not committed is left alone and the edit proposed; what git does not know yet is the person's to commit first.
 */
export async function destinationOf(
  deps: Dependencies,
  { files, group, principal }: Question,
): Promise<Destination | { kind: "propose"; why: string }> {
  const standings = await Promise.all(files.map((file) => standingOf(deps, file, group)));
  const withStanding = (wanted: Standing) => files.find((_file, index) => standings[index] === wanted);
  const dirty = withStanding("dirty");
  if (dirty) return { kind: "propose", why: `${dirty.path} has changes that are not committed` };
  const unknown = withStanding("unknown");
  if (unknown) return untracked(deps, { files, unknown, principal, standings });
  const waiting = withStanding("waiting");
  return waiting ? { kind: "wait", why: `an earlier edit of ${waiting.path} waits too.` } : { kind: "commit" };
}

async function standingOf({ git, rows }: Dependencies, file: PreparedFile, group: Group): Promise<Standing> {
  const { path, base } = file;
  if (group.content(path) !== undefined) return "clean"; // What stood in the way would have kept the first edit out.
  const { head, index } = await group.blobs(path);
  // Equal ids prove it; where git converts line ends or filters content, only git itself can tell.
  if (head === index && head === base) return "clean";
  const state = await git.pathState(path);
  // A file that a sparse checkout leaves out is absent and yet in the last commit.
  if (base === null) return state === "absent" && head === null ? "clean" : "dirty";
  // git also calls a file clean that it was told to take for unchanged.
  if (state === "clean" && head === index && (await git.blobIdOf(path)) === index) return "clean";
  if (head === null) return "unknown";
  const ours = head === index && (await rows.inState("pending")).some(({ files }) => leaves(files, path, base));
  return ours ? "waiting" : "dirty";
}

/** Whether an edit of ours, whose commit waits, made the document what it is. */
function leaves(files: { path: string; next: string | null }[], path: string, base: string | null): boolean {
  return files.some((file) => file.path === path && file.next === base);
}

interface Untracked {
  files: PreparedFile[];
  unknown: PreparedFile;
  principal: Principal;
  standings: Standing[];
}

async function untracked(
  deps: Dependencies,
  { files, unknown, principal, standings }: Untracked,
): Promise<Destination> {
  const { path } = unknown;
  const policy = deps.options.current.untracked;
  const mixed = files.some(({ base }, index) => standings[index] !== "unknown" && base !== null);
  if (policy === "refuse" || (mixed && policy === "write")) {
    const why = mixed
      ? `"${path}" is not committed yet, but another document of the same edit is.`
      : `"${path}" is not committed yet, so an edit could not be told from your own work.`;
    const fix = `Commit it first (git add ${path} && git commit), then repeat the edit.`;
    throw new SpecloopError("document_busy", why, { target: path, fix });
  }
  if (policy === "write")
    return { kind: "tree", why: `git does not know ${path} yet; the edit goes into its first commit, which is yours.` };
  const found = files.filter((_file, index) => standings[index] === "unknown").map((file) => file.path);
  const trailers = { "Specloop-Principal": principalLabel(principal), "Specloop-Reason": "Found before an edit" };
  await deps.git.commitOnly({ paths: found, message: `Add ${found.join(", ")} as found`.slice(0, 200), trailers });
  return { kind: "commit" };
}
