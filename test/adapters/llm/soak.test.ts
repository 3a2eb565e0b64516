import { expect, test } from "vitest";
import { systemClock } from "../../../src/foundation/clock.ts";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { silentLogger } from "../../../src/foundation/logger.ts";
import { parseAddress } from "../../../src/adapters/llm/address.ts";
import type { BackendCall } from "../../../src/adapters/llm/backend.ts";
import { startFakeLmStudio, type FakeLmStudio } from "../../../src/adapters/llm/index.ts";
import { createLmStudioBackend } from "../../../src/adapters/llm/lmstudio.ts";
import { scenario } from "../../helpers/scenario.ts";
import { ask, failure, never, openLlm } from "./open.ts";

const TIMEOUTS = { connectMs: 10_000, firstTokenMs: 10_000, idleMs: 10_000, totalMs: 20_000 };

/** A call as the backend gets it, below queue and circuit breaker, which would keep most of them from the server. */
function call(content: string, overrides: Partial<BackendCall> = {}): BackendCall {
  const model = { id: "example-7b-instruct", kind: "chat" as const, loaded: true, contextLength: 32_768 };
  return {
    request: ask(content),
    model,
    maxTokens: 100,
    temperature: 0,
    load: { ttlSeconds: 60, contextLength: null },
    draftModel: null,
    timeouts: TIMEOUTS,
    signal: never,
    ...overrides,
  };
}

function backendFor(fake: FakeLmStudio) {
  return createLmStudioBackend({
    address: parseAddress(fake.url, {}),
    token: () => undefined,
    clock: systemClock,
    logger: silentLogger,
  });
}

const contents = (fake: FakeLmStudio) => fake.requests.map(({ messages }) => messages[0]?.content);

scenario("models", "LM Studio restarts", async () => {
  await using fake = await startFakeLmStudio();
  await using backend = backendFor(fake);
  await backend.generate(call("before"));
  await fake.stop();
  const stale = (number: number) => failure(backend.generate(call(`stale ${number}`)));
  // The first meets a socket that is dying, the others a server that is gone: these the bare client would send later.
  const rejected = [await stale(1), ...(await Promise.all([2, 3, 4, 5].map(stale)))];
  expect(rejected.every(({ code }) => code === "llm_unreachable" || code === "llm_interrupted")).toBe(true);
  await fake.restart();
  await backend.generate(call("after 1"));
  await backend.generate(call("after 2"));
  expect(contents(fake)).toEqual(["before", "after 1", "after 2"]);
});

test("what a frozen server did not take is not executed when it thaws", async () => {
  await using fake = await startFakeLmStudio({ faults: { auth: "hang" } });
  await using backend = backendFor(fake);
  const timeouts = { ...TIMEOUTS, connectMs: 200 };
  const errors = await Promise.all(
    [1, 2, 3].map((number) => failure(backend.generate(call(`stale ${number}`, { timeouts })))),
  );
  expect(errors.map(({ code }) => code)).toEqual(["llm_timeout", "llm_timeout", "llm_timeout"]);
  fake.faults = {};
  await backend.generate(call("fresh"));
  expect(contents(fake)).toEqual(["fresh"]);
});

test("a connection that breaks between success and the end of its channel disturbs nobody", async () => {
  await using fake = await startFakeLmStudio({ faults: { dieAfterSuccess: true } });
  await using backend = backendFor(fake);
  const generations = await Promise.all(
    [1, 2, 3].map((number) => backend.generate(call(`number ${number}`)).catch((error: unknown) => error)),
  );
  expect(generations).toContainEqual(expect.objectContaining({ backend: "lmstudio" }));
  fake.faults = {};
  await expect
    .poll(() =>
      backend.generate(call("fresh")).then(
        ({ backend }) => backend,
        () => "not yet",
      ),
    )
    .toBe("lmstudio");
});

/** A repeatable stream of numbers in [0, 1): the minimal standard generator of Park and Miller. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const TROUBLES: FakeLmStudio["faults"][] = [
  {},
  {},
  { midStream: "die" },
  { midStream: "stall" },
  { midStream: "crash" },
  { auth: "hang" },
  { frozen: true },
  { closeWithoutSuccess: true },
  { ignoreCancel: true, firstTokenMs: 600_000 },
  { empty: true },
  { truncated: true },
  { modelGone: true },
];

test("300 calls, 30 at a time, under random faults all settle with typed errors, and none is left over", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  const next = random(20_261_121);
  await using fake = await startFakeLmStudio();
  const deadlines = { connectMs: 400, firstTokenMs: 400, idleMs: 300, totalMs: 1500 };
  await using at = openLlm({ backend: "lmstudio", baseUrl: fake.url, concurrency: 30, timeouts: deadlines });
  const calm = new AbortController();
  const weather = (async () => {
    while (!calm.signal.aborted) {
      fake.faults = { ...TROUBLES[Math.floor(next() * TROUBLES.length)] };
      if (next() < 0.1) {
        await fake.stop();
        await systemClock.sleep(20);
        await fake.restart();
      }
      await systemClock.sleep(20 + next() * 60);
      // The breaker would spare the server most of the calls; a status that finds it alive lets them through.
      await at.llm.status(never);
    }
  })();
  const calls = Array.from({ length: 300 }, async (_, number) => {
    await systemClock.sleep(number * 15);
    const caller = new AbortController();
    if (number % 7 === 0) setTimeout(() => caller.abort(), 50 + next() * 200);
    return at.llm.generate(ask(`storm ${number}`), caller.signal);
  });
  const outcomes = await Promise.allSettled(calls);
  calm.abort();
  await weather;
  const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
  expect(reasons.filter((reason) => !(reason instanceof SpecloopError && reason.code.startsWith("llm_")))).toEqual([]);
  expect(new Set(reasons.map((reason) => (reason instanceof SpecloopError ? reason.code : ""))).size).toBeGreaterThan(
    3,
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(10);

  // All of it went through LM Studio's own client, which is what this is about.
  expect(fake.requests.filter(({ via }) => via === "http")).toEqual([]);

  fake.faults = {};
  await at.llm.status(never);
  at.live.current = { ...at.live.current, timeouts: TIMEOUTS };
  const before = fake.requests.length;
  const fresh = await Promise.all(
    Array.from({ length: 40 }, (_, number) => at.llm.generate(ask(`calm ${number}`), never)),
  );
  expect(fresh).toHaveLength(40);
  expect(
    contents(fake)
      .slice(before)
      .filter((content) => !content?.startsWith("calm")),
  ).toEqual([]);
  expect(unhandled).toEqual([]);
  process.off("unhandledRejection", note);
});
