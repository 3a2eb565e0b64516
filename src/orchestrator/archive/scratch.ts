import { copyFile, lstat, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ArchiveReport, PlanningRoot, Validator } from "../../adapters/openspec/index.ts";
import { SpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import { entriesOf } from "../document-reader.ts";
import { accountFor } from "./account.ts";
import { exists, readTree, type Tree } from "./tree.ts";

export interface ScratchParts {
  validator: Pick<Validator, "archive">;
  /** Folder for the copy, outside the planning root. */
  directory: string;
}

/** A main spec as it is and as the merge makes it; null for "no file". */
export interface SpecChange {
  capability: string;
  before: Buffer | null;
  after: Buffer | null;
}

export interface Merged {
  report: ArchiveReport;
  /** Name of the folder below changes/archive. */
  archivedAs: string;
  specs: SpecChange[];
  /** Why the result cannot be trusted; empty when every text is accounted for. */
  doubts: Diagnostic[];
}

/** Extra files of a change that OpenSpec does not read are not copied. */
const READ = /(?:^|\/)[^/]*\.(?:md|ya?ml)$/i;

/**
 * Lets OpenSpec archive a change in a copy that holds only what it needs, and compares everything in there with an account
 * of our own. The person's files are only read. Throws what `Validator.archive` throws.
 */
export async function mergeInScratch(
  root: Pick<PlanningRoot, "directory">,
  change: string,
  parts: ScratchParts,
  signal: AbortSignal,
): Promise<Merged> {
  await mkdir(parts.directory, { recursive: true, mode: 0o700 });
  const project = await mkdtemp(join(parts.directory, "scratch-"));
  try {
    const capabilities = await copyNeeded(root, change, join(project, "openspec"));
    const before = await readTree(join(project, "openspec"));
    const specs = await readSpecs(project, capabilities);
    const report = await parts.validator.archive(project, change, signal);
    const after = await readTree(join(project, "openspec"));
    return await judge({ project, change, report, capabilities }, { before, after, specs });
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

/** Capabilities that a change has a delta for; nested ones as `a/b`. */
export function capabilitiesIn(paths: Iterable<string>): string[] {
  return [...paths].flatMap((path) => /^specs\/(.+)\/spec\.md$/.exec(path)?.[1] ?? []).sort();
}

async function copyNeeded(root: Pick<PlanningRoot, "directory">, change: string, to: string): Promise<string[]> {
  const folder = `changes/${change}`;
  const inChange = [...(await readTree(join(root.directory, folder))).keys()];
  const capabilities = capabilitiesIn(inChange);
  const schemas = await readTree(join(root.directory, "schemas"));
  const wanted = [
    "config.yaml",
    "config.yml",
    "project.md",
    ...[...schemas.keys()].map((path) => `schemas/${path}`),
    ...capabilities.map((name) => `specs/${name}/spec.md`),
    ...inChange.filter((path) => READ.test(path)).map((path) => `${folder}/${path}`),
  ];
  for (const path of wanted) await copy(join(root.directory, path), join(to, path));
  await mkdir(join(to, folder), { recursive: true });
  await mkdir(join(to, "specs"), { recursive: true });
  for (const entry of await entriesOf(join(root.directory, "changes/archive"))) {
    // Their names alone: OpenSpec refuses a name that is taken.
    if (entry.isDirectory()) await mkdir(join(to, "changes/archive", entry.name), { recursive: true });
  }
  return capabilities;
}

/** Plain files only: what a link leads to is nobody's to merge into. */
async function copy(from: string, to: string): Promise<void> {
  const stats = await lstat(from).catch(() => null);
  if (!stats?.isFile()) return;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

async function readSpecs(project: string, capabilities: string[]): Promise<Map<string, Buffer | null>> {
  const specs = new Map<string, Buffer | null>();
  for (const name of capabilities) {
    const file = join(project, "openspec/specs", name, "spec.md");
    specs.set(name, (await exists(file)) ? await readFile(file) : null);
  }
  return specs;
}

interface Made {
  project: string;
  change: string;
  report: ArchiveReport;
  capabilities: string[];
}

async function judge(
  { project, change, report, capabilities }: Made,
  { before, after, specs }: { before: Tree; after: Tree; specs: Map<string, Buffer | null> },
): Promise<Merged> {
  const { archivedAs } = report;
  if (archivedAs.includes("/") || archivedAs.startsWith(".")) {
    throw new SpecloopError("archive_refused", `OpenSpec named the archive "${archivedAs}".`);
  }
  const now = await readSpecs(project, capabilities);
  const doubts = strangers({ change, archivedAs, capabilities }, before, after);
  const changed: SpecChange[] = [];
  for (const capability of capabilities) {
    const delta = join(project, "openspec/changes/archive", archivedAs, "specs", capability, "spec.md");
    const text = await readFile(delta, "utf8").catch(() => null);
    const [was, is] = [specs.get(capability) ?? null, now.get(capability) ?? null];
    if (text === null) continue; // `strangers` says that the delta is gone
    const texts = { before: was?.toString("utf8") ?? null, after: is?.toString("utf8") ?? null };
    doubts.push(...accountFor({ capability, ...texts, delta: text }));
    if (was === null ? is !== null : is === null || !was.equals(is))
      changed.push({ capability, before: was, after: is });
  }
  return { report, archivedAs, specs: changed, doubts };
}

/** Whatever is otherwise than before, apart from the specs of these capabilities and the folder's move. */
function strangers(
  { change, archivedAs, capabilities }: { change: string; archivedAs: string; capabilities: string[] },
  before: Tree,
  after: Tree,
): Diagnostic[] {
  const specs = new Set(capabilities.map((name) => `specs/${name}/spec.md`));
  const moved = (path: string) =>
    path.startsWith(`changes/${change}/`)
      ? `changes/archive/${archivedAs}/${path.slice(`changes/${change}/`.length)}`
      : path;
  const expected = new Map([...before].map(([path, content]) => [moved(path), content]));
  const wrong = [
    ...[...expected].filter(([path, content]) => !specs.has(path) && after.get(path) !== content),
    ...[...after].filter(([path]) => !specs.has(path) && !expected.has(path)),
  ];
  return [...new Set(wrong.map(([path]) => path))].map((path) => ({
    severity: "error",
    code: "files_differ",
    message: `After OpenSpec's archive ${path} is not what it should be.`,
    target: path,
  }));
}
