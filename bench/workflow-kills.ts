import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHouse } from "../test/workflow-engine/engine/house.ts";
import { runKilled } from "../test/workflow-engine/engine/killing.ts";

/** `node bench/workflow-kills.ts [KILLS]`: kills runs of ten steps at random moments; every broken promise is counted. */
const wanted = Number(process.argv[2] ?? 1000);
const EFFECTS = ["a", "c", "d", "e", "each[0]/do", "each[1]/do", "each[2]/do"];
let [kills, runs, asked, silent, lost, unfinished] = [0, 0, 0, 0, 0, 0];
while (kills < wanted) {
  const directory = mkdtempSync(join(tmpdir(), "specloop-kills-"));
  const result = await runKilled(directory, Math.min(12, wanted - kills), () => Math.random() * 80);
  const house = await openHouse({ directory });
  kills += result.kills;
  runs += 1;
  asked += result.repeated.length;
  if (result.state !== "succeeded") unfinished += 1;
  for (const key of EFFECTS) {
    // `c` fails once as told, which is its first attempt.
    const allowed = (key === "c" ? 2 : 1) + result.repeated.filter((one) => one === key).length;
    if (house.begun(key) > allowed) silent += 1;
    if (house.ended(key) !== 1) lost += 1;
  }
  await house[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}
process.stdout.write(
  `${kills} kills in ${runs} runs: ${unfinished} did not succeed, ${silent} effects silently repeated, `,
);
process.stdout.write(`${lost} lost or ended twice; a person had ${asked} repeated\n`);
