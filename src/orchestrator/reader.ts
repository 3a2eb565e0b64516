import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Git } from "../adapters/git/index.ts";
import { readRoot, readSchema, SPEC_DRIVEN, type ChangeSchema, type PlanningRoot } from "../adapters/openspec/index.ts";
import type { Diagnostic } from "../foundation/errors.ts";
import { toRepositoryPath } from "../foundation/paths.ts";
import { NO_ARCHIVE, readArchive, trackedTasks } from "./archive-facts.ts";
import { placeOf, type HeadFiles } from "./git-facts.ts";
import { entriesOf, filesBelow, type DocumentReader } from "./document-reader.ts";
import { roleInChange, unreadDocument, type Document } from "./document.ts";
import { changeOf, type ChangeFiles } from "./change-files.ts";
import type { Snapshot } from "./snapshot.ts";

/** Files of one change, and main specs, that are looked at. */
const MAX_FILES = 500;
const MAX_SPECS = 5_000;
/** Schemas of one folder outside the repository. */
const MAX_SHARED_SCHEMAS = 100;
/** Files that are read at the same time. */
const PARALLEL = 32;

/** What moved below one planning root. */
export type Extent = "all" | { changes: Set<string>; specs: boolean; config: boolean; archive: boolean };

export const NOTHING_MOVED: Extent = { changes: new Set(), specs: false, config: false, archive: false };

export interface ReadContext {
  git: Git;
  reader: DocumentReader;
  head: HeadFiles;
  approvals: Map<string, Set<string>>;
  /** Folders outside the repository whose schemas count where the project has none of the name, the first one first. */
  schemaFolders?: () => Promise<string[]>;
}

/**
 * Reads a planning root, or what moved of it since `last`. Problems of single files are in their documents; this never
 * fails because of what the files say.
 */
export async function readSnapshot(
  root: PlanningRoot,
  last: Snapshot | null,
  extent: Extent,
  context: ReadContext,
): Promise<Snapshot> {
  const parts =
    last === null || extent === "all"
      ? await readAll(root, last?.archive ?? NO_ARCHIVE, context)
      : await readMoved(root, last, extent, context);
  return { root: root.path, ...parts, approvals: context.approvals };
}

type Parts = Omit<Snapshot, "root" | "approvals">;

async function readAll(root: PlanningRoot, lastArchive: Snapshot["archive"], context: ReadContext): Promise<Parts> {
  const rules = await readRules(root, context);
  const specs = await readSpecs(root, context.reader);
  const archived = await readArchived(root, rules, lastArchive);
  const ids = await directories(join(root.directory, "changes"));
  return { ...rules, specs, ...archived, changes: await readChanges(root, new Map(), ids, context) };
}

async function readMoved(
  root: PlanningRoot,
  last: Snapshot,
  moved: Exclude<Extent, "all">,
  context: ReadContext,
): Promise<Parts> {
  const { config, schemas } = moved.config ? await readRules(root, context) : last;
  const specs = moved.specs ? await readSpecs(root, context.reader) : last.specs;
  const { archived, archive } = moved.archive ? await readArchived(root, { config, schemas }, last.archive) : last;
  const before = new Map([...last.changes].filter(([, { git }]) => git !== "branch"));
  const changes = await readChanges(root, before, [...moved.changes], context);
  return { config, schemas, specs, archived, archive, changes };
}

/** `changes` with those of `ids` read again; one that is gone is left out. */
async function readChanges(
  root: PlanningRoot,
  changes: Snapshot["changes"],
  ids: string[],
  context: ReadContext,
): Promise<Snapshot["changes"]> {
  await inParallel(ids, async (id) => {
    const files = await readChange(root, id, context);
    if (files) changes.set(id, files);
    else changes.delete(id);
  });
  return changes;
}

async function readRules(root: PlanningRoot, context: ReadContext): Promise<Pick<Snapshot, "config" | "schemas">> {
  const { config } = await readRoot(context.git.places.worktree, root.directory);
  return { config, schemas: await readSchemas(root, context) };
}

async function readArchived(
  root: PlanningRoot,
  rules: Pick<Snapshot, "config" | "schemas">,
  last: Snapshot["archive"],
): Promise<Pick<Snapshot, "archived" | "archive">> {
  const archived = await directories(join(root.directory, "changes", "archive"));
  return { archived, archive: await readArchive(root.directory, archived, { trackedBy: trackedTasks(rules), last }) };
}

/** What a set of moved paths means for a root; `all` when its own folders came or went. */
export function extentOf(root: PlanningRoot, paths: Iterable<string>): Extent {
  const extent = { changes: new Set<string>(), specs: false, config: false, archive: false };
  for (const path of paths) {
    const parts = toRepositoryPath(root.directory, path).split("/");
    if (parts[0] === ".." || parts[0] === "") {
      if (root.directory === path) return "all";
      continue;
    }
    if (parts[0] === "specs") extent.specs = true;
    else if (parts[0] !== "changes") extent.config = true;
    else if (parts.length === 1) return "all";
    else if (parts[1] === "archive") extent.archive = true;
    else if (!parts[1]!.startsWith(".")) extent.changes.add(parts[1]!);
  }
  return extent;
}

async function readChange(root: PlanningRoot, id: string, context: ReadContext): Promise<ChangeFiles | null> {
  const directory = join(root.directory, "changes", id);
  const stats = await lstat(directory).catch(() => null);
  if (!stats?.isDirectory() || id === "archive") return null;
  const { paths, truncated, closed } = await filesBelow(directory, MAX_FILES);
  const documents = new Map<string, Document>();
  for (const name of closed) {
    const path = [root.path, "changes", id, name].filter(Boolean).join("/");
    documents.set(name || ".", unreadDocument(path, 0, "unreadable"));
  }
  for (const name of paths) {
    const path = `${root.path}/changes/${id}/${name}`;
    const document = await context.reader.read(join(directory, name), path, roleInChange(name));
    if (document) documents.set(name, document);
  }
  const git = await placeOf(documents, `${root.path}/changes/${id}`, context);
  return changeOf({ id, documents, truncated, git, branch: null });
}

async function readSpecs(root: PlanningRoot, reader: DocumentReader): Promise<Map<string, Document>> {
  const directory = join(root.directory, "specs");
  const { paths, closed } = await filesBelow(directory, MAX_SPECS);
  const specs = new Map<string, Document>();
  // Nothing is said to be missing from a capability whose folder may not be read.
  for (const name of closed) {
    const path = [root.path, "specs", name].filter(Boolean).join("/");
    specs.set(name, unreadDocument(path, 0, "unreadable"));
  }
  await inParallel(paths, async (name) => {
    const isSpec = name.endsWith("/spec.md");
    // A linked capability is not followed, but known to be there, so that nothing is said to be missing from it.
    const mayBeLink = !name.includes(".");
    if (!isSpec && !mayBeLink) return;
    const document = await reader.read(join(directory, name), `${root.path}/specs/${name}`, "spec");
    if (document && (isSpec || document.problem === "unreadable")) specs.set(name.replace(/\/spec\.md$/, ""), document);
  });
  return new Map([...specs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * As OpenSpec finds them: the project's, then the person's own, then those of the installed package. They are read and
 * never run; what is not the project's may be linked, as OpenSpec allows it.
 */
async function readSchemas(
  root: PlanningRoot,
  { reader, schemaFolders }: Pick<ReadContext, "reader" | "schemaFolders">,
): Promise<Map<string, ChangeSchema | Diagnostic>> {
  const schemas = new Map<string, ChangeSchema | Diagnostic>();
  const read = async (folder: string, name: string, shown: string) => {
    const text = schemas.has(name) ? null : await reader.readText(join(folder, name, "schema.yaml"));
    if (text !== null) schemas.set(name, readSchema(text, shown));
  };
  const own = join(root.directory, "schemas");
  for (const name of await directories(own)) await read(own, name, `${root.path}/schemas/${name}/schema.yaml`);
  for (const folder of (await schemaFolders?.()) ?? []) {
    const names = (await entriesOf(folder)).filter((entry) => entry.isDirectory() || entry.isSymbolicLink());
    for (const { name } of names.slice(0, MAX_SHARED_SCHEMAS))
      if (!name.startsWith(".") && name !== SPEC_DRIVEN.name)
        await read(folder, name, join(folder, name, "schema.yaml"));
  }
  return schemas;
}

/** Names of folders that are not hidden. */
async function directories(parent: string): Promise<string[]> {
  const entries = await entriesOf(parent);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
}

async function inParallel<Item>(items: Item[], work: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      next += 1;
      await work(items[next - 1]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
