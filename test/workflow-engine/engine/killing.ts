import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const CHILD = join(import.meta.dirname, "children/run-child.ts");

export interface Killed {
  id: string;
  kills: number;
  /** Keys that a person had repeated. */
  repeated: string[];
  state: string;
}

/** Runs the ten steps in processes that are killed (-9) again and again, `pause()` milliseconds after each is ready. */
export async function runKilled(directory: string, kills: number, pause: () => number): Promise<Killed> {
  const result: Killed = { id: "", kills: 0, repeated: [], state: "" };
  while (result.state === "") {
    const limit = result.kills < kills ? pause() : null;
    if (await once(directory, result, limit)) result.kills += 1;
  }
  return result;
}

/** One process; true when it was killed before it had ended. */
async function once(directory: string, result: Killed, limit: number | null): Promise<boolean> {
  const known = result.id === "" ? [] : [result.id];
  const child = spawn(process.execPath, [CHILD, directory, ...known], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, first = "", second] = line.split(" ");
    if (word === "id") {
      result.id = first;
      if (limit !== null) void sleep(limit).then(() => child.kill("SIGKILL"));
    }
    if (word === "resolved" && second === "retry") result.repeated.push(first);
    if (word === "state") result.state = first;
  }
  const code = await exited;
  if (code !== null && code !== 0) throw new Error(`the process of the run ended by itself with ${code}`);
  return result.state === "";
}
