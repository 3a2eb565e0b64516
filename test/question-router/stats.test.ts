import { expect, test } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, DOCUMENTS, never, person, startRouter } from "./harness.ts";
import { ManualClock } from "./manual-clock.ts";

scenario(
  "questions",
  "A person looks at the statistics",
  async () => {
    await using repository = await temporaryRepository(DOCUMENTS);
    await using _daemon = await startDaemon(repository.path);
    const run = async (...args: string[]) => {
      const { stdout, stderr, code } = await specloop([...args, "--repo", repository.path]);
      expect([stderr, code]).toEqual(["", 0]);
      return stdout;
    };
    const call = async (tool: string, input: Record<string, unknown>) =>
      JSON.parse(await run("call", tool, JSON.stringify(input), "--json")) as { questionId: string; status: string };
    const refund = { text: "Within how many days is a returned bicycle refunded?" };
    expect((await call("question_ask", refund)).status).toBe("answered");
    expect((await call("question_ask", refund)).status).toBe("answered");
    const { questionId } = await call("question_ask", { text: "How do I delete a spare saddle?", waitMs: 0 });
    await call("answer_submit", { questionId, text: "Press the lever." });
    const similar = await call("question_ask", { text: "How can I remove a spare saddle?" });
    expect(similar.status).toBe("answered");
    await call("answer_judge", { questionId: similar.questionId, verdict: "wrong" });
    const stats: unknown = JSON.parse(await run("questions", "stats", "--json"));
    expect(stats).toMatchObject({
      asks: 4,
      exactHits: 1,
      similarHits: 1,
      misses: 2,
      hitRate: 0.5,
      similar: { given: 1, useful: 0, wrong: 1, falseHitRate: 1 },
      byDay: [{ asks: 4, exact: 1, similar: 1, falseHits: 1 }],
    });
    const shown = await run("questions", "stats");
    expect(shown).toContain("4 asks in 7 days");
    expect(shown).toMatch(/exact hits +1 \(25 %\)/);
    expect(shown).toMatch(/documents +1 +\d+\.\d ms/);
    expect(shown).toContain("1 judged wrong");
  },
  60_000,
);

test("statistics are of the days that were asked for, and of nothing when nothing was asked", async () => {
  const clock = new ManualClock();
  await using shop = await startRouter({ clock });
  expect(await shop.router.statistics(7)).toMatchObject({ asks: 0, hitRate: null, routes: [], byDay: [] });
  const text = "How do I delete a spare saddle?";
  const { questionId } = await shop.router.ask({ text, waitMs: 0 }, agent, never);
  await shop.router.answer({ questionId, text: "Press the lever.", principal: person });
  clock.advance(86_400_000);
  await shop.router.ask({ text }, agent, never);
  const two = await shop.router.statistics(7);
  expect(two.byDay.map(({ asks, exact }) => ({ asks, exact }))).toEqual([
    { asks: 1, exact: 1 },
    { asks: 1, exact: 0 },
  ]);
  clock.advance(86_400_000 * 6.5);
  expect((await shop.router.statistics(7)).asks).toBe(1);
  expect((await shop.router.statistics(1)).asks).toBe(0);
});
