import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { gitBlobId } from "../../src/foundation/hash.ts";
import { type DocumentSearch, openDocumentSearch, options } from "../../src/question-router/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, DOCUMENTS, never, startRouter } from "./harness.ts";

const settings = options.schema.parse({});
const REFUND = { text: "Within how many days is a returned bicycle refunded?", change: null };
const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

async function file(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "specloop-thread-"));
  directories.push(directory);
  return join(directory, "index.db");
}

const documents = Object.entries(DOCUMENTS).map(([path, text]) => ({ path, text, revision: gitBlobId(text) }));

/** Every thread that this process starts while it is held. */
function watchThreads(): { threads: Worker[] } & Disposable {
  const threads: Worker[] = [];
  const note = (worker: Worker) => void threads.push(worker);
  process.on("worker", note);
  return { threads, [Symbol.dispose]: () => void process.off("worker", note) };
}

async function filled(path: string, idleMs = 300_000): Promise<DocumentSearch> {
  const index = openDocumentSearch(path, { idleMs });
  await index.opened();
  await index.replaceDocuments(documents);
  return index;
}

scenario("questions", "The search thread ends in the middle of a question", async () => {
  using watch = watchThreads();
  await using index = await filled(await file());
  const answers = Array.from({ length: 40 }, () => index.answer(REFUND, settings));
  await watch.threads.at(-1)!.terminate();
  for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ outcome: "answered" });
  expect(watch.threads).toHaveLength(2);
  expect([...index.documents().keys()].toSorted()).toEqual(Object.keys(DOCUMENTS).toSorted());
});

test("documents that are put in while the thread ends are all there afterwards", async () => {
  using watch = watchThreads();
  await using index = openDocumentSearch(await file());
  await index.opened();
  const many = Array.from({ length: 60 }, (_, at) => {
    const text = `# Part ${at}\n\n${`Word${at} stands here. `.repeat(200)}\n`;
    return { path: `docs/${at}.md`, text, revision: gitBlobId(text) };
  });
  const put = Array.from({ length: 6 }, (_, at) => index.replaceDocuments(many.slice(at * 10, at * 10 + 10)));
  await watch.threads.at(-1)!.terminate();
  await Promise.all(put);
  expect(index.documents().size).toBe(60);
  for (const at of [0, 31, 59])
    expect((await index.candidates({ text: `word${at}`, change: null }, settings))[0]?.hit.path).toBe(`docs/${at}.md`);
});

test("a thread that nobody asks for long ends, and the next question is answered by another one", async () => {
  using watch = watchThreads();
  await using index = await filled(await file(), 20);
  await new Promise((resolve) => watch.threads[0]!.once("exit", resolve));
  expect(await index.answer(REFUND, settings)).toMatchObject({ outcome: "answered" });
  expect(watch.threads).toHaveLength(2);
});

test("an index that is lost while nobody looks says so once, and can be filled again", async () => {
  using watch = watchThreads();
  const path = await file();
  await using index = await filled(path, 20);
  await new Promise((resolve) => watch.threads[0]!.once("exit", resolve));
  for (const suffix of ["-wal", "-shm"]) await rm(path + suffix, { force: true });
  await writeFile(path, "rubbish ".repeat(2000));
  await expect(index.answer(REFUND, settings)).rejects.toMatchObject({ code: "store_corrupt" });
  expect(index.documents().size).toBe(0);
  await index.replaceDocuments(documents);
  expect(await index.answer(REFUND, settings)).toMatchObject({ outcome: "answered" });
});

scenario("questions", "The index is damaged while questions are asked", async () => {
  const indexFile = await file();
  using watch = watchThreads();
  await using shop = await startRouter({ indexFile });
  const before = [...shop.index.documents()].toSorted();
  await watch.threads[0]!.terminate();
  for (const suffix of ["-wal", "-shm"]) await rm(indexFile + suffix, { force: true });
  writeFileSync(indexFile, "rubbish ".repeat(2000));
  expect(await shop.router.ask({ text: REFUND.text, waitMs: 0 }, agent, never)).toMatchObject({ status: "answered" });
  expect([...shop.index.documents()].toSorted()).toEqual(before);
});

test("what a thread ends under again and again is refused, and what is asked later is done", async () => {
  const end = (worker: Worker) => void worker.once("message", () => void worker.terminate());
  await using index = openDocumentSearch(await file());
  process.on("worker", end);
  try {
    await expect(index.replaceDocuments(documents)).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("The search thread ended"),
    });
  } finally {
    process.off("worker", end);
  }
  await index.replaceDocuments(documents);
  expect(await index.answer(REFUND, settings)).toMatchObject({ outcome: "answered" });
});

test("after it is closed nothing is searched, and what was asked before is refused", async () => {
  const index = await filled(":memory:");
  const last = index.answer(REFUND, settings);
  const refused = expect(last).rejects.toMatchObject({ code: "cancelled" });
  await index[Symbol.asyncDispose]();
  await refused;
  await expect(index.answer(REFUND, settings)).rejects.toMatchObject({ code: "cancelled" });
});

test("one that was never used starts nothing", async () => {
  using watch = watchThreads();
  await using index = openDocumentSearch(await file());
  expect(index.documents().size).toBe(0);
  await index[Symbol.asyncDispose]();
  expect(watch.threads).toEqual([]);
});

scenario("questions", "A document that the asker may not read holds the answer as well", async () => {
  await using index = await filled(":memory:");
  const secret = "openspec/specs/checkout/spec.md";
  const text = "# Notes\n\n## Other\n\nNote.\n\nAfter 30 days a returned bicycle is refunded.\n";
  await index.replaceDocuments([{ path: "docs/returns.md", text, revision: gitBlobId(text) }]);
  const mayRead = (path: string) => path !== secret;
  const all = await index.answer(REFUND, settings);
  expect(all).toMatchObject({ outcome: "answered", citations: [{ path: secret }] });
  const some = await index.answer({ ...REFUND, mayRead }, settings);
  expect(some).toMatchObject({ outcome: "answered", citations: [{ path: "docs/returns.md" }] });
  expect(JSON.stringify(some)).not.toContain("checkout");
  const none = await index.answer({ ...REFUND, mayRead: () => false }, settings);
  expect(none).toEqual({ outcome: "declined", reason: "no section holds a word of the question" });
});

test("a document that comes in behind a question's back is not shown to who may not read it", async () => {
  await using index = openDocumentSearch(":memory:");
  await index.opened();
  const mayRead = (path: string) => !path.startsWith("openspec/");
  const warm = await index.answer({ ...REFUND, mayRead }, settings);
  expect(warm.outcome).toBe("declined");
  const put = index.replaceDocuments(documents);
  const asked = await index.answer({ ...REFUND, mayRead }, settings);
  await put;
  expect(JSON.stringify(asked)).not.toContain("14 days");
});

test("a copy is searched and changed apart from the original", async () => {
  await using index = await filled(":memory:");
  await using copy = await index.fork();
  await copy.removeDocuments(["openspec/specs/checkout/spec.md"]);
  expect(await copy.answer(REFUND, settings)).toMatchObject({ outcome: "declined" });
  expect(await index.answer(REFUND, settings)).toMatchObject({ outcome: "answered" });
});

scenario("questions", "A question out of the cache comes in beside a burst", async () => {
  await using shop = await startRouter();
  const { router } = shop;
  await router.ask({ text: REFUND.text }, agent, never);
  let done = 0;
  const burst = Array.from({ length: 300 }, async (_, at) => {
    await router.ask({ text: `What happens to voucher number ${at} of a returned bicycle?`, waitMs: 0 }, agent, never);
    done += 1;
  });
  const cached = await router.ask({ text: REFUND.text }, agent, never);
  expect(cached).toMatchObject({ status: "answered", cached: true });
  expect(done).toBeLessThan(300);
  await Promise.all(burst);
});

scenario("questions", "A document that says it better is added", async () => {
  await using shop = await startRouter({
    files: { "docs/a.md": "# Shop\n\nThe bell of the tandem hangs somewhere at the tandem, as bells do.\n" },
  });
  const text = "Where does the bell of the tandem hang?";
  const first = await shop.router.ask({ text }, agent, never);
  expect(first).toMatchObject({ status: "answered", answer: { citations: [{ path: "docs/a.md" }] } });
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({ cached: true });
  const spec =
    "# Tandem\n\n## Where the bell of the tandem hangs\n\nThe bell of the tandem hangs on the left handlebar.\n";
  await shop.repository.write("docs/bell.md", spec);
  shop.events.emit("watch.settled", { paths: ["docs/bell.md"], refsMoved: false, ms: 1 });
  await shop.router.reindexed();
  const then = await shop.router.ask({ text }, agent, never);
  expect(then).toMatchObject({ cached: false, answer: { citations: [{ path: "docs/bell.md" }] } });
  expect(await shop.router.ask({ text }, agent, never)).toMatchObject({
    cached: true,
    answer: { citations: [{ path: "docs/bell.md" }] },
  });
});
