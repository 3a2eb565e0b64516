// A process that makes one edit, or several at the same moment, and dies by SIGKILL at the point that it is told, as a power cut would have it.
import { openRoom } from "./room.ts";
import type { UpdateRequest } from "../../src/document-manager/index.ts";

const [repository = "", step = "", request = ""] = process.argv.slice(2);
const room = await openRoom(repository, {
  onStep: (reached) => {
    if (reached === step) process.kill(process.pid, "SIGKILL");
  },
});
const requests = [JSON.parse(request) as UpdateRequest | UpdateRequest[]].flat();
await Promise.all(requests.map((one) => room.manager.update(one)));
process.stdout.write("acknowledged");
await room[Symbol.asyncDispose]();
