import { setTimeout as sleep } from "node:timers/promises";
import { ADA, begin, openHouse } from "../house.ts";
import { tenSteps } from "../ten-steps.ts";

/** Begins the run, or goes on with it, until it has ended: for a parent that kills it. Says `id ID` and `state STATE`. */
const [directory = "", known] = process.argv.slice(2);
const house = await openHouse({ directory });
const id = known ?? (await begin(house, tenSteps()));
process.stdout.write(`id ${id}\n`);
for (;;) {
  await sleep(2);
  const { state, nodes } = await house.engine.waitFor(id, 60_000);
  const unknown = nodes.filter(({ status }) => status === "unknown");
  // What a person would do: look whether the effect is there.
  for (const { key } of unknown) {
    const how = house.ended(key) > 0 ? "done" : "retry";
    process.stdout.write(`resolved ${key} ${how}\n`);
    await house.engine.resolve(id, { key, how }, ADA);
  }
  if (state === "waiting" && nodes.some(({ key, status }) => key === "gate" && status === "waiting")) {
    await house.engine.approve(id, "gate", { approved: true, comment: "" }, ADA);
  }
  if (state !== "running" && state !== "waiting") {
    process.stdout.write(`state ${state}\n`);
    break;
  }
}
await house[Symbol.asyncDispose]();
