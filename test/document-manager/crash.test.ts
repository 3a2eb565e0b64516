import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EditStep, UpdateRequest } from "../../src/document-manager/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom } from "./room.ts";

const one = "openspec/changes/a/proposal.md";
const two = "openspec/changes/a/tasks.md";
const added = "openspec/changes/a/design.md";
const files = { [one]: "## Why\n\nold\n", [two]: "- [ ] 1.1 First\n", ".gitignore": ".specloop/\n" };
const request: UpdateRequest = {
  files: [
    { path: one, edits: [{ kind: "replace_section", section: "Why", content: "new" }] },
    { path: two, edits: [{ kind: "set_task", task: "1.1", done: true }] },
    { path: added, edits: [{ kind: "write", content: "# Design\n" }] },
  ],
  reason: "Three at once",
  principal: agent,
};

async function dieAt(repository: TemporaryRepository, step: EditStep, what: UpdateRequest): Promise<string> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "crash-child.ts"), repository.path, step, JSON.stringify(what)],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ signal, output }).toEqual({ signal: "SIGKILL", output: "" });
  return output;
}

async function leftovers(repository: TemporaryRepository): Promise<string[]> {
  const names = await readdir(repository.path, { recursive: true });
  return names.filter((name) => name.endsWith(".tmp") && !name.startsWith(".git"));
}

/** Before the files are all replaced nothing has happened; from then on the edit is finished. */
const STEPS: [EditStep, "undone" | "finished"][] = [
  ["intent", "undone"],
  ["staged", "undone"],
  ["aside", "undone"],
  ["replaced", "undone"],
  ["written", "finished"],
  ["committed", "finished"],
  ["recorded", "finished"],
];

test.each(STEPS)("killed after %s, an edit of three documents is %s at the next start", async (step, outcome) => {
  await using repository = await temporaryRepository(files);
  await dieAt(repository, step, request);
  await using room = await openRoom(repository.path);
  const read = (path: string) =>
    existsSync(join(repository.path, path)) ? readFileSync(join(repository.path, path), "utf8") : null;
  const after = { one: read(one), two: read(two), added: read(added) };
  const before = { one: "## Why\n\nold\n", two: "- [ ] 1.1 First\n", added: null };
  const done = { one: "## Why\n\nnew\n", two: "- [x] 1.1 First\n", added: "# Design\n" };
  expect(after).toEqual(outcome === "finished" ? done : before);
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe(outcome === "finished" ? "2" : "1");
  expect(await leftovers(repository)).toEqual([]);
  const rows = await room.store.read.selectFrom("document_edits").select(["state", "commit_id"]).execute();
  const head = await repository.git("rev-parse", "HEAD");
  expect(rows).toEqual([
    outcome === "finished" ? { state: "committed", commit_id: head } : { state: "failed", commit_id: null },
  ]);
  // Whatever happened, the next edit finds everything in order.
  const edits = [{ kind: "append_to_section" as const, section: "Why", content: "more" }];
  const next = room.manager.update({ files: [{ path: one, edits }], reason: "More", principal: agent });
  expect(await next).toMatchObject({ status: "committed" });
});

scenario("documents", "A killed daemon leaves no half edit", async () => {
  await using repository = await temporaryRepository(files);
  const single = { ...request, files: request.files.slice(0, 1), idempotencyKey: "k" };
  await dieAt(repository, "replaced", single);
  await using room = await openRoom(repository.path);
  expect(readFileSync(join(repository.path, one), "utf8")).toBe("## Why\n\nnew\n");
  const head = await repository.git("rev-parse", "HEAD");
  expect(await repository.git("log", "-1", "--format=%s")).toBe("Three at once");
  // The caller never got an answer and asks again: the same edit, no second commit.
  expect(await room.manager.update(single)).toMatchObject({ status: "committed", commit: head });
});

test("a document that was moved aside in the moment of the crash is back at its name", async () => {
  await using repository = await temporaryRepository(files);
  await dieAt(repository, "aside", { ...request, files: request.files.slice(0, 1) });
  expect(existsSync(join(repository.path, one))).toBe(false);
  await using room = await openRoom(repository.path);
  expect((await room.manager.read(one)).content).toBe("## Why\n\nold\n");
});

test("what a person saved after a crash wins over the interrupted edit", async () => {
  await using repository = await temporaryRepository(files);
  await dieAt(repository, "written", { ...request, files: request.files.slice(0, 1) });
  await repository.write(one, "## Why\n\nmine\n");
  await using room = await openRoom(repository.path);
  expect((await room.manager.read(one)).content).toBe("## Why\n\nmine\n");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
});
