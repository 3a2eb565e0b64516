import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { postgresPrograms, startPostgres, type PostgresServer } from "../helpers/postgres.ts";
import { openBooks } from "./books.ts";
import { ADA, begin, openHouse } from "./engine/house.ts";
import { node, plan } from "./engine/plans.ts";
import { onPostgres } from "./engine/postgres-house.ts";

const programs = postgresPrograms();
let server: PostgresServer;

describe.skipIf(programs === null)("what runs cost in a team's store", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("two processes share a budget, its alerts and the statistics", async () => {
    const directory = mkdtempSync(join(tmpdir(), "specloop-cost-team-"));
    const budgets = { month: { usd: 3 } };
    const price = (_model: string | null, tokens: number) => tokens / 100;
    const more = { directory, kind: onPostgres(server.url), budgets, price };
    try {
      await using one = await openHouse(more);
      await using other = await openHouse(more);
      await using books = await openBooks(one, { budgets });
      const told: number[] = [];
      for (const house of [one, other])
        house.events.on("budget.reached", ({ scope, percent }) => void (scope !== "run" && told.push(percent)));
      const shape = plan("shared", [node("a", "effect", { config: { tokens: 100, usd: 1, ms: 50 } })]);
      const houses = [one, other, one, other, one, other];
      const ids = await Promise.all(houses.map((house) => begin(house, shape)));
      const runs = await Promise.all(ids.map((id) => one.engine.waitFor(id, 60_000)));
      expect(runs.map(({ state }) => state).toSorted()).toEqual([
        "paused",
        "paused",
        "paused",
        "succeeded",
        "succeeded",
        "succeeded",
      ]);
      expect(told.toSorted((a, b) => a - b)).toEqual([50, 100]);
      // Each process counts the ends that it saw; a start finds the rest.
      await using again = await openBooks(other, { budgets });
      const { spending, budgets: standings } = await again.statistics.overview(2);
      expect(spending.total).toMatchObject({ calls: 3, usd: 3, tokensIn: 300 });
      expect(standings).toMatchObject([{ used: 3, limit: 3, reserved: 0 }]);
      const { runs: counted, nodes } = await books.statistics.of("shared", 2);
      expect(counted).toMatchObject({ count: 3, succeeded: 3, cost: { usd: 3 } });
      expect(nodes).toMatchObject([{ node: "a", count: 3 }]);
      await expect(books.forecast({ name: "shared" }, ADA)).rejects.toMatchObject({ code: "unknown_workflow" });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
