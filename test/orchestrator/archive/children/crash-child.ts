// A process that archives one change, or takes it back, and dies by SIGKILL at the step that it is told.
import { openWorld, person } from "../world.ts";

const [repository = "", step = "", kind = "archive", count = "1"] = process.argv.slice(2);
let seen = 0;
const world = await openWorld(repository, {
  onStep: (reached) => {
    if (reached !== step) return;
    seen += 1;
    if (seen === Number(count)) process.kill(process.pid, "SIGKILL");
  },
});
if (kind === "archive") await world.archives.archive({ ids: ["out"], principal: person });
else await world.archives.unarchive({ id: "out", principal: person });
process.stdout.write("acknowledged");
await world[Symbol.asyncDispose]();
