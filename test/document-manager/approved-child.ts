// A process that takes up an approved edit and dies by SIGKILL at the point that it is told.
import { openApprovedRoom } from "./approved-room.ts";

const [repository = "", home = "", step = ""] = process.argv.slice(2);
const room = await openApprovedRoom(repository, home, (reached) => {
  if (reached === step) process.kill(process.pid, "SIGKILL");
});
await room.start();
process.stdout.write("carried out");
