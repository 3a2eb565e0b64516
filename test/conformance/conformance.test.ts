import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { openDoors } from "../server/fixtures/doors.ts";
import { openFixtureServer } from "./fixture-server.ts";
import { runSuite } from "./run-suite.ts";

scenario("mcp-server", "Both revisions of MCP are conformed to", async () => {
  await using server = await openFixtureServer();
  for (const requirements of ["2025-11-25", "2026-07-28"]) {
    const { code, output } = await runSuite(server.url, requirements);
    expect(code, output).toBe(0);
  }
});

test.for(["2025-11-25", "2026-07-28"])(
  "the product's own tools pass %s but for what the baseline explains",
  async (requirements) => {
    await using doors = await openDoors({ token: null });
    const { code, output } = await runSuite(`${doors.url}/mcp`, requirements, `product-${requirements}.yml`);
    expect(code, output).toBe(0);
  },
);
