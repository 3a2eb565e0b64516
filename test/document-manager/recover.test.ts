import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { UpdateRequest } from "../../src/document-manager/index.ts";
import { EditRows } from "../../src/document-manager/edit-rows.ts";
import { sweepReplaced } from "../../src/document-manager/replaced-files.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { agent, openRoom, type Room } from "./room.ts";

const path = "openspec/changes/a/proposal.md";
const files = { [path]: "## Why\n\nold\n", ".gitignore": ".specloop/\n" };
const request: UpdateRequest = {
  files: [{ path, edits: [{ kind: "append_to_section", section: "Why", content: "new" }] }],
  reason: "Say more",
  principal: agent,
  idempotencyKey: "k",
};

async function dieAt(repository: TemporaryRepository, step: string): Promise<void> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "crash-child.ts"), repository.path, step, JSON.stringify(request)],
    { stdio: "ignore" },
  );
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
}

function content(repository: TemporaryRepository): string {
  return readFileSync(join(repository.path, path), "utf8");
}

async function rows(room: Room) {
  return room.store.read.selectFrom("document_edits").select(["state", "commit_id"]).execute();
}

test("an edit whose commit cannot be recorded is not taken back, and its row is finished later", async () => {
  await using repository = await temporaryRepository(files);
  let lock: DatabaseSync | null = null;
  await using room = await openRoom(repository.path, {
    busyMs: 100,
    onStep: (step) => {
      if (step !== "committed") return;
      lock = new DatabaseSync(join(repository.path, ".specloop/core.db"));
      lock.exec("BEGIN IMMEDIATE");
    },
  });
  await expect(room.manager.update(request)).rejects.toMatchObject({ code: "store_busy" });
  lock!.close();
  expect(content(repository)).toContain("new");
  expect(await repository.git("status", "--porcelain")).toBe("");
  expect(await repository.git("rev-list", "--count", "HEAD")).toBe("2");
  await room.manager.retryPending();
  const head = await repository.git("rev-parse", "HEAD");
  expect(await rows(room)).toEqual([{ state: "committed", commit_id: head }]);
  expect(await room.manager.update(request)).toMatchObject({ status: "committed", commit: head });
});

test("a commit that was made although git did not come back counts", async () => {
  await using repository = await temporaryRepository(files);
  const hook = join(repository.path, ".git/hooks/post-commit");
  await repository.write(".git/hooks/post-commit", "#!/bin/sh\nsleep 3\n");
  chmodSync(hook, 0o755);
  await using room = await openRoom(repository.path, { git: { timeoutMs: 1000 } });
  const result = await room.manager.update(request);
  expect(result).toMatchObject({ status: "committed", commit: await repository.git("rev-parse", "HEAD") });
  expect(content(repository)).toContain("new");
  expect(await repository.git("status", "--porcelain")).toBe("");
});

test("an edit that was committed before the crash stays committed, whatever the document is by now", async () => {
  await using repository = await temporaryRepository(files);
  await dieAt(repository, "committed");
  const head = await repository.git("rev-parse", "HEAD");
  await repository.write(path, "## Why\n\nmine\n");
  await using room = await openRoom(repository.path);
  expect(await rows(room)).toEqual([{ state: "committed", commit_id: head }]);
  expect(await room.manager.update(request)).toMatchObject({ status: "committed", commit: head });
  expect(content(repository)).toBe("## Why\n\nmine\n");
});

test("an edit that was kept for later survives a crash in the moment it is taken up", async () => {
  await using repository = await temporaryRepository(files);
  await repository.git("switch", "--quiet", "--detach");
  {
    await using room = await openRoom(repository.path);
    expect(await room.manager.update(request)).toMatchObject({ status: "commit_pending" });
    expect(await rows(room)).toMatchObject([{ state: "held" }]);
  }
  await repository.git("switch", "--quiet", "main");
  await dieAt(repository, "intent");
  await using room = await openRoom(repository.path);
  expect(content(repository)).toBe("## Why\n\nold\n\nnew\n");
  const head = await repository.git("rev-parse", "HEAD");
  expect(await rows(room)).toEqual([{ state: "committed", commit_id: head }]);
});

test("what was replaced is let go of when git has it, and kept for weeks when git does not", async () => {
  await using repository = await temporaryRepository(files);
  const fresh = "openspec/changes/a/fresh.md";
  await repository.write(fresh, "mine, in no commit\n");
  const recovery = join(repository.path, ".specloop/recovery");
  await using room = await openRoom(repository.path);
  const edit = (path: string, find: string) =>
    room.manager.update({
      files: [{ path, edits: [{ kind: "replace_text", find, replace: "ours" }] }],
      reason: "x",
      principal: agent,
    });
  expect((await edit(path, "old")).status).toBe("committed");
  expect((await edit(fresh, "mine")).status).toBe("written");
  const sweep = (days: number) =>
    sweepReplaced({
      recovery,
      rows: new EditRows(room.store, systemClock),
      logger: silentLogger,
      now: Date.now() + days * 86_400_000,
      keepMs: 1000,
    });
  expect(await sweep(1)).toEqual([]);
  const kept = readdirSync(recovery, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  expect(kept.map((name) => readFileSync(join(recovery, name), "utf8"))).toEqual(["mine, in no commit\n"]);
  await sweep(31);
  expect(readdirSync(recovery)).toEqual([]);
});
