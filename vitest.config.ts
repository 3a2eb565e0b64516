import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests spawn real git, daemons and MCP clients on machines with two busy cores.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes, watchers and locks on a shared machine: a second look tells a defect from a moment of load. vitest
    // names what needed it, and at a desk nothing is tried again.
    retry: process.env["CI"] ? 1 : 0,
    pool: "forks",
    // The programs that tests spawn by the hundred keep what V8 made of our sources and of OpenSpec's: half the CPU each.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules", ".cache", "specloop-tests") },
    maxWorkers: 2,
    coverage: { provider: "v8", include: ["src/**"] },
  },
});
