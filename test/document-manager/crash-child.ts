// A process that makes one edit and dies by SIGKILL at the point that it is told, as a power cut would have it.
import { openRoom } from "./room.ts";
import type { UpdateRequest } from "../../src/document-manager/index.ts";

const [repository = "", step = "", request = ""] = process.argv.slice(2);
const room = await openRoom(repository, {
  onStep: (reached) => {
    if (reached === step) process.kill(process.pid, "SIGKILL");
  },
});
await room.manager.update(JSON.parse(request) as UpdateRequest);
process.stdout.write("acknowledged");
await room[Symbol.asyncDispose]();
