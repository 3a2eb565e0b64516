import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Principal } from "../../src/foundation/principal.ts";
import type { AskResult } from "../../src/question-router/index.ts";
import { dependence } from "../../src/question-router/session/dependent.ts";
import { Output } from "../../src/cli/output.ts";
import { inboxShape, inboxTable, itemView } from "../../src/cli/views/inbox.ts";
import { startDaemon, specloop } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, DOCUMENTS, never, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";
import { modelAnswer, passageNumber, ScriptedLlm } from "./scripted-llm.ts";

const inSession = (session: string): Principal => ({ ...agent, session });
const FILES = {
  ...DOCUMENTS,
  "docs/timeouts.md":
    "# Timeouts\n\n## Production\n\nThe timeout of the production database is 30 seconds.\n\n## Staging\n\nThe timeout of the staging database is 5 seconds.\n",
};
const FIRST = "How long is the timeout of the production database?";

function answered(result: AskResult): Extract<AskResult, { status: "answered" }> {
  if (result.status !== "answered") throw new Error(`the question is ${result.status}`);
  return result;
}

scenario("questions", "A follow-up question in a session", async () => {
  await using shop = await startRouter({ files: FILES });
  const ask = (text: string, session: string) => shop.router.ask({ text, waitMs: 0 }, inSession(session), never);
  expect(answered(await ask(FIRST, "one")).answer.text).toContain("30 seconds");
  expect(answered(await ask("And of the staging one?", "one")).answer.text).toContain("5 seconds");
  // What is new in it is not spoken of anywhere: nothing that was said before is repeated instead.
  const other = await ask("And of the reporting one?", "one");
  expect(other.status).toBe("pending");
  const { hops } = await shop.router.get(other.questionId);
  expect(hops.map(({ reason }) => reason).join("\n")).not.toContain("docs/timeouts.md:");
});

scenario("questions", "The same follow-up in another session", async () => {
  await using shop = await startRouter({ files: FILES });
  const text = "And who changed it?";
  const ask = (question: string, principal: Principal) =>
    shop.router.ask({ text: question, waitMs: 0 }, principal, never);
  await ask(FIRST, inSession("one"));
  const first = await ask(text, inSession("one"));
  await shop.router.answer({ questionId: first.questionId, text: "The database team.", principal: person });
  // Asked again at the same point of the same talk it is the same question …
  await ask("Within how many days is a returned bicycle refunded?", inSession("two"));
  // … and in another session, without one, of another agent, or after something else was said it is another one.
  for (const principal of [inSession("two"), agent, { ...inSession("one"), name: "helper" }, inSession("one")]) {
    const result = await ask(text, principal);
    expect([principal, result.status]).toEqual([principal, "pending"]);
    expect(result.questionId).not.toBe(first.questionId);
  }
});

scenario("questions", "Somebody else answers a follow-up question", async () => {
  const shop = await startRouter({ files: FILES });
  const ask = (text: string) => shop.router.ask({ text, waitMs: 0 }, inSession("one"), never);
  await ask(FIRST);
  const { questionId } = await ask("And who changed it?");
  const plain = await ask("Which saddle is the softest in the window of the shop?");
  // A restart forgets the session, and not what was said before the question.
  await using again = await shop.restart();
  const { items } = await again.router.people.inbox(10);
  expect(items.find((item) => item.questionId === questionId)).toMatchObject({
    before: [{ question: FIRST, answer: expect.stringContaining("30 seconds") }],
    passages: [{ path: "docs/timeouts.md" }, {}],
  });
  expect(items.find((item) => item.questionId === plain.questionId)?.before).toEqual([]);
  // Others read what was asked, and not the answers, which may come from documents that are not for them.
  const view = await again.router.get(questionId);
  expect(view.before).toEqual([FIRST]);
  expect(JSON.stringify(view)).not.toContain("30 seconds");
  const inbox = inboxShape.parse({ items, total: 2, approvals: [] });
  const output = new Output({
    json: false,
    color: false,
    columns: 200,
    stdout: new PassThrough(),
    stderr: new PassThrough(),
  });
  expect(inboxTable(inbox, output, { env: {}, path: "." })).toContain(`And who changed it? (after: ${FIRST}`);
  const item = inbox.items.find((one) => one.questionId === questionId)!;
  expect(itemView(item, { number: 1, of: 2 }, output)).toContain(`before: ${FIRST}\n          The timeout of`);
});

test("a form for a follow-up is taken back, and answers that question and no other", async () => {
  await using shop = await startRouter({ files: FILES });
  const { people } = shop.router;
  const principal = inSession("one");
  await shop.router.ask({ text: FIRST, waitMs: 0 }, principal, never);
  const asked = { text: "And who changed it?", waitMs: 0 };
  const { questionId } = await shop.router.ask(asked, principal, never);
  const form = await people.form(questionId, principal, 0);
  const filled = { id: form!.id, action: "accept" as const, text: "The database team." };
  const told = answered(await people.take(filled, asked, principal));
  expect([told.questionId, told.answer.text]).toEqual([questionId, "The database team."]);
  const other = await shop.router.ask({ text: "Which saddle is the softest one?", waitMs: 0 }, principal, never);
  const next = await people.form(other.questionId, principal, 0);
  await expect(people.take({ ...filled, id: next!.id }, asked, principal)).rejects.toMatchObject({ code: "bad_input" });
});

test("what was said is data for the model, and found passages are of both questions", async () => {
  const llm = new ScriptedLlm((request) => {
    const quote = "The timeout of the staging database is 5 seconds.";
    return Promise.resolve(
      modelAnswer("Five seconds.", [{ passage: passageNumber(request, "docs/timeouts.md"), text: quote }]),
    );
  });
  await using shop = await startRouter({ files: FILES, llm, overrides: { documents: { minScore: 1 } } });
  await shop.router.ask({ text: "How patient is the production database?", waitMs: 0 }, inSession("one"), never);
  await shop.router.ask({ text: "And how patient is the staging one?" }, inSession("one"), never);
  const prompt = llm.requests
    .at(-1)!
    .messages.map(({ content }) => content)
    .join("\n");
  expect(prompt).toContain("said before 1: question");
  expect(prompt).toContain("How patient is the production database?");
});

test("what was said is bounded, forgotten in time, and not kept where it is switched off", async () => {
  const clock = new ManualClock();
  const llm = new ScriptedLlm(() => Promise.resolve(modelAnswer("", [])));
  const overrides = { documents: { minScore: 1 }, context: { turns: 1, minutes: 10 } };
  await using shop = await startRouter({ files: FILES, clock, llm, overrides });
  const ask = (text: string) => shop.router.ask({ text }, inSession("one"), never);
  const prompt = () =>
    llm.requests
      .at(-1)!
      .messages.map(({ content }) => content)
      .join("\n");
  await ask("How patient is the production database?");
  await ask("How patient is the second database?");
  await ask("And how patient is the staging one?");
  expect(prompt()).toContain("the second database");
  expect(prompt()).not.toContain("the production database?");
  clock.advance(11 * 60_000);
  await ask("And how patient is the staging one?");
  expect(prompt()).not.toContain("said before 1");
  shop.options.current = { ...shop.options.current, context: { turns: 0, minutes: 10 } };
  await ask("How patient is the third database?");
  await ask("And how patient is the staging one?");
  expect(prompt()).not.toContain("said before 1");
});

test("a repeated call with its key gets its first answer, also to a follow-up", async () => {
  await using shop = await startRouter({ files: FILES });
  const ask = (text: string, idempotencyKey: string) =>
    shop.router.ask({ text, waitMs: 0, idempotencyKey }, inSession("one"), never);
  await ask(FIRST, "k1");
  const first = await ask("And who changed it?", "k2");
  expect((await ask("And who changed it?", "k2")).questionId).toBe(first.questionId);
  await expect(ask("And who read it?", "k2")).rejects.toMatchObject({ code: "key_reused" });
});

test.each([
  ["And for the staging one?", "certain"],
  ["What about staging?", "certain"],
  ["Does it support Windows?", "certain"],
  ["Why?", "certain"],
  ["In production?", "certain"],
  ["Can agents do that?", "certain"],
  ["那测试环境呢？", "certain"],
  ["When the daemon stops, does it flush the queue?", "possible"],
  ["Is it possible to rename a change?", "none"],
  ["Which tests that fail are retried?", "none"],
  ["For which branch is the port set?", "none"],
  ["What is the license of this project?", "none"],
  ["Why does the daemon restart?", "none"],
  ["怎么删除目录？", "none"],
])("%s depends on what was said before: %s", (text, expected) => {
  expect(dependence(text)).toBe(expected);
});

scenario(
  "questions",
  "Two agents with different views ask the same",
  async () => {
    const secret = "# Vault\n\n## Combination\n\nThe combination of the vault of the tandem is 4711.\n";
    const open = "# Tandem\n\n## Vault\n\nThe combination of the vault is known to the yard only.\n";
    await using repository = await temporaryRepository({ "docs/secret.md": secret, "docs/open/tandem.md": open });
    await using daemon = await startDaemon(repository.path);
    const add = async (name: string, ...read: string[]) => {
      const args = ["agent", "add", name, "--read", ...read];
      const { stdout } = await specloop([...args, "--json", "--repo", repository.path]);
      return (JSON.parse(stdout) as { token: string }).token;
    };
    const call = async (token: string, tool: string, input: Record<string, unknown>) => {
      const response = await fetch(`${daemon.status.url}/api/tools/${tool}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(input),
      });
      return { status: response.status, text: await response.text() };
    };
    const [wide, narrow, alike, none] = [
      await add("wide", "docs/**"),
      await add("narrow", "docs/open/**", "--tools", "question_*,answer_*"),
      await add("alike", "docs/open/**"),
      await add("none", "elsewhere/**"),
    ];
    const text = "What is the combination of the vault of the tandem?";
    // At once, so that a shared climb would leak.
    const [full, part, same, nothing] = await Promise.all(
      [wide, narrow, alike, none].map((token) => call(token, "question_ask", { text, waitMs: 0 })),
    );
    expect(full!.text).toContain("4711");
    expect(part!.text).toContain("known to the yard");
    expect(same!.text).toContain("known to the yard");
    expect(nothing!.text).toContain("pending");
    for (const { text: told } of [part!, same!, nothing!]) expect(told).not.toMatch(/4711|secret\.md/);
    // Out of the cache, by a similar question and by its id it is the same.
    const { questionId } = (JSON.parse(full!.text) as { output: { questionId: string } }).output;
    expect(questionId).toMatch(/^q-/);
    for (const [tool, input] of [
      ["question_ask", { text, waitMs: 0 }],
      ["question_ask", { text: "What's the combination of the tandem's vault?", waitMs: 0 }],
      ["question_get", { questionId }],
      ["question_list", {}],
    ] as const) {
      for (const token of [narrow, none]) expect((await call(token, tool, input)).text).not.toMatch(/4711|secret\.md/);
    }
    // Nor does it learn the answer by answering itself, or judge what it cannot read.
    const submitted = await call(narrow, "answer_submit", { questionId, text: "1234" });
    expect(submitted).toMatchObject({ text: expect.stringContaining("already_answered") });
    expect(submitted.text).not.toMatch(/4711|secret\.md/);
    for (const verdict of ["useful", "wrong", "outdated"])
      expect(await call(narrow, "answer_judge", { questionId, verdict })).toMatchObject({ status: 403 });
    expect((await call(wide, "question_ask", { text, waitMs: 0 })).text).toContain("4711");
  },
  60_000,
);
