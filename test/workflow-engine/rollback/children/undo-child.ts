import { setTimeout as sleep } from "node:timers/promises";
import { ADA, begin } from "../../engine/house.ts";
import { openRollbackHouse } from "../house.ts";
import { sixSteps } from "../shape.ts";

/** Runs the six steps to their end, then undoes them, for a parent that kills it: says `id`, `undoing` and `state`. */
const [repository = "", known] = process.argv.slice(2);
const house = await openRollbackHouse(repository);
const { engine } = house;
const id = known ?? (await begin(house, sixSteps()));
process.stdout.write(`id ${id}\n`);
while ((await engine.get(id)).state === "running") await sleep(2);
if ((await engine.get(id)).state === "succeeded") await engine.undo(id, ADA);
process.stdout.write("undoing\n");
for (;;) {
  await sleep(2);
  const { state, nodes } = await engine.get(id);
  // What a person would do: look whether the effect is there.
  for (const { key } of nodes.filter(({ status }) => status === "unknown")) {
    const how = house.ended(key) > 0 ? "done" : "retry";
    process.stdout.write(`resolved ${key} ${how}\n`);
    await engine.resolve(id, { key, how }, ADA);
  }
  if (state !== "undoing") {
    process.stdout.write(`state ${state}\n`);
    break;
  }
}
await house[Symbol.asyncDispose]();
