import { expect, test } from "vitest";
import { SharedTurn } from "../../src/feedback-loop/shared-turn.ts";

/** A turn that ends when it is told, and as soon as it is given up. */
function turns() {
  const begun: PromiseWithResolvers<string>[] = [];
  const shared = new SharedTurn<string>((signal) => {
    const turn = Promise.withResolvers<string>();
    signal.addEventListener("abort", () => turn.reject(signal.reason));
    begun.push(turn);
    return turn.promise;
  });
  return { shared, begun };
}

test("a caller who goes away does not take the turn from the others", async () => {
  const { shared, begun } = turns();
  const first = new AbortController();
  const one = shared.join(first.signal);
  const other = shared.join(new AbortController().signal);
  first.abort(new Error("gone"));
  await expect(one).rejects.toThrow("gone");
  begun[0]!.resolve("done");
  expect(await other).toBe("done");
  expect(begun).toHaveLength(1);
});

test("a turn that everybody left is given up, and the next caller gets a new one", async () => {
  const { shared, begun } = turns();
  const first = new AbortController();
  const one = shared.join(first.signal);
  first.abort(new Error("gone"));
  const other = shared.join(new AbortController().signal);
  await expect(one).rejects.toThrow("gone");
  await expect(begun[0]!.promise).rejects.toThrow("gone");
  await expect.poll(() => begun.length).toBe(2);
  begun[1]!.resolve("mine");
  expect(await other).toBe("mine");
  await shared.idle();
});

test("who comes with an aborted signal begins nothing", async () => {
  const { shared, begun } = turns();
  await expect(shared.join(AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
  expect(begun).toEqual([]);
});
