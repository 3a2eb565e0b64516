import { writeSync } from "node:fs";
import { acquireProcessLock } from "../../../../src/adapters/store/index.ts";

/** Takes the lock and says `owner`, then holds it until its stdin ends; or says `refused <owner's pid>` and leaves. */
const [path = "", socket = ""] = process.argv.slice(2);
try {
  using _lock = acquireProcessLock(path, { pid: process.pid, socket, startedAt: Date.now() });
  writeSync(1, "owner\n");
  await new Promise((resolve) => process.stdin.resume().on("close", resolve));
} catch (error) {
  const { code, details } = error as { code: string; details?: { owner?: { pid: number } } };
  writeSync(1, `${code} ${details?.owner?.pid}\n`);
}
