import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { openHouse } from "./house.ts";
import { runKilled } from "./killing.ts";

scenario(
  "workflows",
  "Killed in the middle",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "specloop-engine-kill-"));
    try {
      let turn = 0;
      // Ever later, so that each step is hit once in some process.
      const { id, state, repeated, kills } = await runKilled(directory, 10, () => (turn++ % 5) * 12);
      expect([state, kills > 0]).toEqual(["succeeded", true]);
      await using house = await openHouse({ directory });
      for (const key of ["a", "d", "e", "each[0]/do", "each[1]/do", "each[2]/do"]) {
        const asked = repeated.filter((one) => one === key).length;
        expect(house.begun(key), key).toBeLessThanOrEqual(1 + asked);
        expect(house.ended(key), key).toBe(1);
      }
      expect(await house.engine.get(id)).toMatchObject({ output: { value: { sum: 6 } } });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
  120_000,
);
