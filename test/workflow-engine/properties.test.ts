import fc from "fast-check";
import { expect } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { copiedRows } from "../../src/workflow-engine/run/fork.ts";
import { withDependents } from "../../src/workflow-engine/run/places.ts";
import { randomness, randomPlan, World } from "./properties-world.ts";

const drawn = fc.record({ seed: fc.nat(), count: fc.integer({ min: 1, max: 200 }) });

scenario(
  "workflows",
  "Whatever happens is done once",
  () => {
    fc.assert(
      fc.property(drawn, ({ seed, count }) => {
        const random = randomness(seed);
        const world = new World(random, randomPlan(random, count));
        world.play();
        expect(world.problems).toEqual([]);
        world.undo();
        expect(world.problems).toEqual([]);
      }),
      { numRuns: 120 },
    );
  },
  120_000,
);

scenario("workflows", "A fork keeps what came before", () => {
  fc.assert(
    fc.property(drawn, ({ seed, count }) => {
      const random = randomness(seed);
      const shape = randomPlan(random, Math.min(count, 40));
      const world = new World(random, shape);
      world.play();
      const from = shape.nodes[random(shape.nodes.length)]!.key;
      const again = withDependents(shape.nodes, from);
      const rows = copiedRows(world.snapshot, shape, from);
      const was = world.snapshot.nodes;
      for (const { key, output, status } of rows) {
        expect(again.has(key)).toBe(false);
        expect([output, status]).toEqual([was.get(key)?.output, was.get(key)?.status]);
      }
      const kept = new Set(rows.map(({ key }) => key));
      for (const { key, needs } of shape.nodes) {
        const over = ["done", "skipped"].includes(was.get(key)?.status ?? "");
        if (over && !again.has(key) && needs.every((need) => kept.has(need))) expect(kept.has(key)).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});
