// A process that archives one change, takes it back, or carries an approved archive out, and dies by SIGKILL at the step that it is told.
import { setTimeout as wait } from "node:timers/promises";
import { agent, openWorld, person } from "../world.ts";

const [repository = "", step = "", kind = "archive", count = "1"] = process.argv.slice(2);
let seen = 0;
const world = await openWorld(repository, {
  approvals: kind === "approved",
  onStep: (reached) => {
    if (reached !== step) return;
    seen += 1;
    if (seen === Number(count)) process.kill(process.pid, "SIGKILL");
  },
});
if (kind === "archive") await world.archives.archive({ ids: ["out"], principal: person });
else if (kind === "approved") {
  const [asked] = await world.archives.archive({ ids: ["out"], principal: agent });
  await world.approvals.decide({ id: asked?.approval ?? "", decision: "approve", principal: person });
  await wait(30_000);
} else await world.archives.unarchive({ id: "out", principal: person });
process.stdout.write("acknowledged");
await world[Symbol.asyncDispose]();
