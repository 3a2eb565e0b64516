import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { asksForFigure, holdsFigure } from "../../src/question-router/quantity.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, never, startRouter } from "./harness.ts";

test.each([
  "How many days is a draft kept?",
  "how long may a title be",
  "Which Node version does it need?",
  "Which port does the daemon listen on?",
  "What is the default timeout?",
  "What exit code does a failed check have?",
  "草稿保留多少天？",
  "数据库多久备份一次？",
])("%j asks for a number", (text) => {
  expect(asksForFigure(text)).toBe(true);
});

test.each([
  "How do I pin the version of the CLI?",
  "What do I do when the port is taken?",
  "How are limits configured?",
  "What does the port option do?",
  "When does a question expire?",
  "如何发布模块？",
  "Why does it take so long?",
])("%j does not ask for a number", (text) => {
  expect(asksForFigure(text)).toBe(false);
});

test.each([
  ["Kept for 30 days.", true],
  ["At most three vouchers.", true],
  ["It is checked every minute.", true],
  ["There is no limit: it is unlimited.", true],
  ["保留三天。", true],
  ["1. Drafts are kept for a while.\n2. Then they go.", false],
  ["### Step 2\n\nDrafts are kept for a while.", false],
])("%j holds a number: %s", (text, holds) => {
  expect(holdsFigure(text)).toBe(holds);
});

scenario("questions", "The section says when, and not how long", async () => {
  const draft = (said: string) => `# Drafts\n\n## Keeping drafts\n\nA draft is kept ${said} before it is deleted.\n`;
  await using shop = await startRouter({ files: { "docs/drafts.md": draft("for a while of days") } });
  const text = "How many days is a draft kept before it is deleted?";
  const first = await shop.router.ask({ text }, agent, never);
  expect(first).toMatchObject({ status: "pending" });
  const { hops } = await shop.router.get(first.questionId);
  expect(hops.find(({ responder }) => responder === "documents")).toMatchObject({
    outcome: "declined",
    reason: expect.stringContaining("it asks for a number, and the section that comes nearest holds none"),
  });
  await writeFile(join(shop.repository.path, "docs/drafts.md"), draft("for fourteen or 15 days"));
  shop.events.emit("watch.settled", { paths: ["docs/drafts.md"], refsMoved: false, ms: 1 });
  await shop.router.reindexed();
  expect(await shop.router.ask({ text, context: { change: "x" } }, agent, never)).toMatchObject({
    status: "answered",
    answer: { citations: [{ path: "docs/drafts.md" }] },
  });
});
