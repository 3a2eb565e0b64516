import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import type { Store } from "../../src/adapters/store/index.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { scenario } from "../helpers/scenario.ts";
import { ADA, begin, openHouse, sqlite, until } from "./engine/house.ts";
import { node, plan, value } from "./engine/plans.ts";

const effect = (key: string, config: Record<string, unknown> = {}, more: Parameters<typeof node>[2] = {}) =>
  node(key, "effect", { config, ...more });
const MB = 2 ** 20;

async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "specloop-drill-"));
  await work(directory).finally(() => rmSync(directory, { recursive: true, force: true }));
}

scenario("workflows", "Cancelled while something does not stop", async () => {
  await using house = await openHouse();
  const id = await begin(house, plan("p", [effect("a", { ms: 400, deaf: true }), effect("b", {}, { needs: ["a"] })]));
  await until(() => house.begun("a") === 1, "the node");
  await house.engine.cancel(id, ADA);
  // The run has not ended as long as something of it goes on.
  expect((await house.engine.get(id)).state).toBe("cancelling");
  expect(await house.engine.cancel(id, ADA)).toBe("duplicate");
  await until(async () => (await house.engine.get(id)).state === "cancelled", "the end");
  expect([house.ended("a"), house.begun("b")]).toEqual([1, 0]);
});

scenario("workflows", "A fork is undone by itself", async () => {
  await using house = await openHouse();
  const undo = { undo: node("undo", "effect", { config: { say: "back" } }) };
  const shape = plan("p", [effect("a", {}, undo), effect("b", {}, { needs: ["a"], ...undo })]);
  const id = await begin(house, shape);
  await house.engine.waitFor(id, 10_000);
  const fork = await house.engine.fork(id, ADA, { from: "b" });
  await house.engine.waitFor(fork.id, 10_000);
  await house.engine.undo(fork.id, ADA);
  expect(await house.engine.waitFor(fork.id, 10_000)).toMatchObject({ state: "undone" });
  // What it took over was done by the other run, which still stands.
  expect(house.lines().filter((line) => line.endsWith("back"))).toEqual(["b/undo back"]);
});

scenario("workflows", "Values that are too large", async () => {
  await using house = await openHouse();
  const big = await begin(
    house,
    plan("p", [effect("a", { bytes: 20 * MB }), effect("b", {}, { needs: ["a"], runIf: "all_done" })]),
  );
  expect(await house.engine.waitFor(big, 30_000)).toMatchObject({
    state: "failed",
    error: { key: "a", kind: "bad_output", message: expect.stringContaining("16777216") as string },
  });
  expect(house.ended("b")).toBe(1);
  const tooLarge = { code: "payload_too_large" };
  await expect(begin(house, plan("q", [effect("a")]), { input: { x: "y".repeat(20 * MB) } })).rejects.toMatchObject(
    tooLarge,
  );
  const waits = await begin(house, plan("w", [node("w", "wait", { config: { event: "go" } })]));
  await expect(house.engine.signal(waits, "go", "y".repeat(20 * MB), ADA)).rejects.toMatchObject(tooLarge);
  expect(await house.engine.signal(waits, "go", "y".repeat(10 * MB), ADA)).toBe("applied");
  expect(await house.engine.waitFor(waits, 30_000)).toMatchObject({
    state: "succeeded",
    output: { bytes: expect.closeTo(10 * MB, -3) as number },
  });
  const body = { as: "n", nodes: [effect("x")] };
  const list = Array.from({ length: 1_000_000 }, (_, index) => index);
  const map = node("m", "map", { body, config: { over: "inputs.list", limit: 1000 } });
  const wide = await begin(house, plan("m", [map]), { input: { list } });
  expect(await house.engine.waitFor(wide, 30_000)).toMatchObject({
    state: "failed",
    error: { kind: "refused", message: "The list has 1000000 items; 1000 are allowed." },
  });
});

scenario("workflows", "Runs that nobody knows", async () => {
  await using house = await openHouse();
  const unknown = { code: "unknown_run" };
  const { engine } = house;
  const calls = [
    () => engine.get("r-none"),
    () => engine.node("r-none", "a"),
    () => engine.cancel("r-none", ADA),
    () => engine.pause("r-none", ADA),
    () => engine.resume("r-none", ADA),
    () => engine.undo("r-none", ADA),
    () => engine.undo("r-none", ADA, "a"),
    () => engine.signal("r-none", "go", null, ADA),
    () => engine.approve("r-none", "a", { approved: true, comment: "" }, ADA),
    () => engine.resolve("r-none", { key: "a", how: "done" }, ADA),
    () => engine.fork("r-none", ADA),
    () => engine.waitFor("r-none", 10),
  ];
  for (const call of calls) await expect(call()).rejects.toMatchObject(unknown);
});

scenario("workflows", "The definition changes under a run", async () => {
  const plans = [plan("child", [effect("old")])];
  await inFolder(async (directory) => {
    let id = "";
    {
      await using house = await openHouse({ directory, plans });
      const gate = node("gate", "approval", { config: { prompt: "?" } });
      id = await begin(house, plan("p", [gate, effect("after", { say: "as begun" }, { needs: ["gate"] })]));
      await house.engine.waitFor(id, 10_000);
    }
    plans[0] = plan("p", [effect("something", { say: "else" })]);
    await using house = await openHouse({ directory, plans });
    await house.engine.approve(id, "gate", { approved: true, comment: "" }, ADA);
    expect((await house.engine.waitFor(id, 10_000)).state).toBe("succeeded");
    expect(house.lines()[0]).toBe("after as begun");
  });
});

scenario("workflows", "The clock jumps", async () => {
  let ahead = 0;
  await using house = await openHouse({ now: () => Date.now() + ahead });
  const retry = { max: 1, delayMs: 80, factor: 1, maxDelayMs: 80, jitter: 0, on: ["failed" as const] };
  const shape = plan("p", [
    effect("a", { failures: 1 }, { retry }),
    node("w", "wait", { config: { for: 80 } }),
    effect("b", {}, { needs: ["a", "w"] }),
  ]);
  const forward = await begin(house, shape);
  await until(async () => (await house.engine.get(forward)).nodes[0]?.status === "retrying", "the retry");
  ahead = 86_400_000;
  await until(async () => (await house.engine.get(forward)).state === "succeeded", "the end");
  const back = await begin(house, plan("q", shape.nodes.slice(1, 2)));
  ahead = 86_400_000 - 3000;
  await until(async () => (await house.engine.get(back)).state === "succeeded", "the end after the jump back");
  const run = await house.engine.get(back);
  // Never less than nothing, whatever the clock says.
  expect([run.activeMs >= 0, house.ended("a"), house.ended("b")]).toEqual([true, 1, 1]);
});

/** A store whose disk is full while `full()`. */
function filling(store: Store<unknown>, full: () => boolean): Store<unknown> {
  const write: Store<unknown>["write"] = (work) =>
    full() ? Promise.reject(new SpecloopError("store_full", "The disk is full.")) : store.write(work);
  return {
    read: store.read,
    write,
    as: () => filling(store, full) as never,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

scenario("workflows", "The disk is full in the middle of a run", async () => {
  let full = false;
  const kind = { ...sqlite, open: async (directory: string) => filling(await sqlite.open(directory), () => full) };
  await using house = await openHouse({ kind });
  const id = await begin(
    house,
    plan("p", [effect("a", { ms: 100, deaf: true }, { onCrash: "ask" }), effect("b", {}, { needs: ["a"] })]),
  );
  await until(() => house.begun("a") === 1, "the node");
  full = true;
  await until(() => house.ended("a") === 1, "the end of the node");
  await expect(begin(house, plan("q", [effect("c")]))).rejects.toMatchObject({ code: "store_full" });
  await expect(house.engine.cancel(id, ADA)).rejects.toMatchObject({ code: "store_full" });
  expect(house.begun("b")).toBe(0);
  full = false;
  await until(async () => (await house.engine.get(id)).state === "succeeded", "the end");
  expect([house.begun("a"), house.ended("a"), house.ended("b"), house.begun("c")]).toEqual([1, 1, 1, 0]);
});

scenario("workflows", "A damaged row", async () => {
  await inFolder(async (directory) => {
    const ids: string[] = [];
    {
      await using house = await openHouse({ directory });
      const gate = node("gate", "approval", { config: { prompt: "?" } });
      for (const name of ["bad", "good"]) ids.push(await begin(house, plan(name, [gate])));
      await begin(house, plan("slow", [effect("a", { ms: 60_000 })]));
      for (const id of ids) await house.engine.waitFor(id, 10_000);
    }
    const database = new DatabaseSync(join(directory, "core.db"));
    database.prepare("UPDATE workflow_nodes SET body = 'x' || body, status = 'queued' WHERE run_id = ?").run(ids[0]!);
    database.close();
    await using house = await openHouse({ directory });
    await expect(house.engine.get(ids[0]!)).rejects.toMatchObject({ code: "store_corrupt" });
    await house.engine.approve(ids[1]!, "gate", { approved: true, comment: "" }, ADA);
    expect((await house.engine.waitFor(ids[1]!, 10_000)).state).toBe("succeeded");
    expect(house.logged.join("\n")).toContain(ids[0]);
  });
});

scenario(
  "workflows",
  "A thousand runs at once",
  async () => {
    await using house = await openHouse({ concurrency: 64 });
    const shape = plan("p", [value("a", "1"), effect("b", {}, { needs: ["a"] }), value("c", "2", { needs: ["b"] })]);
    const ids = await Promise.all(Array.from({ length: 1000 }, () => begin(house, shape)));
    for (const id of ids) expect((await house.engine.waitFor(id, 120_000)).state).toBe("succeeded");
    expect([house.begun("b"), house.ended("b"), new Set(ids).size]).toEqual([1000, 1000, 1000]);
  },
  180_000,
);
