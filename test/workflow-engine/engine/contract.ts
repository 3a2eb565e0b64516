import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { ADA, AGENT, BOB, begin, openHouse, type StoreKind, until } from "./house.ts";
import { node, plan, value } from "./plans.ts";

const effect = (key: string, say = "", more: Parameters<typeof node>[2] = {}) =>
  node(key, "effect", { config: { say }, ...more });
const gate = (key: string, config: Record<string, unknown> = {}, more: Parameters<typeof node>[2] = {}) =>
  node(key, "approval", { config: { prompt: "Go on?", ...config }, ...more });
const yes = { approved: true, comment: "" };
const RETRY = { max: 3, delayMs: 1, factor: 1, maxDelayMs: 1, jitter: 0, on: ["failed" as const] };

/** What every store has to carry: the cases that the field gets wrong come first. */
export function runContract(kind: StoreKind): void {
  const directories: string[] = [];
  const directory = () => {
    const made = mkdtempSync(join(tmpdir(), "specloop-engine-"));
    directories.push(made);
    return made;
  };
  afterAll(() => directories.forEach((made) => rmSync(made, { recursive: true, force: true })));
  const open = (options: Parameters<typeof openHouse>[0] = {}) => openHouse({ kind, ...options });

  describe(`runs on ${kind.name}`, () => {
    scenario("workflows", "An approval beside a long node", async () => {
      await using house = await open();
      const id = await begin(
        house,
        plan("p", [
          effect("a"),
          gate("b", {}, { needs: ["a"] }),
          node("c", "effect", { needs: ["a"], config: { ms: 100 } }),
          effect("d", "", { needs: ["c"] }),
          effect("e", "", { needs: ["b", "d"] }),
        ]),
      );
      await until(() => house.ended("d") === 1, "the node after the long one");
      expect((await house.engine.waitFor(id, 5000)).state).toBe("waiting");
      expect(await house.engine.approve(id, "b", yes, ADA)).toBe("applied");
      expect((await house.engine.waitFor(id, 5000)).state).toBe("succeeded");
      expect(["a", "c", "d", "e"].map((key) => house.begun(key))).toEqual([1, 1, 1, 1]);
    });

    scenario("workflows", "An answer before the question", async () => {
      await using house = await open();
      const id = await begin(
        house,
        plan("p", [node("a", "effect", { config: { ms: 100 } }), gate("b", {}, { needs: ["a"] })]),
      );
      expect(await house.engine.approve(id, "b", yes, ADA)).toBe("applied");
      const run = await house.engine.waitFor(id, 5000);
      expect(run).toMatchObject({ state: "succeeded", output: { value: { b: { approved: true, by: ADA.name } } } });
    });

    scenario("workflows", "A question outlives the process", async () => {
      const place = directory();
      const shape = plan("p", [effect("a"), gate("b", {}, { needs: ["a"] }), effect("c", "", { needs: ["b"] })]);
      let id = "";
      {
        await using house = await open({ directory: place });
        id = await begin(house, shape);
        expect((await house.engine.waitFor(id, 5000)).state).toBe("waiting");
      }
      await using house = await open({ directory: place });
      expect((await house.engine.get(id)).state).toBe("waiting");
      await house.engine.approve(id, "b", yes, ADA);
      expect((await house.engine.waitFor(id, 5000)).state).toBe("succeeded");
      expect([house.begun("a"), house.begun("c")]).toEqual([1, 1]);
    });

    scenario("workflows", "Two answers to one question", async () => {
      await using house = await open();
      const id = await begin(house, plan("p", [gate("b"), gate("later", {}, { needs: ["b"] })]));
      const answers = await Promise.all([
        house.engine.approve(id, "b", yes, ADA),
        house.engine.approve(id, "b", { approved: false, comment: "" }, BOB),
      ]);
      expect(answers).toEqual(["applied", "duplicate"]);
      expect((await house.engine.waitFor(id, 5000)).state).toBe("waiting");
      expect(await house.engine.node(id, "b")).toMatchObject({ status: "done", output: { by: ADA.name } });
    });

    scenario("workflows", "A gate that is skipped", async () => {
      await using house = await open();
      const id = await begin(house, plan("p", [gate("b", {}, { when: "false" }), effect("c", "", { needs: ["b"] })]));
      expect((await house.engine.waitFor(id, 5000)).state).toBe("succeeded");
      expect(house.begun("c")).toBe(1);
    });

    scenario("workflows", "Deadlines and answers", async () => {
      await using house = await open();
      const answered = await begin(
        house,
        plan("p", [gate("b", { timeout: 60 }), node("w", "wait", { needs: ["b"], config: { for: 150 } })]),
      );
      await house.engine.approve(answered, "b", yes, ADA);
      await until(async () => (await house.engine.get(answered)).state === "succeeded", "the end");
      expect(await house.engine.node(answered, "b")).toMatchObject({ output: { approved: true } });
      const late = await begin(
        house,
        plan("q", [gate("b", { timeout: 1, on_reject: "continue" }), gate("c", {}, { needs: ["b"] })]),
      );
      await until(async () => (await house.engine.node(late, "b")).status === "done", "the deadline");
      expect(await house.engine.approve(late, "b", yes, ADA)).toBe("ignored");
      expect(await house.engine.node(late, "b")).toMatchObject({ output: { approved: false, by: null } });
    });

    scenario("workflows", "A gate in a run below", async () => {
      const child = plan("child", [gate("inner"), value("out", "nodes.inner.output.by", { needs: ["inner"] })]);
      await using house = await open({ plans: [child] });
      const parent = plan("p", [
        node("sub", "workflow", { config: { use: "child", input: { x: "1" } } }),
        effect("after", "${{ nodes.sub.output.out }}", { needs: ["sub"] }),
      ]);
      const id = await begin(house, parent);
      const waiting = await house.engine.waitFor(id, 5000);
      expect([waiting.state, house.begun("after")]).toEqual(["waiting", 0]);
      const [below] = (await house.engine.list({ limit: 10, workflow: "child" })).map((run) => run.id);
      await house.engine.approve(below!, "inner", yes, BOB);
      await until(async () => (await house.engine.get(id)).state === "succeeded", "the end of the parent");
      expect(house.lines()[0]).toBe(`after ${BOB.name}`);
    });

    scenario("workflows", "A no", async () => {
      await using house = await open();
      const id = await begin(
        house,
        plan("p", [gate("b"), effect("c", "", { needs: ["b"] }), effect("d", "", { needs: ["c"] })]),
      );
      await house.engine.approve(id, "b", { approved: false, comment: "not today" }, ADA);
      const run = await house.engine.waitFor(id, 5000);
      expect(run).toMatchObject({
        state: "failed",
        error: { key: "b", kind: "refused", message: `Rejected by ${ADA.name}: not today` },
      });
      expect(run.nodes.map(({ key, status, reason }) => [key, status, reason])).toEqual([
        ["b", "failed", null],
        ["c", "skipped", "upstream"],
        ["d", "skipped", "upstream"],
      ]);
      expect(await house.engine.events(id, 0)).toContainEqual(
        expect.objectContaining({ type: "signal", data: { name: "approve:b", by: ADA.name } }),
      );
    });

    scenario("workflows", "Branches in any order", async () => {
      for (const [slow, fast] of [
        [60, 1],
        [1, 60],
      ]) {
        await using house = await open();
        const id = await begin(
          house,
          plan("p", [
            node("p", "effect", { config: { ms: slow } }),
            value("p2", "1", { needs: ["p"] }),
            node("q", "effect", { config: { ms: fast } }),
            value("q2", "2", { needs: ["q"] }),
            value("r", "nodes.p2.output + nodes.q2.output", { needs: ["p2", "q2"] }),
          ]),
        );
        expect(await house.engine.waitFor(id, 5000)).toMatchObject({ state: "succeeded", output: { value: { r: 3 } } });
      }
    });

    scenario("workflows", "A retry is the same node", async () => {
      await using house = await open();
      const id = await begin(
        house,
        plan("p", [
          node("a", "effect", { config: { failures: 2 }, retry: RETRY }),
          node("z", "effect", { needs: ["a"], config: { failures: 1 }, retry: RETRY }),
        ]),
      );
      const run = await until(async () => (await house.engine.get(id)).state === "succeeded", "the end");
      expect(run).toBeUndefined();
      expect([house.begun("a"), house.ended("a"), house.begun("z"), house.ended("z")]).toEqual([3, 1, 2, 1]);
      const { nodes } = await house.engine.get(id);
      expect(nodes.map(({ key, attempt }) => [key, attempt])).toEqual([
        ["a", 3],
        ["z", 2],
      ]);
      expect((await house.engine.node(id, "a")).attempts.map(({ outcome }) => outcome)).toEqual([
        "failed",
        "failed",
        "done",
      ]);
    });

    scenario("workflows", "Cancel between attempts", async () => {
      await using house = await open();
      const retry = { ...RETRY, delayMs: 60_000, maxDelayMs: 60_000 };
      const id = await begin(house, plan("p", [node("a", "effect", { config: { failures: 9 }, retry })]));
      await until(async () => (await house.engine.get(id)).nodes[0]?.status === "retrying", "the retry");
      await house.engine.cancel(id, ADA);
      expect((await house.engine.waitFor(id, 5000)).state).toBe("cancelled");
      expect(house.begun("a")).toBe(1);
    });

    scenario("workflows", "Cancel what is under way", async () => {
      const child = plan("child", [node("deep", "effect", { config: { ms: 60_000 } })]);
      await using house = await open({ plans: [child] });
      const id = await begin(
        house,
        plan("p", [
          node("sub", "workflow", { config: { use: "child" } }),
          node("a", "effect", { config: { ms: 60_000 } }),
        ]),
      );
      await until(() => house.begun("a") + house.begun("deep") === 2, "both nodes");
      await house.engine.cancel(id, ADA);
      await until(
        async () => (await house.engine.list({ limit: 9 })).every(({ state }) => state === "cancelled"),
        "the end",
      );
      expect(house.ended("a") + house.ended("deep")).toBe(0);
      await expect(house.engine.cancel(id, ADA)).rejects.toMatchObject({ code: "run_ended" });
    });

    scenario("workflows", "Skipped and failed dependencies", async () => {
      await using house = await open();
      const id = await begin(
        house,
        plan("p", [
          node("broken", "effect", { config: { failures: 9 } }),
          effect("off", "", { when: "1 > 2" }),
          effect("after_off", "is ${{ nodes.off.output == null }}", { needs: ["off"] }),
          effect("after_broken", "", { needs: ["broken"] }),
          effect("far", "", { needs: ["after_broken"] }),
          effect("either", "", { needs: ["broken", "after_off"], runIf: "any_ok" }),
          effect("none", "", { needs: ["off"], runIf: "any_ok" }),
          effect("cleanup", "", { needs: ["far"], runIf: "all_done" }),
        ]),
      );
      const run = await house.engine.waitFor(id, 5000);
      expect(run).toMatchObject({ state: "failed", error: { key: "broken" } });
      expect(Object.fromEntries(run.nodes.map(({ key, status, reason }) => [key, reason ?? status]))).toEqual({
        broken: "failed",
        off: "when",
        after_off: "done",
        after_broken: "upstream",
        far: "upstream",
        either: "done",
        none: "when",
        cleanup: "done",
      });
      expect(house.lines()).toContain("after_off is true");
    });

    scenario(
      "workflows",
      "A map with failures",
      async () => {
        await using house = await open({ concurrency: 32 });
        const body = { as: "n", nodes: [value("half", "100 / (n % 400)")] };
        const shape = plan("p", [
          node("each", "map", { body, config: { over: "inputs.list", concurrency: 20, on_error: "continue" } }),
          value("sum", "size(nodes.each.output.failed)", { needs: ["each"] }),
        ]);
        const list = Array.from({ length: 1000 }, (_, index) => index);
        const id = await begin(house, shape, { input: { list } });
        const run = await house.engine.waitFor(id, 60_000);
        expect(run).toMatchObject({ state: "succeeded", output: { value: { sum: 3 } } });
        const { output } = await house.engine.node(id, "each");
        const { results, failed } = output as { results: unknown[]; failed: { index: number }[] };
        expect([results.length, failed.map(({ index }) => index)]).toEqual([1000, [0, 400, 800]]);
        expect([results[0], results[1], results[401]]).toEqual([null, 100, 100]);
      },
      90_000,
    );

    scenario("workflows", "Fork with another definition", async () => {
      await using house = await open();
      const first = plan("p", [effect("a", "kept"), node("b", "effect", { needs: ["a"], config: { failures: 9 } })]);
      const id = await begin(house, first);
      expect((await house.engine.waitFor(id, 5000)).state).toBe("failed");
      const fixed = plan("p", [effect("a", "kept"), effect("b", "got ${{ nodes.a.output }}", { needs: ["a"] })]);
      const fork = await house.engine.fork(id, ADA, { from: "b", plan: fixed });
      const run = await house.engine.waitFor(fork.id, 5000);
      expect(run).toMatchObject({ state: "succeeded", forkedFrom: id, hash: fixed.hash });
      expect([house.begun("a"), house.lines().at(-2)]).toEqual([1, "b got kept"]);
      expect((await house.engine.get(id)).state).toBe("failed");
    });

    scenario("workflows", "Undo backwards", async () => {
      await using house = await open();
      const undo = (key: string) => ({ undo: effect(`${key}-undo`, "back") });
      const id = await begin(
        house,
        plan("p", [
          node("a", "effect", { config: { ms: 40 }, ...undo("a") }),
          effect("b", "", undo("b")),
          effect("c", "", { needs: ["a", "b"], ...undo("c") }),
          effect("d", "", { needs: ["c"] }),
        ]),
      );
      await house.engine.waitFor(id, 5000);
      await house.engine.undo(id, ADA);
      expect((await house.engine.waitFor(id, 5000)).state).toBe("undone");
      expect(house.lines().filter((line) => line.endsWith("back"))).toEqual([
        "c/undo back",
        "a/undo back",
        "b/undo back",
      ]);
      expect(await house.engine.undo(id, ADA)).toBe("duplicate");
    });

    scenario("workflows", "At most one call over", async () => {
      await using house = await open();
      const calls = Array.from({ length: 10 }, (_, index) =>
        node(`n${index}`, "effect", { config: { tokens: 100, usd: 0.01, ms: 5 } }),
      );
      const id = await begin(house, plan("p", calls), { budget: { usd: 0.025 } });
      const run = await house.engine.waitFor(id, 5000);
      expect(run).toMatchObject({ state: "paused", reason: "budget: usd" });
      expect(house.lines().filter((line) => !line.startsWith("end")).length).toBe(3);
      expect(run.cost).toEqual({ usd: 0.03, tokensIn: 300, tokensOut: 0 });
      await expect(house.engine.resume(id, ADA)).rejects.toMatchObject({ code: "over_budget" });
      await house.engine.resume(id, ADA, { budget: { usd: 1 } });
      expect(await house.engine.waitFor(id, 5000)).toMatchObject({ state: "succeeded", cost: { tokensIn: 1000 } });
    });

    scenario("workflows", "Estimates fit", async () => {
      await using house = await open({ price: (_model, tokens) => tokens * 0.0001 });
      const calls = Array.from({ length: 10 }, (_, index) =>
        node(`n${index}`, "effect", { config: { tokens: 100, usd: 0.01, ms: 5 } }),
      );
      const id = await begin(house, plan("p", calls), { budget: { tokens: 450 } });
      expect(await house.engine.waitFor(id, 5000)).toMatchObject({
        state: "paused",
        cost: { tokensIn: 400, usd: 0.04 },
      });
    });

    scenario("workflows", "Stopped in the middle", async () => {
      await using house = await open();
      const shape = plan("p", [node("a", "effect", { onCrash: "ask", config: { tokens: 100, after: 60_000 } })]);
      const id = await begin(house, shape, { budget: { tokens: 100 } });
      await until(async () => (await house.engine.node(id, "a")).status === "unknown", "the stop");
      expect(await house.engine.get(id)).toMatchObject({ state: "paused", cost: { tokensIn: 100, usd: null } });
      await house.engine.resolve(id, { key: "a", how: "done", output: 7 }, ADA);
      await house.engine.resume(id, ADA, { budget: { tokens: 200 } });
      expect(await house.engine.waitFor(id, 5000)).toMatchObject({ state: "succeeded", output: { value: { a: 7 } } });
    });

    scenario("workflows", "A late result", async () => {
      await using house = await open();
      const slow = node("a", "effect", { timeoutMs: 30, config: { ms: 300, deaf: true, say: "late" } });
      const id = await begin(house, plan("p", [{ ...slow, fallback: { value: "instead" } }]));
      await until(() => house.ended("a") === 1, "the late end");
      await until(async () => (await house.engine.get(id)).state === "succeeded", "the end");
      expect(await house.engine.get(id)).toMatchObject({ output: { value: { a: "late" } } });
    });

    scenario("workflows", "Who may answer", async () => {
      await using house = await open();
      const id = await begin(house, plan("p", [gate("b", { approvers: [BOB.name] }), gate("c", { self: false })]));
      const refused = { code: "forbidden" };
      await expect(house.engine.approve(id, "b", yes, AGENT)).rejects.toMatchObject(refused);
      await expect(house.engine.approve(id, "b", yes, ADA)).rejects.toMatchObject(refused);
      await expect(house.engine.approve(id, "c", yes, ADA)).rejects.toMatchObject(refused);
      await expect(house.engine.signal(id, "approve:b", yes, AGENT)).rejects.toMatchObject({ code: "bad_input" });
      expect((await house.engine.waitFor(id, 5000)).state).toBe("waiting");
    });
  });
}
