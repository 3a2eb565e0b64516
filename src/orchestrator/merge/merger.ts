import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Emitter } from "../../foundation/events.ts";
import { gitBlobId } from "../../foundation/hash.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { BaseKeeper } from "../bases/index.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Snapshot } from "../snapshot.ts";
import { planMerge, type PlannedBlock } from "./plan.ts";
import type { DeltaWriter, MergeRequest, MergeResult } from "./port.ts";
import { blocksDiff, editsFor, spliced } from "./splice.ts";

/** What a merge needs to know of its change, as it was read last. */
export interface MergeSubject {
  files: ChangeFiles;
  specs: Snapshot["specs"];
  bases: BaseKeeper;
  /** Path of the planning root. */
  root: string;
}

interface MergeParts {
  git: Git;
  events: Emitter;
  writer?: DeltaWriter | undefined;
  roots: Roots;
  principal: Principal;
}

/** Where changes are found. */
interface Roots {
  own: readonly Merging[];
  findChange(id: string, root?: string): { keeper: object; state: { stage: string } };
}

interface Merging {
  toMerge(id: string): MergeSubject | null;
}

interface MergedFile {
  path: string;
  revision: string;
  before: string;
  after: string;
  blocks: PlannedBlock[];
}

/**
 * Brings the deltas of a change up to what the specs say now. Nothing is written when anything conflicts, unless the
 * request says so; the specs are never written. Throws `forbidden`, `unsupported`, `bad_input`, and what the writer throws.
 */
export async function mergeChange(request: MergeRequest, parts: MergeParts): Promise<MergeResult> {
  const { id, dryRun = false, partial = false } = request;
  const subject = subjectOf(request, parts.roots);
  const resolved = new Set(request.resolved);
  refuse(subject, resolved, parts.principal);
  const blocks = planMerge({ ...subject, bases: subject.bases.known.get(id) ?? new Map(), resolved });
  checkResolved(blocks, resolved);
  const mayWrite = partial || blocks.every(({ outcome }) => outcome !== "conflict");
  const files = mayWrite ? await mergedFiles(parts.git.places.worktree, blocks) : [];
  const commit = files.length > 0 && !dryRun ? await write(files, subject, parts) : null;
  if (!dryRun) await finish(blocks, { subject, parts, written: files.length > 0 });
  const written = files.length > 0;
  return {
    changeId: id,
    root: subject.root,
    dryRun,
    written,
    blocks: blocks.map(shown),
    diff: diffOf(blocks),
    commit,
    message: said(blocks, { written, dryRun }),
  };
}

/** Only what is under way in the served worktree can be written. */
function subjectOf({ id, root }: MergeRequest, roots: Roots): MergeSubject {
  const { keeper, state } = roots.findChange(id, root);
  const subject = roots.own.find((own) => own === keeper)?.toMerge(id);
  if (subject) return subject;
  const isOver = state.stage === "archived" || state.stage === "abandoned";
  const why = isOver ? `${id} is ${state.stage}` : `${id} lies in another worktree or store`;
  throw new SpecloopError("unsupported", `${why}; changes are merged that are under way here.`, { target: id });
}

interface Finished {
  subject: MergeSubject;
  parts: MergeParts;
  written: boolean;
}

async function finish(blocks: PlannedBlock[], { subject, parts, written }: Finished): Promise<void> {
  const count = (outcome: string) => blocks.filter((block) => block.outcome === outcome).length;
  for (const block of blocks) if (block.outcome === "resolved") await settle(subject, block, "resolved");
  if (blocks.length === 0) return;
  const counts = { merged: written ? count("merged") : 0, conflicts: count("conflict") };
  const { principal, events } = parts;
  events.emit("change.merged", { changeId: subject.files.id, root: subject.root, ...counts, principal });
}

function refuse({ files }: MergeSubject, resolved: ReadonlySet<string>, principal: Principal): void {
  if (resolved.size > 0 && principal.kind !== "person") {
    throw new SpecloopError("forbidden", "Only a person can say that a delta stands beside what the spec got since.", {
      target: files.id,
      fix: `Write the delta so that it has both, and ask a person to run \`specloop change merge ${files.id} --resolved NAME\`.`,
    });
  }
  if (files.branch !== null) {
    throw new SpecloopError(
      "unsupported",
      `${files.id} is proposed on ${files.branch}; a merge works in the working tree.`,
      {
        target: files.id,
        fix: `Merge the branch first: git merge ${files.branch}`,
      },
    );
  }
  for (const document of files.documents.values()) {
    if (!document.content.delta || document.content.conflictLine === null) continue;
    throw new SpecloopError("bad_input", `${document.path} holds git's conflict markers.`, {
      target: `${document.path}:${document.content.conflictLine}`,
      fix: "Resolve them, then merge again.",
    });
  }
}

function checkResolved(blocks: PlannedBlock[], resolved: ReadonlySet<string>): void {
  for (const name of resolved) {
    const block = blocks.find(
      ({ capability, requirement }) => name === requirement || name === `${capability}/${requirement}`,
    );
    if (block && block.main !== null) continue;
    const stale = blocks.map(({ requirement }) => `"${requirement}"`).join(", ") || "none";
    const why = block ? "is gone from the spec, so there is nothing beside which it could stand" : "waits for no merge";
    throw new SpecloopError("bad_input", `"${name}" ${why}. Waiting: ${stale}.`, {
      target: name,
      fix: block
        ? "Rename it in the delta to what the spec has, or make it an ADDED requirement."
        : "Name one that waits.",
    });
  }
}

/** The deltas that change, read now: the writer refuses them if they are others by then. */
async function mergedFiles(worktree: string, blocks: PlannedBlock[]): Promise<MergedFile[]> {
  const merged = Map.groupBy(
    blocks.filter(({ text }) => text !== null),
    ({ path }) => path,
  );
  const files: MergedFile[] = [];
  for (const [path, inFile] of merged) {
    const bytes = await readFile(join(worktree, path));
    const before = bytes.toString("utf8");
    files.push({ path, revision: gitBlobId(bytes), before, after: spliced(before, inFile), blocks: inFile });
  }
  return files;
}

/** The bases move only when the deltas were written where they are read. */
async function write(
  files: MergedFile[],
  subject: MergeSubject,
  { git, writer, principal }: MergeParts,
): Promise<string | null> {
  const { id } = subject.files;
  if (!writer) throw new SpecloopError("unsupported", "Nothing here writes documents.", { target: id });
  for (const file of files) await refuseUnsettled(file, subject, git);
  const names = files.flatMap(({ blocks }) => blocks.map(({ requirement }) => requirement));
  const written = await writer.update({
    files: files.map(({ path, revision, before, after, blocks }) => {
      return { path, edits: editsFor(before, after, blocks), baseRevision: revision };
    }),
    reason: `Merge the specs into the delta of ${id}: ${names.join(", ")}`,
    principal,
    origin: { change: id },
  });
  if (written.status !== "proposed") {
    for (const { blocks } of files) for (const block of blocks) await settle(subject, block, "merged");
  }
  return written.commit;
}

/** A delta that a person is in the middle of is theirs to commit first; one that git does not know is written as it lies. */
async function refuseUnsettled({ path, revision }: MergedFile, { files }: MergeSubject, git: Git): Promise<void> {
  const known = [...files.documents.values()].find((document) => document.path === path);
  if (known?.revision !== revision) {
    const why = `${path} was saved while it was being merged.`;
    throw new SpecloopError("document_busy", why, { target: path, fix: "Call again." });
  }
  const state = await git.pathState(path);
  if (state !== "modified" && state !== "staged") return;
  throw new SpecloopError("document_busy", `${path} has changes that are not committed.`, {
    target: path,
    fix: `Commit them (git commit ${path}), then merge again.`,
  });
}

async function settle(
  { files, bases }: MergeSubject,
  block: PlannedBlock,
  source: "merged" | "resolved",
): Promise<void> {
  if (block.main !== null) await bases.settle({ change: files, modification: block.modification }, block.main, source);
}

function diffOf(blocks: PlannedBlock[]): string {
  const files = Map.groupBy(blocks, ({ path }) => path);
  return [...files]
    .map(([path, inFile]) => blocksDiff(path, inFile))
    .filter(Boolean)
    .join("\n");
}

function shown({ capability, requirement, path, line, outcome, came, went, conflicts }: PlannedBlock) {
  return { capability, requirement, path, line, outcome, came, went, conflicts };
}

function said(blocks: PlannedBlock[], { written, dryRun }: { written: boolean; dryRun: boolean }): string {
  const count = (outcome: string) => blocks.filter((block) => block.outcome === outcome).length;
  const [merged, conflicts, resolved] = [count("merged"), count("conflict"), count("resolved")];
  if (blocks.length === 0) return "Every delta was written against what the specs say now; there is nothing to merge.";
  const parts = [
    ...(merged > 0 ? [`${requirements(merged)} ${written && !dryRun ? "merged" : "can be merged"}`] : []),
    ...(conflicts > 0 ? [`${requirements(conflicts)} in conflict`] : []),
    ...(resolved > 0 ? [`${requirements(resolved)} ${dryRun ? "would be left" : "left"} as the delta has it`] : []),
  ];
  const nothing = conflicts > 0 && !written ? " Nothing was written." : "";
  const partial = nothing !== "" && merged > 0 ? " What can be merged is written with partial." : "";
  return `${parts.join(", ")}.${nothing}${partial}`;
}

function requirements(count: number): string {
  return count === 1 ? "1 requirement" : `${count} requirements`;
}
