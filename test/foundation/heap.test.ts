import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { EventBus } from "../../src/foundation/events.ts";
import { Heap } from "../../src/foundation/heap.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { ManualClock } from "../question-router/manual-clock.ts";

test("the heap is fast while calls come in numbers, small again when it is quiet, and single calls change nothing", async () => {
  const clock = new ManualClock();
  const events = new EventBus(silentLogger);
  const flags: string[] = [];
  const call = (times: number) => {
    const principal = { kind: "agent", name: "tester" } as const;
    for (let n = 0; n < times; n += 1) events.emit("tool.called", { tool: "note_add", ok: true, ms: 1, principal });
  };
  await using heap = new Heap({ events, clock, set: (flag) => flags.push(flag) });
  await heap.start();
  for (let second = 0; second < 60; second += 1) {
    call(10);
    clock.advance(1001);
  }
  expect(flags).toEqual([]);
  call(50);
  expect(flags).toEqual(["--no-optimize-for-size"]);
  clock.advance(3000);
  call(1);
  clock.advance(3000);
  await setImmediate();
  expect(flags).toHaveLength(1);
  clock.advance(2000);
  await setImmediate();
  expect(flags).toEqual(["--no-optimize-for-size", "--optimize-for-size"]);
  call(50);
  expect(flags).toHaveLength(3);
});
