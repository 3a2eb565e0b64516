import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { openFixtureServer } from "./fixture-server.ts";
import { openProduct } from "./product-server.ts";
import { runSuite } from "./run-suite.ts";

scenario("mcp-server", "Both revisions of MCP are conformed to", async () => {
  await using server = await openFixtureServer();
  for (const requirements of ["2025-11-25", "2026-07-28"]) {
    const { code, output } = await runSuite(server.url, requirements);
    expect(code, output).toBe(0);
  }
});

test("the daemon itself passes both revisions, but for what the baselines explain", async () => {
  await using product = await openProduct();
  for (const requirements of ["2025-11-25", "2026-07-28"]) {
    const { code, output } = await runSuite(product.url, requirements, `product-${requirements}.yml`);
    expect(code, output).toBe(0);
  }
});
