import { mkdtemp, rm, symlink, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { agent, DOCUMENTS, type Harness, never, startRouter } from "./harness.ts";

const spec = (text: string) => `# S\n\n## Purpose\n${text}\n`;

function indexed({ index }: Harness): string[] {
  return [...index.documents().keys()].toSorted();
}

async function found({ index, options }: Harness, text: string): Promise<number> {
  return (await index.candidates({ text, change: null }, options.current)).length;
}

async function tell(shop: Harness, paths: string[], refsMoved = false): Promise<void> {
  shop.events.emit("watch.settled", { paths, refsMoved, ms: 1 });
  await shop.router.reindexed();
}

test("the corpus is what the options name: no archive, nothing ignored, nothing that is not text, nothing outside", async () => {
  const outside = await mkdtemp(join(tmpdir(), "specloop-outside-"));
  writeFileSync(join(outside, "secret.md"), spec("secret"));
  await using shop = await startRouter({
    files: {
      ...DOCUMENTS,
      ".gitignore": "docs/ignored.md\n",
      "src/notes.md": spec("code"),
      "openspec/changes/add-x/proposal.md": spec("x"),
      "openspec/changes/archive/2026-01-01-y/proposal.md": spec("y"),
      "packages/a/openspec/specs/z/spec.md": spec("z"),
      "docs/ignored.md": spec("ignored"),
      "docs/large.md": spec("x".repeat(1_100_000)),
    },
  });
  await shop.repository.write("docs/binary.md", Buffer.from([0xff, 0xfe, 0x00, 0x01]));
  await symlink(join(outside, "secret.md"), join(shop.repository.path, "docs/link.md"));
  await tell(shop, [], true);
  expect(indexed(shop)).toEqual([
    "README.md",
    "docs/operations.md",
    "openspec/changes/add-x/proposal.md",
    "openspec/specs/checkout/spec.md",
    "packages/a/openspec/specs/z/spec.md",
  ]);
  await rm(outside, { recursive: true });
});

test("archived changes are in it when the options say so", async () => {
  const files = { "openspec/changes/archive/2026-01-01-y/proposal.md": spec("y") };
  await using shop = await startRouter({ files, overrides: { documents: { archived: true } } });
  expect(indexed(shop)).toEqual(Object.keys(files));
});

test("new, changed and removed documents, folders and branches are followed", async () => {
  await using shop = await startRouter();
  await shop.repository.write("docs/new.md", spec("tandem"));
  await tell(shop, ["docs/new.md"]);
  expect(await found(shop, "tandem")).toBe(1);
  await shop.repository.write("docs/new.md", spec("unicycle"));
  await tell(shop, ["docs/new.md"]);
  expect([await found(shop, "tandem"), await found(shop, "unicycle")]).toEqual([0, 1]);
  await unlink(join(shop.repository.path, "docs/new.md"));
  await tell(shop, ["docs/new.md"]);
  expect(indexed(shop)).toEqual(Object.keys(DOCUMENTS).toSorted());
  await rm(join(shop.repository.path, "docs"), { recursive: true });
  await tell(shop, ["docs"]);
  expect(indexed(shop)).toEqual(["README.md", "openspec/specs/checkout/spec.md"]);
});

test("a document that nobody told of is found when a question is declined", async () => {
  const { ManualClock } = await import("./manual-clock.ts");
  const clock = new ManualClock();
  await using shop = await startRouter({ clock });
  await shop.repository.write("docs/quiet.md", "# Quiet\n\n## Tandem\n\nThe tandem is repaired in the yard.\n");
  expect((await shop.router.ask({ text: "Where is the tandem repaired?", waitMs: 0 }, agent, never)).status).toBe(
    "pending",
  );
  clock.advance(11_000);
  expect(await shop.router.ask({ text: "Where is the tandem repaired?", waitMs: 0 }, agent, never)).toMatchObject({
    status: "answered",
  });
});

test("two edits of the same size within one tick of the file system are told apart", async () => {
  await using shop = await startRouter({ files: { "docs/a.md": "# A\n\n## Bell\n\nThe bell is red 00.\n" } });
  for (let turn = 1; turn <= 40; turn += 1) {
    const number = String(turn).padStart(2, "0");
    await shop.repository.write("docs/a.md", `# A\n\n## Bell\n\nThe bell is red ${number}.\n`);
    const result = await shop.router.ask({ text: "Which red is the bell?" }, agent, never);
    expect(result.status === "answered" && result.answer.text).toBe(`The bell is red ${number}.`);
  }
});

test("a damaged index file is built anew from the documents at the next start", async () => {
  const directory = await mkdtemp(join(tmpdir(), "specloop-index-"));
  const indexFile = join(directory, "index.db");
  const first = await startRouter({ indexFile });
  const before = indexed(first);
  const closed = first.restart;
  const writeRubbish = () => writeFileSync(indexFile, "rubbish ".repeat(2000));
  await first.index[Symbol.asyncDispose]();
  writeRubbish();
  await using second = await closed();
  expect(indexed(second)).toEqual(before);
  expect(await second.router.ask({ text: "When does the nightly backup run?" }, agent, never)).toMatchObject({
    status: "answered",
  });
  const [check] = second.router.healthChecks();
  expect(await check!.run(never)).toMatchObject({ status: "ok", message: "3 documents are indexed." });
  await rm(directory, { recursive: true });
});

test("an empty corpus is told by the health check", async () => {
  await using shop = await startRouter({ files: { "src/a.ts": "export {};\n" } });
  const [check] = shop.router.healthChecks();
  expect(await check!.run(never)).toMatchObject({
    status: "warning",
    fix: expect.stringContaining("questions.documents.globs"),
  });
});

test("a row of any table of this room that was changed behind our back is told by the health check", async () => {
  await using shop = await startRouter();
  await shop.router.ask({ text: "Who repairs tandems?", quorum: 2, waitMs: 0 }, agent, never);
  const [, rows] = shop.router.healthChecks();
  expect(await rows!.run(never)).toMatchObject({ status: "ok" });
  using database = new DatabaseSync(join(shop.stateDirectory, "core.db"));
  database.exec("UPDATE question_terms SET quorum = 1");
  expect(await rows!.run(never)).toMatchObject({
    status: "failing",
    message: expect.stringContaining("question_terms"),
  });
});
