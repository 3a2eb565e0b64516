import { expect, test } from "vitest";
import { AuditLog, type AccessTables } from "../../src/access/index.ts";
import type { Store } from "../../src/adapters/store/index.ts";
import { EventBus } from "../../src/foundation/events.ts";
import { canonicalJson, sha256 } from "../../src/foundation/hash.ts";
import { createLogger, silentLogger } from "../../src/foundation/logger.ts";
import { scenario } from "../helpers/scenario.ts";
import { accessStore, movedClock, type AccessFixture } from "./fixture.ts";

const person = { kind: "person", name: "ada@example.org" } as const;
const agent = { kind: "agent", name: "claude-code" } as const;
const abort = new AbortController().signal;

const logOf = ({ store }: AccessFixture) => new AuditLog({ store, clock: movedClock(5), logger: silentLogger });
const rowsOf = ({ store }: AccessFixture) => store.read.selectFrom("audit").selectAll().orderBy("seq").execute();

async function filled(fixture: AccessFixture, count: number) {
  const log = logOf(fixture);
  for (let index = 1; index <= count; index++) {
    await log.append({ actor: "person:ada", action: "setting.changed", target: `key-${index}`, detail: { index } });
  }
  return log;
}

test("entries are numbered and chained, also when many are appended at once", async () => {
  await using fixture = await accessStore();
  const log = logOf(fixture);
  expect(await log.verify()).toMatchObject({ ok: true, entries: 0 });
  const places = await Promise.all(
    Array.from({ length: 50 }, (_, index) => log.append({ actor: "person:ada", action: "x", target: `${index}` })),
  );
  expect(places.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  expect(await log.head()).toEqual(places.at(-1));
  expect(await log.verify()).toMatchObject({ ok: true, entries: 50, brokenAt: null });
});

test("the chain goes on after a restart and over pages", async () => {
  await using fixture = await accessStore();
  await filled(fixture, 3);
  await fixture.restart();
  const log = logOf(fixture);
  await fixture.store.write(async (tx) => {
    for (let index = 0; index < 2100; index++) await log.appendTo(tx, { actor: "a", action: "b", target: `${index}` });
  });
  expect(await log.verify()).toMatchObject({ ok: true, entries: 2103 });
  expect(await log.health().run(abort)).toMatchObject({ status: "ok" });
});

scenario("access", "Somebody tries to change the audit log through the daemon", async () => {
  await using fixture = await accessStore();
  const log = await filled(fixture, 3);
  const { store } = fixture;
  const row = (await rowsOf(fixture))[1]!;
  await expect(store.write((tx) => tx.updateTable("audit").set({ actor: "x" }).execute())).rejects.toThrow(
    "only grows",
  );
  await expect(store.write((tx) => tx.deleteFrom("audit").execute())).rejects.toThrow("only grows");
  await expect(
    store.write((tx) =>
      tx
        .replaceInto("audit")
        .values({ ...row, actor: "x" })
        .execute(),
    ),
  ).rejects.toThrow("only grows");
  await expect(
    store.write((tx) =>
      tx
        .insertInto("audit")
        .values({ ...row, seq: 9 })
        .execute(),
    ),
  ).rejects.toThrow("only grows");
  expect(await log.verify()).toMatchObject({ ok: true, entries: 3 });
});

const TAMPERING: [string, string, number][] = [
  ["the actor of an entry", "UPDATE audit SET actor = 'person:eve' WHERE seq = 2", 2],
  ["the time of an entry", "UPDATE audit SET at = at + 1 WHERE seq = 4", 4],
  ["the detail of the last entry", "UPDATE audit SET detail = '{}' WHERE seq = 5", 5],
  ["the hash of an entry", "UPDATE audit SET hash = lower(hex(randomblob(32))) WHERE seq = 3", 3],
  [
    "the order of two entries",
    "UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 9",
    2,
  ],
  ["an entry in the middle away", "DELETE FROM audit WHERE seq = 3", 3],
  ["the first entry away", "DELETE FROM audit WHERE seq = 1", 1],
  ["the last entry away", "DELETE FROM audit WHERE seq = 5", 5],
  ["all entries away", "DELETE FROM audit", 1],
  ["the recorded end away", "DELETE FROM audit_head", 5],
];

scenario("access", "The audit log is changed behind our back", async () => {
  for (const [what, sql, brokenAt] of TAMPERING) {
    await using fixture = await accessStore();
    const log = await filled(fixture, 5);
    fixture.tamper(sql);
    expect({ what, ...(await log.verify()) }).toMatchObject({ what, ok: false, brokenAt });
    expect(await log.health().run(abort)).toMatchObject({ status: "failing", fix: expect.any(String) });
  }
});

test("an entry that was rewritten together with its own hash breaks the chain behind it", async () => {
  await using fixture = await accessStore();
  const log = await filled(fixture, 5);
  const { hash: _old, ...content } = (await rowsOf(fixture)).at(2)!;
  const hash = sha256(canonicalJson({ ...content, actor: "person:eve" }));
  fixture.tamper(`UPDATE audit SET actor = 'person:eve', hash = '${hash}' WHERE seq = 3`);
  expect(await log.verify()).toMatchObject({ ok: false, brokenAt: 4, message: expect.stringContaining("follow") });
});

scenario("access", "The end of the audit log is cut off together with its recorded end", async () => {
  await using fixture = await accessStore();
  const log = await filled(fixture, 5);
  const anchor = (await log.head())!;
  const { hash } = (await rowsOf(fixture))[2]!;
  fixture.tamper(`DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3, hash = '${hash}'`);
  expect(await log.verify()).toMatchObject({ ok: true, entries: 3 });
  expect(await log.verify(anchor)).toMatchObject({ ok: false, brokenAt: 4 });
  await filled(fixture, 5);
  expect(await log.verify()).toMatchObject({ ok: true, entries: 8 });
  expect(await log.verify(anchor)).toMatchObject({ ok: false, brokenAt: 5 });
});

test("an entry in the caller's transaction exists exactly if the transaction does", async () => {
  await using fixture = await accessStore();
  const log = logOf(fixture);
  const undone = fixture.store.write(async (tx) => {
    await log.appendTo(tx, { actor: "a", action: "b", target: "c" });
    throw new Error("undone");
  });
  await expect(undone).rejects.toThrow("undone");
  expect(await log.append({ actor: "a", action: "b", target: "d" })).toMatchObject({ seq: 1 });
  expect(await log.verify()).toMatchObject({ ok: true, entries: 1 });
});

scenario("access", "Things happen that are worth an entry", async () => {
  await using fixture = await accessStore();
  const log = logOf(fixture);
  const events = new EventBus(silentLogger);
  {
    using _attached = log.attach(events, (tool) => (tool === "doc_read" ? "none" : "before"));
    events.emit("document.updated", { path: "a.md", revision: "r1", commit: "c1", edits: 1, ms: 1, principal: agent });
    events.emit("document.proposed", { path: "b.md", branch: "specloop/x", commit: "c2", principal: agent });
    events.emit("question.answered", { questionId: "q-1", route: "people", cached: false, ms: 1, principal: person });
    events.emit("question.answered", { questionId: "q-2", route: "documents", cached: false, ms: 1, principal: agent });
    events.emit("proposal.approved", { proposalId: "p-1", changeId: "c", by: "ada@example.org", commit: "c3" });
    events.emit("experiment.decided", {
      experimentId: "x-1",
      proposalId: "p-1",
      changeId: "c",
      verdict: "kept",
      commit: "c4",
    });
    events.emit("setting.changed", { key: "questions.limit", from: 1, to: 2 });
    events.emit("tool.called", { tool: "doc_read", ok: true, ms: 1, principal: agent });
    events.emit("tool.called", { tool: "question_ask", ok: true, changed: false, ms: 1, principal: agent });
    events.emit("tool.called", { tool: "doc_update", ok: false, code: "stale_revision", ms: 1, principal: agent });
    events.emit("tool.called", { tool: "doc_update", ok: false, code: "forbidden", ms: 1, principal: agent });
    events.emit("access.refused", { principal: agent, code: "forbidden", what: "doc_update" });
    await log.settled();
    await log[Symbol.asyncDispose]();
  }
  events.emit("setting.changed", { key: "later", from: 1, to: 2 });
  await log[Symbol.asyncDispose]();
  const entries = (await rowsOf(fixture)).map(({ actor, action, target, detail }) => [
    actor,
    action,
    target,
    JSON.parse(detail),
  ]);
  expect(entries).toEqual([
    ["agent:claude-code", "document.updated", "a.md", { revision: "r1", commit: "c1" }],
    ["agent:claude-code", "document.proposed", "b.md", { branch: "specloop/x", commit: "c2" }],
    ["person:ada@example.org", "question.answered", "q-1", { route: "people" }],
    ["person:ada@example.org", "proposal.approved", "p-1", { changeId: "c", commit: "c3" }],
    [
      "system:specloop",
      "experiment.decided",
      "x-1",
      { proposalId: "p-1", changeId: "c", verdict: "kept", commit: "c4" },
    ],
    ["system:specloop", "setting.changed", "questions.limit", { from: 1, to: 2 }],
    ["agent:claude-code", "tool.called", "doc_update", { ok: false, code: "stale_revision" }],
    ["agent:claude-code", "access.refused", "doc_update", { code: "forbidden" }],
  ]);
  expect(await log.verify()).toMatchObject({ ok: true, entries: 8 });
});

scenario("access", "An event carries a text or a secret", async () => {
  await using fixture = await accessStore();
  const log = logOf(fixture);
  const events = new EventBus(silentLogger);
  using _attached = log.attach(events, () => "before");
  events.emit("setting.changed", { key: "llm.apiKeyEnv", from: null, to: "canary-in-a-setting" });
  events.emit("proposal.closed", { proposalId: "p", changeId: "c", reason: "canary ".repeat(100) });
  await log.append({ actor: "a", action: "b", target: "Bearer canary0123456789abcdef" });
  await log[Symbol.asyncDispose]();
  const text = JSON.stringify(await rowsOf(fixture));
  expect(text).not.toContain("canary");
  expect(text).toContain("sha256:");
});

test("an event that cannot be recorded is logged, counted and shown, and the emitter goes on", async () => {
  await using fixture = await accessStore();
  const lines: string[] = [];
  const full: Store<AccessTables> = {
    read: fixture.store.read,
    write: () => Promise.reject(new Error("disk full")),
    as: <Other>() => full as unknown as Store<Other>,
    [Symbol.asyncDispose]: async () => {},
  };
  const log = new AuditLog({
    store: full,
    clock: movedClock(5),
    logger: createLogger("error", (line) => lines.push(line)),
  });
  const events = new EventBus(silentLogger);
  using _attached = log.attach(events, () => "before");
  events.emit("setting.changed", { key: "k", from: 1, to: 2 });
  await log[Symbol.asyncDispose]();
  expect(JSON.parse(lines[0]!)).toMatchObject({ action: "setting.changed", err: { message: "disk full" } });
  expect(await log.health().run(abort)).toMatchObject({
    status: "warning",
    message: expect.stringContaining("1 event"),
  });
});

test("the chain can be checked while it grows", async () => {
  await using fixture = await accessStore();
  const log = await filled(fixture, 20);
  const appended = Array.from({ length: 200 }, (_, index) =>
    log.append({ actor: "a", action: "b", target: `${index}` }),
  );
  for (let round = 0; round < 20; round++) expect(await log.verify()).toMatchObject({ ok: true });
  await Promise.all(appended);
  expect(await log.verify()).toMatchObject({ ok: true, entries: 220 });
});
