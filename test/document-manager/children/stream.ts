// A process that edits four documents in several streams at once until it is killed or has made its edits. Prints a line
// for every edit that was acknowledged, written in full before anything else happens, and the code of each refusal.
import { writeSync } from "node:fs";
import { SpecloopError } from "../../../src/foundation/errors.ts";
import { agent, openRoom } from "../room.ts";

const [repository = "", name = "", streams = "6", count = "1000000"] = process.argv.slice(2);
const room = await openRoom(repository, { git: { lockWaitMs: 2000 } });
writeSync(1, "ready\n");
await Promise.all(Array.from({ length: Number(streams) }, (_, stream) => run(stream)));
await room[Symbol.asyncDispose]();

async function run(stream: number): Promise<void> {
  for (let turn = 0; turn < Number(count); turn += 1) {
    const line = `- ${name}-${stream}-${turn}.`;
    const path = `openspec/changes/c${(stream + turn) % 4}/proposal.md`;
    const edits = [{ kind: "append_to_section" as const, section: "Why", content: line }];
    try {
      const { status } = await room.manager.update({ files: [{ path, edits }], reason: line, principal: agent });
      writeSync(1, `${status} ${path} ${line}\n`);
    } catch (error) {
      writeSync(1, `refused ${error instanceof SpecloopError ? error.code : String(error)}\n`);
    }
  }
}
