import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { simpleGit } from "simple-git";
import { openGit } from "../src/adapters/git/index.ts";
import { migrate, openSqliteStore } from "../src/adapters/store/index.ts";
import { DocumentManager, migrations, options, type DocumentTables } from "../src/document-manager/index.ts";
import { systemClock } from "../src/foundation/clock.ts";
import { EventBus } from "../src/foundation/events.ts";
import { silentLogger } from "../src/foundation/logger.ts";

const execute = promisify(execFile);
const BURST = 200;
const SIZES = [
  { files: 100, turns: 60 },
  { files: 1000, turns: 60 },
  { files: 10_000, turns: 40 },
  { files: 100_000, turns: 15 },
];
const document = "openspec/changes/add-x/proposal.md";
const body = "A sentence that stands for the text of a proposal, about as long as such sentences are.\n".repeat(35);

/** One line of a result: what was measured and its figures. */
type Row = Record<string, string | number>;

/**
 * A durable update (intent row, synced file, commit) beside the bare `git commit --only` that it contains and simple-git's
 * add and commit, alternating in one repository, so that a busy machine slows all alike. Milliseconds. Then many updates
 * at once, which share commits: per hour.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const rows: Row[] = [];
  for (const { files, turns } of SIZES) rows.push(...(await measure(files, turns)));
  return { name: "documents", rows };
}

async function measure(count: number, turns: number): Promise<Row[]> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "specloop-bench-")));
  try {
    await fill(path, count);
    const store = openSqliteStore(join(path, ".specloop/core.db"), "full");
    await migrate(store, [migrations], Date.now());
    const manager = new DocumentManager({
      store: store.as<DocumentTables>(),
      git: await openGit(path),
      events: new EventBus(silentLogger),
      clock: systemClock,
      logger: silentLogger,
      options: { current: options.schema.parse({}) },
      recovery: join(path, ".specloop/recovery"),
    });
    await manager.start(new AbortController().signal);
    const update = (turn: number) => {
      const edits = [{ kind: "replace_section" as const, section: "Why", content: `Because of ${turn}.` }];
      return manager.update({
        files: [{ path: document, edits }],
        reason: "Say why",
        principal: { kind: "system", name: "bench" },
      });
    };
    for (let turn = 0; turn < 5; turn += 1) await update(turn - 100);
    const simple = simpleGit({ baseDir: path, config: ["gc.auto=0"] });
    const [ours, bare, plain, easy]: [number[], number[], number[], number[]] = [[], [], [], []];
    for (let turn = 0; turn < turns; turn += 1) {
      ours.push(await timed(() => update(turn)));
      bare.push(await timed(() => commitOnly(path, turn, ["-c", "core.fsync=committed"])));
      plain.push(await timed(() => commitOnly(path, turn + 0.5, [])));
      await save(path, "other.md", `simple ${turn}\n`);
      easy.push(await timed(() => simple.add("other.md").commit("Other", "other.md")));
    }
    const before = Number((await execute("git", ["rev-list", "--count", "HEAD"], { cwd: path })).stdout);
    const burst = await timed(() => Promise.all(Array.from({ length: BURST }, (_, index) => append(manager, index))));
    const commits = Number((await execute("git", ["rev-list", "--count", "HEAD"], { cwd: path })).stdout) - before;
    await manager[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    const base = at(bare, 0.5);
    return [
      row(`durable update, ${count} files`, ours, base),
      row(`git commit --only, synced, ${count} files`, bare, base),
      row(`git commit --only, not synced, ${count} files`, plain, base),
      row(`simple-git add and commit, not synced, ${count} files`, easy, base),
      {
        what: `${BURST} updates of 20 documents at once, ${count} files`,
        "ms in all": Math.round(burst),
        commits,
        "per hour": Math.round((BURST / burst) * 3_600_000),
      },
    ];
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** One of many updates at the same moment. */
function append(manager: DocumentManager, index: number): Promise<unknown> {
  const edits = [{ kind: "append_to_section" as const, section: "Why", content: `- line ${index}` }];
  const files = [{ path: `openspec/changes/c${index % 20}/proposal.md`, edits }];
  return manager.update({ files, reason: `Say ${index}`, principal: { kind: "agent", name: `a${index % 5}` } });
}

async function fill(path: string, count: number): Promise<void> {
  const git = (...args: string[]) => execute("git", args, { cwd: path, maxBuffer: 64 * 1024 * 1024 });
  await git("init", "--quiet", "--initial-branch=main");
  await git("config", "user.name", "Ada Example");
  await git("config", "user.email", "ada@example.org");
  await git("config", "commit.gpgsign", "false");
  await mkdir(join(path, ".specloop"));
  await save(path, ".gitignore", ".specloop/\n");
  await save(path, document, `# Add X\n\n## Why\n\nold\n\n## What changes\n\n${body}`);
  await save(path, "other.md", "0\n");
  for (let index = 0; index < 20; index += 1)
    await save(path, `openspec/changes/c${index}/proposal.md`, `# C\n\n## Why\n\nold\n\n## What changes\n\n${body}`);
  for (let index = 0; index < count; index += 1)
    await save(path, `src/folder-${index % 100}/file-${index}.ts`, `export const n = ${index};\n`);
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "Begin");
}

async function save(path: string, name: string, content: string): Promise<void> {
  await mkdir(dirname(join(path, name)), { recursive: true });
  await writeFile(join(path, name), content);
}

async function commitOnly(path: string, turn: number, options: string[]): Promise<void> {
  await save(path, "other.md", `turn ${turn}\n`);
  await execute(
    "git",
    [...options, "-c", "gc.auto=0", "commit", "--quiet", "--only", "-m", "Other", "--", "other.md"],
    { cwd: path },
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

function at(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function row(what: string, values: number[], base: number): Row {
  const round = (value: number) => Math.round(value * 10) / 10;
  const [p50, p95] = [at(values, 0.5), at(values, 0.95)];
  return {
    what,
    p50: round(p50),
    p95: round(p95),
    "times bare p50": Math.round((p50 / base) * 100) / 100,
    n: values.length,
  };
}

if (import.meta.main) for (const { files, turns } of SIZES) console.table(await measure(files, turns));
