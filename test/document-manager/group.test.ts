import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EditStep, UpdateRequest } from "../../src/document-manager/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room } from "./room.ts";

const path = (index: number) => `openspec/changes/c${index}/proposal.md`;
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [path(index), "## Why\n\nold\n\n## Notes\n\nnone\n"]));
const ignore = { ".gitignore": ".specloop/\n" };

function append(file: string, line: string, more: Partial<UpdateRequest> = {}): UpdateRequest {
  const edits = [{ kind: "append_to_section" as const, section: "Why", content: line }];
  return { files: [{ path: file, edits }], reason: `Say ${line}`, principal: agent, ...more };
}

function together(room: Room, requests: UpdateRequest[]) {
  return Promise.allSettled(requests.map((request) => room.manager.update(request)));
}

function text(repository: TemporaryRepository, file: string): string {
  return readFileSync(join(repository.path, file), "utf8");
}

function commits(repository: TemporaryRepository): Promise<string> {
  return repository.git("rev-list", "--count", "HEAD");
}

scenario("documents", "A hundred edits at once become a few commits and history names each", async () => {
  await using repository = await temporaryRepository({ ...many(10), ...ignore });
  await using room = await openRoom(repository.path);
  const requests = Array.from({ length: 100 }, (_, index) =>
    append(path(index % 10), `- line ${index}`, {
      principal: { kind: "agent", name: `agent-${index % 3}` },
      origin: { change: `c${index % 10}` },
    }),
  );
  const outcomes = await together(room, requests);
  expect(outcomes.filter(({ status }) => status === "rejected")).toEqual([]);
  expect(Number(await commits(repository))).toBeLessThanOrEqual(4);
  const entries = await room.manager.history(path(3), 50);
  const ours = entries.filter(({ trailers }) => trailers["Specloop-Edit"]);
  expect(ours.map(({ subject }) => subject)).toEqual(
    Array.from({ length: 10 }, (_, index) => `Say - line ${93 - index * 10}`),
  );
  expect(ours[0]?.trailers).toMatchObject({
    "Specloop-Principal": "agent:agent-0",
    "Specloop-Change": "c3",
    "Specloop-Files": `["${path(3)}"]`,
  });
  const rows = await room.store.read.selectFrom("document_edits").select(["id", "state"]).execute();
  expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(["committed"]));
  const log = await repository.git("log", "--format=%B");
  expect(rows.filter(({ id }) => !log.includes(`Specloop-Edit: ${id}`))).toEqual([]);
  expect(await repository.git("status", "--porcelain")).toBe("");
  const seen = room.seen.filter(({ name }) => name === "document.updated");
  expect(seen).toHaveLength(100);
});

scenario("documents", "One bad edit does not spoil those that wait with it", async () => {
  await using repository = await temporaryRepository({ ...many(6), ...ignore });
  await repository.write(".git/hooks/pre-commit", '#!/bin/sh\n! git diff --cached | grep -q "^+forbidden"\n');
  chmodSync(join(repository.path, ".git/hooks/pre-commit"), 0o755);
  await using room = await openRoom(repository.path);
  const wrong = { kind: "replace_section" as const, section: "No such section", content: "x" };
  const outcomes = await together(room, [
    append(path(0), "zero"),
    { ...append(path(1), ""), files: [{ path: path(1), edits: [wrong] }] },
    append(path(2), "forbidden"),
    append(path(3), "three"),
    append(path(2), "allowed"),
    append(path(4), "four"),
  ]);
  expect(outcomes.map((one) => (one.status === "fulfilled" ? one.value.status : one.reason.code))).toEqual([
    "committed",
    "unknown_section",
    "git_failed",
    "committed",
    "committed",
    "committed",
  ]);
  expect(text(repository, path(2))).toBe("## Why\n\nold\n\nallowed\n\n## Notes\n\nnone\n");
  expect(text(repository, path(1))).toBe(many(2)[path(1)]);
  expect(await repository.git("status", "--porcelain")).toBe("");
  const states = await room.store.read.selectFrom("document_edits").select("state").orderBy("seq").execute();
  expect(states.filter(({ state }) => state === "failed")).toHaveLength(1);
});

test("a key that is used twice at the same moment is one edit", async () => {
  await using repository = await temporaryRepository({ ...many(2), ...ignore });
  await using room = await openRoom(repository.path);
  const once = append(path(0), "once", { idempotencyKey: "k" });
  const outcomes = await together(room, [append(path(1), "other"), once, once]);
  const [, first, second] = outcomes.map((one) => (one.status === "fulfilled" ? one.value.commit : one.reason));
  expect(first).toBe(second);
  expect(text(repository, path(0)).match(/once/g)).toHaveLength(1);
});

test("an edit and the one that takes it back, at the same moment, are two commits", async () => {
  await using repository = await temporaryRepository({ ...many(1), ...ignore });
  await using room = await openRoom(repository.path);
  const say = (content: string): UpdateRequest => ({
    ...append(path(0), ""),
    files: [{ path: path(0), edits: [{ kind: "replace_section", section: "Why", content }] }],
  });
  const outcomes = await together(room, [say("new"), say("old"), say("old")]);
  const states = outcomes.map((one) => (one.status === "fulfilled" ? one.value.status : one.reason));
  expect(states).toEqual(["committed", "committed", "unchanged"]);
  expect(await commits(repository)).toBe("3");
});

test("what the loop writes has a commit of its own, that can be reverted as a whole", async () => {
  await using repository = await temporaryRepository({ ...many(3), ...ignore });
  await using room = await openRoom(repository.path);
  await together(room, [
    append(path(0), "a"),
    append(path(1), "b", { origin: { proposal: "p-1" } }),
    append(path(2), "c"),
    append(path(0), "d"),
  ]);
  expect(await commits(repository)).toBe("4");
  expect(await repository.git("log", "-1", "--skip=1", "--name-only", "--format=")).toBe(path(1));
});

test("an agent does not undo a commit that holds an edit of somebody else", async () => {
  await using repository = await temporaryRepository({ ...many(2), ...ignore });
  await using room = await openRoom(repository.path);
  const other = { kind: "agent", name: "cursor" } as const;
  await together(room, [append(path(0), "mine"), append(path(1), "its", { principal: other })]);
  const commit = await repository.git("rev-parse", "HEAD");
  const undo = room.manager.revert({ commit, reason: "Undo", principal: agent });
  await expect(undo).rejects.toMatchObject({ code: "bad_input", message: expect.stringContaining("agent:cursor") });
  expect(text(repository, path(1))).toContain("its");
});

test("a save in the middle of a group leaves its own document alone and the others are committed", async () => {
  await using repository = await temporaryRepository({ ...many(3), ...ignore });
  const mine = "## Why\n\nmine\n";
  await using room = await openRoom(repository.path, {
    onStep: (step) => {
      if (step === "staged") saveOnce(join(repository.path, path(1)), mine);
    },
  });
  const outcomes = await together(room, [append(path(0), "a"), append(path(1), "b"), append(path(2), "c")]);
  const states = outcomes.map((one) => (one.status === "fulfilled" ? one.value.status : one.reason.code));
  expect(states).toEqual(["committed", "proposed", "committed"]);
  expect(text(repository, path(1))).toBe(mine);
  expect(await repository.git("status", "--porcelain")).toBe(` M ${path(1)}`);
});

const saved = new Set<string>();
function saveOnce(file: string, content: string): void {
  if (saved.has(file)) return;
  saved.add(file);
  writeFileSync(file, content);
}

/** Before the files are all replaced nothing has happened; from then on the edits are finished. */
const STEPS: [EditStep, "undone" | "finished"][] = [
  ["intent", "undone"],
  ["staged", "undone"],
  ["aside", "undone"],
  ["replaced", "undone"],
  ["written", "finished"],
  ["committed", "finished"],
  ["recorded", "finished"],
];

test.each(STEPS)(
  "killed after %s, a group of edits of shared documents is %s at the next start",
  async (step, outcome) => {
    await using repository = await temporaryRepository({ ...many(3), ...ignore });
    const requests = [append(path(0), "a"), append(path(1), "b"), append(path(0), "c"), append(path(2), "d")];
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, "crash-child.ts"), repository.path, step, JSON.stringify(requests)],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [, signal] = (await once(child, "close")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");
    await using room = await openRoom(repository.path);
    const now = [0, 1, 2].map((index) => text(repository, path(index)).replaceAll(/\n+/g, " "));
    const old = "## Why old ## Notes none ";
    const done = ["a c", "b", "d"].map((added) => `## Why old ${added} ## Notes none `);
    expect(now).toEqual(outcome === "finished" ? done : [old, old, old]);
    expect(await repository.git("status", "--porcelain")).toBe("");
    expect(await commits(repository)).toBe(outcome === "finished" ? "2" : "1");
    const names = await readdir(repository.path, { recursive: true });
    expect(names.filter((name) => name.endsWith(".tmp") && !name.startsWith(".git"))).toEqual([]);
    const rows = await room.store.read.selectFrom("document_edits").select("state").execute();
    expect(rows.map(({ state }) => state)).toEqual(Array(4).fill(outcome === "finished" ? "committed" : "failed"));
    expect(await room.manager.update(append(path(0), "next"))).toMatchObject({ status: "committed" });
  },
);
