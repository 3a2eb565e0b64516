import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseSpec, placedLines } from "../src/adapters/openspec/index.ts";
import { openGit } from "../src/adapters/git/index.ts";
import { migrate, openSqliteStore } from "../src/adapters/store/index.ts";
import { EventBus } from "../src/foundation/events.ts";
import { silentLogger as logger } from "../src/foundation/logger.ts";
import { migrations } from "../src/orchestrator/index.ts";
import { makeOrchestrator } from "./orchestrator.ts";
import { basesFromGit } from "../src/orchestrator/bases/from-git.ts";
import { baseKey, baseStates, modificationsOf, targetOf } from "../src/orchestrator/bases/index.ts";
import { changeOf, documentOf, type ChangeFiles } from "../src/orchestrator/index.ts";
import {
  REAL_REPOSITORIES,
  realRepositoriesMissing,
  realRepository,
  temporaryRepository,
  type TemporaryRepository,
} from "../test/helpers/repository.ts";

const CHANGES = 200;
const ROUNDS = 30;

/**
 * From the save of a spec to the finding that a delta's base moved, among 200 changes; and how many blocks of real
 * archives drifted. The real repositories lie here without their history, so it is made again: a change is written on
 * the day that its metadata names, and archived on the day of its folder.
 */
export async function run(): Promise<{ rows: unknown[] }> {
  await detection();
  if (realRepositoriesMissing) {
    console.warn(realRepositoriesMissing);
    return { rows: [] };
  }
  const rows = [];
  for (const name of REAL_REPOSITORIES) rows.push({ repository: name, ...(await drift(name)) });
  return { rows };
}

async function detection(): Promise<void> {
  const block = (more: string) =>
    `### Requirement: Sign in\nThe system SHALL sign in.\n${more}\n#### Scenario: good\n- **WHEN** a\n- **THEN** b\n`;
  const spec = (more: string) =>
    `# Auth\n\n## Purpose\nPeople sign in with their own name and no other.\n\n## Requirements\n\n${block(more)}`;
  const files: Record<string, string> = { "openspec/specs/auth/spec.md": spec("") };
  for (let at = 0; at < CHANGES; at += 1) {
    const folder = `openspec/changes/change-${at}`;
    files[`${folder}/proposal.md`] = "# It\n\n## Why\n\nBecause.\n\n## What Changes\n\n- It\n";
    files[`${folder}/specs/auth/spec.md`] = `## MODIFIED Requirements\n\n${block(`It SHALL do ${at}.\n`)}`;
  }
  await using repository = await temporaryRepository(files);
  const state = await mkdtemp(join(tmpdir(), "specloop-bench-"));
  const store = openSqliteStore(join(state, "core.db"), "full");
  await migrate(store, [migrations], Date.now());
  const git = await openGit(repository.path);
  const events = new EventBus(logger);
  const made = { git, store, events, worktree: repository.path, searchFrom: [] };
  const { orchestrator, validator } = makeOrchestrator(made);
  const began = performance.now();
  await orchestrator.start(new AbortController().signal);
  console.log(`start, ${CHANGES} bases read from git: ${Math.round(performance.now() - began)} ms`);
  const times: number[] = [];
  for (let at = 0; at < ROUNDS; at += 1) {
    const moved = Promise.withResolvers<void>();
    let left = CHANGES;
    using _ = events.on("change.findings_changed", () => void ((left -= 1) === 0 && moved.resolve()));
    const saved = performance.now();
    await repository.write("openspec/specs/auth/spec.md", spec(`Line ${at}.\n`));
    await moved.promise;
    times.push(performance.now() - saved);
    await orchestrator.settled();
  }
  times.sort((a, b) => a - b);
  console.log(
    `save to all ${CHANGES} findings: p50 ${Math.round(times[ROUNDS / 2]!)} ms, slowest ${Math.round(times.at(-1)!)} ms`,
  );
  await orchestrator[Symbol.asyncDispose]();
  await validator[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  await rm(state, { recursive: true, force: true });
}

interface SpecsApply {
  findSpecUpdates(change: string, specs: string): Promise<{ id: string; target: string }[]>;
  buildUpdatedSpec(update: unknown, change: string, how: { silent: boolean }): Promise<{ rebuilt: string }>;
}

interface Life {
  id: string;
  folder: string;
  created: string;
  archived: string;
}

async function drift(name: (typeof REAL_REPOSITORIES)[number]) {
  const file = join(process.cwd(), "node_modules/@fission-ai/openspec/dist/core/specs-apply.js");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the package declares no types at this path
  const openspec = (await import(pathToFileURL(file).href)) as SpecsApply;
  await using source = await realRepository(name);
  await using repository = await temporaryRepository({ "README.md": "x\n" });
  const lives = await livesIn(source);
  const counts = { archived: 0, dated: 0, blocks: 0, moved: 0, drops: 0, lost: 0, found: 0, foundInGit: 0, refused: 0 };
  const seen = new Map<string, Map<string, string>>();
  const days = [...new Set(lives.flatMap(({ created, archived }) => [created, archived]))].sort();
  for (const day of days) {
    for (const life of lives.filter(({ created }) => created === day)) {
      await copyChange(source, repository, life);
      await repository.commitAll(`Plan ${life.id}`);
      seen.set(life.id, await textsOf(repository, life));
    }
    for (const life of lives.filter(({ archived }) => archived === day)) {
      await finish(repository, life, { openspec, counts, seen: seen.get(life.id)! });
    }
  }
  return counts;
}

async function livesIn(source: TemporaryRepository): Promise<Life[]> {
  const archive = join(source.path, "openspec/changes/archive");
  const lives: Life[] = [];
  for (const folder of (await readdir(archive)).sort()) {
    const [, archived = "", id = ""] = /^(\d{4}-\d{2}-\d{2})-(.+)$/.exec(folder) ?? [];
    if (id === "") continue;
    const metadata = await readFile(join(archive, folder, ".openspec.yaml"), "utf8").catch(() => "");
    const created = /^created:\s*["']?(\d{4}-\d{2}-\d{2})/m.exec(metadata)?.[1] ?? archived;
    lives.push({ id, folder, created: created < archived ? created : archived, archived });
  }
  return lives;
}

async function copyChange(source: TemporaryRepository, to: TemporaryRepository, { id, folder }: Life): Promise<void> {
  const from = join(source.path, "openspec/changes/archive", folder);
  for (const path of await readdir(from, { recursive: true })) {
    const content = await readFile(join(from, path)).catch(() => null);
    if (content) await to.write(`openspec/changes/${id}/${path}`, content);
  }
}

async function filesOf(repository: TemporaryRepository, { id }: Life): Promise<ChangeFiles> {
  const folder = join(repository.path, "openspec/changes", id);
  const documents = new Map();
  for (const path of await readdir(folder, { recursive: true })) {
    const name = path.replaceAll("\\", "/");
    if (!/^specs\/.+\/spec\.md$/.test(name)) continue;
    documents.set(name, documentOf(`openspec/changes/${id}/${name}`, "delta", await readFile(join(folder, path))));
  }
  return changeOf({ id, documents, truncated: false, git: "committed", branch: null });
}

async function specsFor(repository: TemporaryRepository, files: ChangeFiles) {
  const specs = new Map();
  for (const { capability } of files.deltaFiles) {
    const path = `openspec/specs/${capability}/spec.md`;
    const bytes = await readFile(join(repository.path, path)).catch(() => null);
    if (bytes) specs.set(capability, documentOf(path, "spec", bytes));
  }
  return specs;
}

async function textsOf(repository: TemporaryRepository, life: Life): Promise<Map<string, string>> {
  const files = await filesOf(repository, life);
  const specs = await specsFor(repository, files);
  return new Map(
    modificationsOf(files).flatMap((one) => {
      const text = targetOf(one, specs.get(one.capability))?.raw;
      return text === undefined ? [] : [[baseKey(one), text] as const];
    }),
  );
}

interface Finishing {
  openspec: SpecsApply;
  counts: Record<
    "archived" | "dated" | "blocks" | "moved" | "drops" | "lost" | "found" | "foundInGit" | "refused",
    number
  >;
  /** What the spec said when the change was written. */
  seen: Map<string, string>;
}

async function finish(
  repository: TemporaryRepository,
  life: Life,
  { openspec, counts, seen }: Finishing,
): Promise<void> {
  counts.archived += 1;
  if (life.created < life.archived) counts.dated += 1;
  const files = await filesOf(repository, life);
  const specs = await specsFor(repository, files);
  const modified = modificationsOf(files).filter(({ operation }) => operation === "MODIFIED");
  const git = await openGit(repository.path);
  const sought = modified.map((modification) => {
    return { modification, specPath: `openspec/specs/${modification.capability}/spec.md`, revision: "HEAD" };
  });
  const fromGit = await basesFromGit(git, sought);
  const before = new Map([...specs].map(([capability, document]) => [capability, document]));
  const drifted = sought.flatMap(({ modification }, at) => {
    const base = seen.get(baseKey(modification));
    const main = targetOf(modification, before.get(modification.capability))?.raw;
    if (base === undefined || main === undefined) return [];
    counts.blocks += 1;
    // By plain sets of lines, apart from what is measured here.
    const [was, is, delta] = [linesOf(base), linesOf(main), linesOf(modification.block!.raw)];
    const came = [...is].filter((line) => !was.has(line));
    if (came.length === 0 && [...was].every((line) => is.has(line))) return [];
    counts.moved += 1;
    const dropped = came.filter((line) => !delta.has(line));
    if (dropped.length > 0) counts.drops += 1;
    const row = {
      capability: modification.capability,
      requirement: modification.requirement,
      commit: null,
      takenAt: 0,
      blockHash: "",
      goneAt: null,
    };
    const state = (text: string) =>
      baseStates(files, { specs }, new Map([[baseKey(row), { ...row, text, source: "seen" as const }]])).find(
        (one) => baseKey(one) === baseKey(row),
      );
    const git = fromGit.get(sought[at]!);
    const isStale = (status?: string) => status === "moved";
    if (dropped.length > 0 && isStale(state(base)?.status)) counts.found += 1;
    if (dropped.length > 0 && typeof git === "object" && isStale(state(git.text)?.status)) counts.foundInGit += 1;
    return [{ modification, dropped }];
  });
  const folder = join(repository.path, "openspec/changes", life.id);
  try {
    const updates = await openspec.findSpecUpdates(folder, join(repository.path, "openspec/specs"));
    const built = [];
    for (const update of updates)
      built.push({ update, text: (await openspec.buildUpdatedSpec(update, life.id, { silent: true })).rebuilt });
    for (const { update, text } of built) {
      await mkdir(join(update.target, ".."), { recursive: true });
      await writeFile(update.target, text);
      const now = new Set(parseSpec(text).requirements.flatMap(({ raw }) => [...linesOf(raw)]));
      for (const { modification, dropped } of drifted) {
        if (modification.capability === update.id && dropped.some((line) => !now.has(line))) counts.lost += 1;
      }
    }
  } catch {
    counts.refused += 1;
  }
  const archive = join(repository.path, "openspec/changes/archive");
  await mkdir(archive, { recursive: true });
  await rename(folder, join(archive, life.folder));
  await repository.commitAll(`Archive ${life.id}`);
}

function linesOf(raw: string): Set<string> {
  return new Set(placedLines(raw).map(({ scenario, line }) => `${scenario ?? ""}\0${line}`));
}
