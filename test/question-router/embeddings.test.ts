import { expect, test } from "vitest";
import { startFakeLmStudio, type FakeLmStudio } from "../../src/adapters/llm/index.ts";
import { openLlm } from "../adapters/llm/open.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, DOCUMENTS, type Harness, never, startRouter } from "./harness.ts";
import { meaningVector } from "./meanings.ts";

/** Shares no content word with the section that answers it. */
const PARAPHRASE = "Until when are people reimbursed who sent their bike?";
const OTHER = "Which coupons count?";
const DEADLINE = { embeddings: { deadlineMs: 10_000, minSimilarity: 0.6 } };

interface Shop extends AsyncDisposable {
  shop: Harness;
  fake: FakeLmStudio;
  /** The texts that were embedded, each as often as it was. */
  embedded(): string[];
}

async function openShop(overrides: Record<string, unknown> = DEADLINE): Promise<Shop> {
  const stack = new AsyncDisposableStack();
  const models = [{ id: "text-embedding-example", kind: "embedding" as const, loaded: true, contextLength: 2048 }];
  const fake = stack.use(await startFakeLmStudio({ embed: meaningVector, models }));
  const { llm } = stack.use(openLlm({ baseUrl: fake.url, backend: "lmstudio" }));
  const shop = stack.use(await startRouter({ llm, overrides }));
  return {
    shop,
    fake,
    embedded: () =>
      fake.requests.flatMap(({ kind, messages }) => (kind === "embed" ? messages.map(({ content }) => content) : [])),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Asks until the passages have their vectors: the first question only begins that. */
async function learned({ shop }: Shop): Promise<void> {
  await shop.router.ask({ text: "What does nobody say here at all?", waitMs: 0 }, agent, never);
  await shop.router.embedded();
}

const ask = ({ shop }: Shop, text: string) => shop.router.ask({ text, waitMs: 0 }, agent, never);

scenario("questions", "A paraphrase shares no word with the section", async () => {
  await using at = await openShop();
  expect(await ask(at, `${PARAPHRASE} First.`)).toMatchObject({ status: "pending" });
  await at.shop.router.embedded();
  expect(await ask(at, PARAPHRASE)).toMatchObject({
    status: "answered",
    answer: { route: "documents", citations: [{ heading: expect.stringContaining("Refund window") }] },
  });
  at.shop.options.current = {
    ...at.shop.options.current,
    embeddings: { ...at.shop.options.current.embeddings, enabled: false },
  };
  expect(await ask(at, `${PARAPHRASE} Second.`)).toMatchObject({ status: "pending" });
});

scenario("questions", "Nothing is embedded before a question needs it", async () => {
  await using at = await openShop();
  await at.shop.router.embedded();
  expect(at.fake.requests).toEqual([]);
  await ask(at, "What does nobody say here at all?");
  await at.shop.router.embedded();
  expect(at.embedded().length).toBeGreaterThan(0);
});

scenario("questions", "One section of a document is edited", async () => {
  await using at = await openShop();
  await learned(at);
  const before = at.embedded();
  expect(new Set(before).size).toBe(before.length);
  const path = "openspec/specs/checkout/spec.md";
  await at.shop.repository.write(path, DOCUMENTS[path]!.replace("more than three vouchers", "more than four vouchers"));
  at.shop.events.emit("watch.settled", { paths: [path], refsMoved: false, ms: 1 });
  await expect.poll(() => at.embedded().length).toBe(before.length + 1);
  await at.shop.router.embedded();
  expect(at.embedded().slice(before.length)).toEqual([expect.stringContaining("more than four vouchers")]);
});

scenario("questions", "The embedding model hangs", async () => {
  await using at = await openShop({ embeddings: { deadlineMs: 20, minSimilarity: 0.6 } });
  await learned(at);
  at.fake.faults = { embeddings: "hang" };
  expect(await ask(at, PARAPHRASE)).toMatchObject({ status: "pending" });
  const known = "Within how many days is a returned bicycle refunded after delivery by the shop?";
  expect(await ask(at, known)).toMatchObject({ status: "answered" });
});

test.each(["error", "zeros"] as const)("embeddings that end in %s leave the words", async (embeddings) => {
  await using at = await openShop();
  await learned(at);
  at.fake.faults = { embeddings };
  expect(await ask(at, PARAPHRASE)).toMatchObject({ status: "pending" });
  const asked = at.fake.requests.length;
  expect(await ask(at, OTHER)).toMatchObject({ status: "pending" });
  // It is left alone for a while after a failure.
  expect(at.fake.requests.length).toBe(asked);
});

scenario("questions", "Another embedding model is loaded", async () => {
  await using at = await openShop();
  await learned(at);
  const texts = new Set(at.embedded());
  at.fake.requests.length = 0;
  at.fake.embed = (text) => [...meaningVector(text).toReversed(), 0.1];
  // The first question finds that its vector is of another length; then every passage is embedded anew.
  await ask(at, OTHER);
  await at.shop.router.embedded();
  expect([...texts].filter((text) => !at.embedded().includes(text))).toEqual([]);
  expect(await ask(at, PARAPHRASE)).toMatchObject({ status: "answered" });
});

test("vectors are there again after a restart, and nothing is embedded twice", async () => {
  const { mkdtemp, rm } = await import("node:fs/promises");
  const directory = await mkdtemp("/tmp/specloop-vectors-");
  await using fake = await startFakeLmStudio({ embed: meaningVector });
  await using opened = openLlm({ baseUrl: fake.url, backend: "lmstudio" });
  const first = await startRouter({ llm: opened.llm, overrides: DEADLINE, indexFile: `${directory}/index.db` });
  await first.router.ask({ text: "What does nobody say here at all?", waitMs: 0 }, agent, never);
  await first.router.embedded();
  fake.requests.length = 0;
  await using second = await first.restart();
  expect(await second.router.ask({ text: PARAPHRASE, waitMs: 0 }, agent, never)).toMatchObject({ status: "answered" });
  await second.router.embedded();
  const embedded = fake.requests.filter(({ kind }) => kind === "embed").flatMap(({ messages }) => messages);
  expect(embedded.map(({ content }) => content)).toEqual([PARAPHRASE]);
  await rm(directory, { recursive: true });
});
