import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresPrograms, startPostgres, type PostgresServer } from "../helpers/postgres.ts";
import { scenario } from "../helpers/scenario.ts";
import { ADA, begin, type House, openHouse, until } from "./engine/house.ts";
import { node, plan, value } from "./engine/plans.ts";
import { onPostgres } from "./engine/postgres-house.ts";

const programs = postgresPrograms();
const CHILD = join(import.meta.dirname, "engine/children/team-child.ts");
const yes = { approved: true, comment: "" };
const effect = (key: string, more: Parameters<typeof node>[2] = {}) => node(key, "effect", more);

let server: PostgresServer;
const made: string[] = [];
const children: ChildProcess[] = [];

function directory(): string {
  made.push(mkdtempSync(join(tmpdir(), "specloop-team-")));
  return made.at(-1)!;
}

function open(place: string, member: Parameters<typeof onPostgres>[1] = {}, concurrency = 8): Promise<House> {
  return openHouse({ directory: place, kind: onPostgres(server.url, member), concurrency });
}

/** One that looks on and decides, and does nothing itself. */
const watcher = (place: string) => open(place, { types: [] });

async function member(place: string, drainMs = 0): Promise<ChildProcess> {
  const args = [CHILD, server.url, place, `${drainMs}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  await once(child.stdout, "data");
  return child;
}

async function ended(house: House, id: string): Promise<string> {
  return (await house.engine.waitFor(id, 60_000)).state;
}

describe.skipIf(programs === null)("processes of a team", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await server[Symbol.asyncDispose]();
    for (const place of made) rmSync(place, { recursive: true, force: true });
  });

  scenario(
    "workflows",
    "A process of the team dies in the middle of nodes",
    async () => {
      const place = directory();
      await using house = await watcher(place);
      const first = await member(place);
      const id = await begin(
        house,
        plan("p", [
          effect("again", { onCrash: "retry", config: { ms: 2000 } }),
          effect("once", { onCrash: "ask", config: { ms: 2000 } }),
          effect("after", { needs: ["again"] }),
        ]),
      );
      await until(() => house.begun("again") + house.begun("once") === 2, "both nodes");
      first.kill("SIGKILL");
      await member(place);
      const done = async () => (await house.engine.waitFor(id, 60_000)).state === "waiting";
      expect(await done()).toBe(true);
      expect([house.begun("again"), house.ended("again"), house.begun("after")]).toEqual([2, 1, 1]);
      expect([house.begun("once"), (await house.engine.node(id, "once")).status]).toEqual([1, "unknown"]);
      await house.engine.resolve(id, { key: "once", how: "done", output: 7 }, ADA);
      expect(await ended(house, id)).toBe("succeeded");
      expect(house.begun("once")).toBe(1);
    },
    90_000,
  );

  scenario(
    "workflows",
    "Two processes share a hundred runs",
    async () => {
      const place = directory();
      await using house = await watcher(place);
      await Promise.all([member(place), member(place)]);
      const ids = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          begin(
            house,
            plan(`p${index}`, [
              effect(`a${index}`, { config: { ms: 5 } }),
              effect(`b${index}`, { needs: [`a${index}`] }),
            ]),
          ),
        ),
      );
      for (const id of ids) expect(await ended(house, id)).toBe("succeeded");
      const begun = house.lines().filter((line) => !line.startsWith("end "));
      expect([begun.length, new Set(begun).size]).toEqual([200, 200]);
    },
    120_000,
  );

  scenario("workflows", "Cancelled from another host", async () => {
    const place = directory();
    await using here = await watcher(place);
    await using there = await open(place);
    const id = await begin(here, plan("p", [effect("long", { config: { ms: 60_000 } })]));
    await until(() => there.begun("long") === 1, "the node");
    await here.engine.cancel(id, ADA);
    expect(await ended(here, id)).toBe("cancelled");
    expect(here.ended("long")).toBe(0);
  });

  scenario("workflows", "Answered and watched on different hosts", async () => {
    const place = directory();
    await using here = await open(place, { types: ["effect"] });
    await using there = await open(place, { types: ["approval", "transform"] });
    const heard: string[] = [];
    using _ = there.events.on("run.changed_elsewhere", ({ runId }) => heard.push(runId));
    const gate = node("gate", "approval", { needs: ["a"], config: { prompt: "Go on?" } });
    const id = await begin(here, plan("p", [effect("a"), gate, effect("b", { needs: ["gate"] })]));
    const isOpen = async () => (await there.engine.get(id)).state === "waiting";
    await until(isOpen, "the question");
    const watched = here.engine.waitFor(id, 30_000);
    expect(await there.engine.approve(id, "gate", yes, ADA)).toBe("applied");
    await watched;
    expect(await ended(there, id)).toBe("succeeded");
    expect([here.begun("a"), here.begun("b"), heard.includes(id)]).toEqual([1, 1, true]);
  });

  scenario("workflows", "A time comes while its process is gone", async () => {
    const place = directory();
    let id = "";
    {
      await using gone = await open(place);
      const wait = node("w", "wait", { config: { for: 1000 } });
      id = await begin(gone, plan("p", [wait, effect("after", { needs: ["w"] })]));
      await until(async () => (await gone.engine.node(id, "w")).status === "waiting", "the wait");
    }
    await using one = await open(place);
    await using _other = await open(place);
    expect(await ended(one, id)).toBe("waiting");
    await until(async () => (await one.engine.get(id)).state === "succeeded", "the end");
    expect(one.begun("after")).toBe(1);
  });

  scenario("workflows", "Clocks of hosts differ", async () => {
    const place = directory();
    await using right = await open(place, { types: ["approval"] });
    await using fast = await open(place, { types: ["effect"], ahead: 3_600_000 });
    const gate = node("gate", "approval", { config: { prompt: "Go on?", timeout: 600_000 } });
    const id = await begin(right, plan("p", [gate, effect("b", { needs: ["gate"] })]));
    await until(async () => (await right.engine.node(id, "gate")).status === "waiting", "the question");
    await fast.engine.signal(id, "anything", 1, ADA);
    expect((await fast.engine.node(id, "gate")).status).toBe("waiting");
    await fast.engine.approve(id, "gate", yes, ADA);
    expect(await ended(right, id)).toBe("succeeded");
    const times = (await right.engine.events(id, 0)).map(({ at }) => at);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(600_000);
  });

  scenario("workflows", "Nodes that are tied to a clone", async () => {
    const place = directory();
    await using two = await open(place, { home: "two" });
    const gate = node("gate", "approval", { config: { prompt: "Go on?" } });
    const shape = plan("p", [gate, node("tied", "tied", { needs: ["gate"] }), effect("free", { needs: ["gate"] })]);
    let id = "";
    {
      await using one = await open(place, { home: "one" });
      id = await begin(one, shape);
      await until(async () => (await one.engine.node(id, "gate")).status === "waiting", "the question");
    }
    await two.engine.approve(id, "gate", yes, ADA);
    await until(() => two.ended("free") === 1, "what is not tied");
    expect((await two.engine.get(id)).state).toBe("running");
    expect([(await two.engine.node(id, "tied")).status, two.begun("tied")]).toEqual(["queued", 0]);
    await using one = await open(place, { home: "one" });
    const told: string[] = [];
    using _ = one.events.on("node.ended", ({ key }) => told.push(key));
    expect(await ended(one, id)).toBe("succeeded");
    expect([told, two.begun("tied")]).toEqual([["tied"], 1]);
  });

  scenario("workflows", "A worker stands in for a clone", async () => {
    const place = directory();
    await using here = await open(place, { home: "one", types: [] }, 0);
    const id = await begin(here, plan("p", [node("tied", "tied")]));
    await using _worker = await open(place, { home: "two", standsIn: true });
    expect(await ended(here, id)).toBe("succeeded");
  });

  scenario(
    "workflows",
    "A process is told to stop in the middle of a node",
    async () => {
      const place = directory();
      await using house = await watcher(place);
      const first = await member(place, 20_000);
      const id = await begin(
        house,
        plan("p", [effect("long", { onCrash: "ask", config: { ms: 1500 } }), effect("next", { needs: ["long"] })]),
      );
      await until(() => house.begun("long") === 1, "the node");
      const exited = once(first, "exit");
      first.kill("SIGTERM");
      expect(await exited).toEqual([0, null]);
      expect([house.ended("long"), (await house.engine.node(id, "long")).status]).toEqual([1, "done"]);
      expect(house.begun("next")).toBe(0);
      await member(place);
      expect(await ended(house, id)).toBe("succeeded");
      expect([house.begun("long"), house.begun("next")]).toEqual([1, 1]);
    },
    60_000,
  );

  scenario(
    "workflows",
    "The team's server crashes in the middle of runs",
    async () => {
      const place = directory();
      await using house = await open(place);
      const steps = Array.from({ length: 6 }, (_, index) =>
        effect(`n${index}`, { needs: index === 0 ? [] : [`n${index - 1}`], config: { ms: 150 } }),
      );
      const ids = await Promise.all(["p", "q", "r"].map((name) => begin(house, plan(name, steps))));
      await until(() => house.ended("n1") >= 1, "the first steps");
      await server.crash();
      for (const id of ids) expect(await ended(house, id)).toBe("succeeded");
      expect(house.lines().filter((line) => line === "end n5").length).toBe(3);
    },
    120_000,
  );

  test("a large value is found by whoever goes on", async () => {
    const place = directory();
    await using one = await open(place, { types: ["effect"] });
    await using _two = await open(place, { types: ["transform"] });
    const big = effect("big", { config: { bytes: 300_000 } });
    const id = await begin(one, plan("p", [big, value("size", "size(nodes.big.output)", { needs: ["big"] })]));
    expect(await ended(one, id)).toBe("succeeded");
    expect(await one.engine.get(id)).toMatchObject({ output: { value: { size: 300_000 } } });
  });
});
