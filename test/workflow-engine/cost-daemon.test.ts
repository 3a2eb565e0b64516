import { expect } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { openPlace } from "./nodes/place.ts";

const SETTINGS = (usd: number) => `
prices:
  models: { small: { input: 1000000, output: 1000000 } }
workflows:
  budgets: { day: { usd: ${usd} } }
`;

/** A dollar a token, so that amounts are easy to see. */
scenario("workflows", "Prices and budgets of specloop.yaml", async () => {
  await using place = await openPlace({
    files: { "specloop.yaml": SETTINGS(100_000) },
    models: [{ id: "small", kind: "chat", loaded: true, contextLength: 8192 }],
    respond: () => ({ text: "Done." }),
  });
  await place.define(
    "say",
    "nodes:\n  a: { type: llm, model: small, prompt: Say something., max_tokens: 50 }\n  b: { type: transform, needs: a, value: nodes.a.output.text }\n",
  );
  const first = await place.run("say");
  expect(first.state, JSON.stringify(first.error)).toBe("succeeded");
  const { cost } = (await place.call("run_get", { run: first.id })) as unknown as {
    cost: { usd: number; tokensIn: number; tokensOut: number };
  };
  expect(cost.tokensIn).toBeGreaterThan(0);
  expect(cost.usd).toBeCloseTo(cost.tokensIn + cost.tokensOut, 6);
  // The daemon is killed; a budget that is lower by then holds, over what was spent before.
  await place.repository.write("specloop.yaml", SETTINGS(cost.usd + 40));
  await place.restart("SIGKILL");
  const second = await place.run("say");
  expect(second).toMatchObject({ state: "paused" });
  expect(second.reason).toMatch(/^budget: usd of all runs in the day /);
  expect(place.model.requests.filter(({ kind }) => kind === "generate")).toHaveLength(1);
  const { stdout } = await place.cli("status");
  expect(stdout).toMatch(/workflows +1 paused/);
  const stats = (await place.call("workflow_stats")) as { overview: { spending: object; budgets: object[] } };
  expect(stats.overview.spending).toMatchObject({ total: { calls: 1, usd: cost.usd }, byModel: [{ key: "small" }] });
  expect(stats.overview.budgets).toMatchObject([{ scope: "all runs", unit: "usd", used: cost.usd }]);
  // A saved file is taken up while the daemon runs.
  await place.repository.write("specloop.yaml", SETTINGS(100_000));
  let state = "paused";
  for (let turn = 0; turn < 400 && state === "paused"; turn++) {
    await place.call("run_resume", { run: second.id });
    state = (await place.settled(second.id)).state;
  }
  expect(state).toBe("succeeded");
});
