import { expect, test } from "vitest";
import { Idempotency } from "../../src/access/index.ts";
import { verifySealed } from "../../src/adapters/store/index.ts";
import { canonicalJson, sha256 } from "../../src/foundation/hash.ts";
import { scenario } from "../helpers/scenario.ts";
import { accessStore, movedClock } from "./fixture.ts";

const DAY = 24 * 3_600_000;
const hash = (input: unknown) => sha256(canonicalJson(input));

/** Work that counts how often it runs and gives the count back. */
function counted() {
  let runs = 0;
  return { work: async () => ({ id: `q-${(runs += 1)}` }), runs: () => runs };
}

scenario("access", "The same call comes again", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  const { work, runs } = counted();
  const first = await idempotency.run("question_ask/agent:a", "k", hash({ text: "why?", limit: 1 }), work);
  const again = await idempotency.run("question_ask/agent:a", "k", hash({ limit: 1, text: "why?" }), work);
  expect(again).toEqual(first);
  expect(runs()).toBe(1);
});

scenario("access", "The daemon restarts between two equal calls", async () => {
  await using fixture = await accessStore();
  const clock = movedClock(1000);
  const { work, runs } = counted();
  const first = await new Idempotency({ store: fixture.store, clock }).run("s", "k", "h", work);
  const store = await fixture.restart();
  expect(await new Idempotency({ store, clock }).run("s", "k", "h", work)).toEqual(first);
  expect(runs()).toBe(1);
  expect(await verifySealed(store.read, "idempotency")).toEqual([]);
});

scenario("access", "A key is used for another input", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  const { work, runs } = counted();
  const reused = { code: "key_reused", http: 422 };
  await idempotency.run("s", "k", hash("one"), work);
  await expect(idempotency.run("s", "k", hash("two"), work)).rejects.toMatchObject(reused);
  const flying = idempotency.run("s", "flying", hash("one"), work);
  await expect(idempotency.run("s", "flying", hash("two"), work)).rejects.toMatchObject(reused);
  await flying;
  expect(runs()).toBe(2);
});

scenario("access", "Equal calls come at the same time", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  const { work, runs } = counted();
  const results = await Promise.all(Array.from({ length: 20 }, () => idempotency.run("s", "k", "h", work)));
  expect(new Set(results.map(({ id }) => id))).toEqual(new Set(["q-1"]));
  expect(runs()).toBe(1);
});

test("another scope, another key or no key is another call", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  const { work, runs } = counted();
  await idempotency.run("s", "k", "h", work);
  await idempotency.run("s2", "k", "h", work);
  await idempotency.run("s", "k2", "h", work);
  await idempotency.run("s", undefined, "h", work);
  await idempotency.run("s", undefined, "h", work);
  expect(runs()).toBe(5);
});

test("work that fails is not recorded: all who waited are told, and the next call tries again", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  let runs = 0;
  const work = async () => {
    runs += 1;
    if (runs === 1) throw new Error("no model");
    return runs;
  };
  const both = await Promise.allSettled([idempotency.run("s", "k", "h", work), idempotency.run("s", "k", "h", work)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await idempotency.run("s", "k", "h", work)).toBe(2);
});

test("a record in the caller's own transaction is there exactly if the effect is", async () => {
  await using fixture = await accessStore();
  const { store } = fixture;
  const idempotency = new Idempotency({ store, clock: movedClock(1000) });
  const effects = () => store.read.selectFrom("audit_head").selectAll().execute();
  const attempt = (fail: "before commit" | "after commit" | null) =>
    idempotency.run<string>("s", "k", "h", async (record) => {
      await store.write(async (tx) => {
        await tx.insertInto("audit_head").values({ id: 1, seq: 1, hash: "x" }).execute();
        await record(tx as never, "done");
        if (fail === "before commit") throw new Error("undone");
      });
      if (fail === "after commit") throw new Error("died before the answer was sent");
      return "done";
    });
  await expect(attempt("before commit")).rejects.toThrow("undone");
  expect(await effects()).toEqual([]);
  expect(await attempt("after commit")).toBe("done");
  expect(await attempt(null)).toBe("done");
  expect(await effects()).toHaveLength(1);
});

test("two processes with one key: one effect, one result", async () => {
  await using fixture = await accessStore();
  const { store } = fixture;
  const clock = movedClock(1000);
  const processes = [new Idempotency({ store, clock }), new Idempotency({ store, clock })];
  const results = await Promise.all(
    processes.map((idempotency, index) => idempotency.run("s", "k", "h", async () => `from ${index}`)),
  );
  expect(new Set(results).size).toBe(1);
  expect(await store.read.selectFrom("idempotency").select("key").execute()).toHaveLength(1);
});

scenario("access", "A key is older than seven days", async () => {
  await using fixture = await accessStore();
  const clock = movedClock(1000);
  const idempotency = new Idempotency({ store: fixture.store, clock });
  const { work, runs } = counted();
  await idempotency.run("s", "k", "h", work);
  clock.move(7 * DAY - 1);
  await idempotency.run("s", "k", "h", work);
  expect(runs()).toBe(1);
  clock.move(2);
  expect(await idempotency.run("s", "k", "another input", work)).toEqual({ id: "q-2" });
  expect(await fixture.store.read.selectFrom("idempotency").select("key").execute()).toHaveLength(1);
});

test("a key that is empty or too long is refused, and a result of nothing is recorded as nothing", async () => {
  await using fixture = await accessStore();
  const idempotency = new Idempotency({ store: fixture.store, clock: movedClock(1000) });
  for (const key of ["", "x".repeat(201)]) {
    await expect(idempotency.run("s", key, "h", async () => 1)).rejects.toMatchObject({ code: "bad_input" });
  }
  let runs = 0;
  const nothing = async () => void (runs += 1);
  await idempotency.run("s", "k", "h", nothing);
  expect(await idempotency.run("s", "k", "h", nothing)).toBeNull();
  expect(runs).toBe(1);
});
