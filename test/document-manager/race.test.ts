import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom, type Room } from "./room.ts";

const path = "openspec/changes/a/proposal.md";
const files = { [path]: "## Why\n\nold\n\n## Notes\n\nnone\n", ".gitignore": ".specloop/\n" };

async function tryEdit(room: Room, content: string): Promise<string> {
  try {
    const edits = [{ kind: "replace_section" as const, section: "Why", content }];
    return (await room.manager.update({ files: [{ path, edits }], reason: `Say ${content}`, principal: agent })).status;
  } catch (error) {
    if (error instanceof SpecloopError) return error.code;
    throw error;
  }
}

/** Every text that is anywhere a person could find it: the tree, our store, and all of git. */
async function everywhere(repository: TemporaryRepository): Promise<string> {
  const recovery = join(repository.path, ".specloop/recovery");
  const kept = readdirSync(recovery, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const texts = kept.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
  const log = await repository.git("log", "--all", "--patch", "--format=");
  return [readFileSync(join(repository.path, path), "utf8"), ...texts, log].join("\n");
}

type Style = "rename" | "in place" | "backup first" | "remove first";

/** `SPECLOOP_SAVES=250` for the whole drill. */
const SAVES = Number(process.env["SPECLOOP_SAVES"] ?? 100);

/**
 * An editor in a thread of its own, as it would be in another process: it saves while our calls are between two system
 * calls. Tells which of its saves were gone before its next one: those somebody else replaced, and they must be kept.
 */
function editor(file: string, style: Style): Promise<{ last: string; replaced: string[] }> {
  const source = `
    const { readFileSync, renameSync, unlinkSync, writeFileSync } = require("node:fs");
    const { parentPort, workerData: { file, style, saves } } = require("node:worker_threads");
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const quietly = (work) => { try { return work(); } catch { return ""; } };
    const replaced = [];
    let last = null;
    for (let n = 0; n < saves; n += 1) {
      Atomics.wait(pause, 0, 0, 5 + (n * 7) % 20);
      if (last !== null && !quietly(() => readFileSync(file, "utf8")).includes(last)) replaced.push(last);
      last = "save-" + n + ".";
      const text = "## Why\\n\\n" + last + "\\n\\n## Notes\\n\\nnone\\n";
      if (style === "rename") { writeFileSync(file + ".swp", text); renameSync(file + ".swp", file); continue; }
      if (style === "backup first") quietly(() => renameSync(file, file + "~"));
      if (style === "remove first") quietly(() => unlinkSync(file));
      writeFileSync(file, text);
    }
    parentPort.postMessage({ last, replaced });`;
  const { promise, resolve, reject } = Promise.withResolvers<{ last: string; replaced: string[] }>();
  const worker = new Worker(source, { eval: true, workerData: { file, style, saves: SAVES } });
  worker.once("message", resolve);
  worker.once("error", reject);
  return promise;
}

test.each(["rename", "in place", "backup first", "remove first"] as const)(
  "no save (%s) is lost, whatever is edited meanwhile",
  async (style) => {
    await using repository = await temporaryRepository(files);
    await using room = await openRoom(repository.path);
    const saving = editor(join(repository.path, path), style);
    const state = { over: false };
    void saving.then(() => (state.over = true));
    const outcomes: string[] = [];
    for (let turn = 0; !state.over; turn += 1) {
      outcomes.push(await tryEdit(room, `edit ${turn}`));
      // Somebody commits now and then, so that edits find a clean document.
      if (turn % 3 === 0) await repository.git("commit", "--quiet", "-m", "Mine", "--", path).catch(() => {});
      await wait(1);
    }
    const { last, replaced } = await saving;
    const all = await everywhere(repository);
    expect([...replaced, last].filter((save) => !all.includes(save))).toEqual([]);
    const allowed = new Set([
      "committed",
      "commit_pending",
      "proposed",
      "unchanged",
      "document_busy",
      "stale_revision",
      "unknown_section",
      "unknown_document",
      "written", // Who committed while the file was removed has taken it out of git.
    ]);
    expect(outcomes.filter((outcome) => !allowed.has(outcome))).toEqual([]);
  },
  60_000,
);

scenario(
  "documents",
  "A save in the very moment of an edit is never lost",
  async () => {
    await using repository = await temporaryRepository(files);
    const file = join(repository.path, path);
    let round = 0;
    const lost: string[] = [];
    // The worst moments, one after the other: before the file is moved, right after, and after ours has its name.
    const saveAt = (moment: string) => (step: string) => {
      if (step !== moment) return;
      writeFileSync(`${file}.swp`, `## Why\n\nsave-${round}.\n`);
      renameSync(`${file}.swp`, file);
    };
    for (const moment of ["staged", "aside", "replaced", "written"]) {
      for (let turn = 0; turn < 25; turn += 1) {
        round += 1;
        await repository.git("checkout", "--quiet", "--", path);
        await using room = await openRoom(repository.path, { onStep: saveAt(moment), git: { lockWaitMs: 50 } });
        const outcome = await tryEdit(room, `edit ${round}`);
        expect(["document_busy", "commit_pending"]).toContain(outcome);
        if (readFileSync(file, "utf8") !== `## Why\n\nsave-${round}.\n`) lost.push(`${moment} ${round}: ${outcome}`);
      }
    }
    expect(lost).toEqual([]);
    expect(await repository.git("rev-list", "--count", "HEAD")).toBe("1");
  },
  120_000,
);

test("what a program writes into the file while it is replaced stands, and the edit is refused", async () => {
  await using repository = await temporaryRepository(files);
  const { ftruncateSync, openSync, writeSync, closeSync } = await import("node:fs");
  for (const moment of ["aside", "replaced"]) {
    const held = openSync(join(repository.path, path), "r+");
    const onStep = (step: string) => {
      if (step !== moment) return;
      ftruncateSync(held);
      writeSync(held, `## Why\n\nmine ${moment}\n`, 0);
    };
    await using room = await openRoom(repository.path, { onStep });
    expect(await tryEdit(room, "edit")).toBe("document_busy");
    closeSync(held);
    expect(readFileSync(join(repository.path, path), "utf8")).toBe(`## Why\n\nmine ${moment}\n`);
    await repository.commitAll(`Say ${moment}`);
  }
});

test("a program that writes on into the replaced file is told of, and its text is kept", async () => {
  await using repository = await temporaryRepository(files);
  const { openSync, writeSync, closeSync } = await import("node:fs");
  const held = openSync(join(repository.path, path), "r+");
  {
    await using room = await openRoom(repository.path);
    expect(await tryEdit(room, "edit")).toBe("committed");
    writeSync(held, "## Why\n\nlate save\n");
    closeSync(held);
  }
  await using room = await openRoom(repository.path);
  const check = room.manager.healthChecks().find(({ name }) => name === "replaced-documents");
  await expect.poll(async () => (await check?.run(new AbortController().signal))?.status).toBe("warning");
  expect(await everywhere(repository)).toContain("late save");
  await writeFile(join(repository.path, path), "x");
});

test("a change whose folder is moved away before an edit of it is written gets no empty folder in its place", async () => {
  await using repository = await temporaryRepository(files);
  let moved = false;
  await using room = await openRoom(repository.path, {
    onStep: (step) => {
      if (step !== "intent" || moved) return;
      moved = true;
      renameSync(join(repository.path, "openspec/changes/a"), join(repository.path, "openspec/changes/b"));
    },
  });
  expect(await tryEdit(room, "new")).toBe("document_busy");
  expect(readdirSync(join(repository.path, "openspec/changes"))).toEqual(["b"]);
  expect(readFileSync(join(repository.path, "openspec/changes/b/proposal.md"), "utf8")).toBe(files[path]);
});

test("no edit is written while other work has the turn for itself", async () => {
  await using repository = await temporaryRepository(files);
  await using room = await openRoom(repository.path);
  const edit = await room.manager.exclusively(async () => {
    const asked = tryEdit(room, "new");
    await repository.git("status");
    await wait(200);
    expect(readFileSync(join(repository.path, path), "utf8")).toBe(files[path]);
    return { asked };
  });
  expect(await edit.asked).toBe("committed");
});
