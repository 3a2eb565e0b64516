import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { temporaryRepository } from "../../helpers/repository.ts";
import { openRollbackHouse } from "./house.ts";
import { PATH, TEXT } from "./shape.ts";

const CHILD = join(import.meta.dirname, "children/undo-child.ts");

interface Told {
  id: string | null;
  state: string | null;
  repeated: string[];
  kills: number;
}

/** One process, killed so many milliseconds after it began to undo; never when null. */
async function once(repository: string, told: Told, limit: number | null): Promise<void> {
  const args = [CHILD, repository, ...(told.id === null ? [] : [told.id])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, first = "", how] = line.split(" ");
    if (word === "id") told.id = first;
    if (word === "undoing" && limit !== null) void sleep(limit).then(() => child.kill("SIGKILL"));
    if (word === "resolved" && how === "retry") told.repeated.push(first);
    if (word === "state") told.state = first;
  }
  await exited;
  if (told.state === null) told.kills += 1;
}

scenario(
  "workflows",
  "Killed in the middle of an undo",
  async () => {
    await using repository = await temporaryRepository({ [PATH]: TEXT });
    const told: Told = { id: null, state: null, repeated: [], kills: 0 };
    // The undo is a few hundred milliseconds long; each process comes a little further.
    for (let turn = 0; told.state === null; turn++)
      await once(repository.path, told, turn < 12 ? 20 + turn * 15 : null);
    expect([told.state, told.kills > 3]).toEqual(["undone", true]);
    expect(readFileSync(join(repository.path, PATH), "utf8")).toBe(TEXT);
    await using house = await openRollbackHouse(repository.path);
    const backs = ["e3/undo", "e2/undo", "e1/undo"];
    for (const key of backs) {
      expect(house.ended(key), key).toBe(1);
      expect(house.begun(key), key).toBeLessThanOrEqual(1 + told.repeated.filter((one) => one === key).length);
    }
    const order = house.lines().filter((line) => line.startsWith("end ") && line.endsWith("/undo"));
    expect(order).toEqual(backs.map((key) => `end ${key}`));
    // Each edit went back by one commit.
    const subjects = (await repository.git("log", "--format=%s")).split("\n").filter((line) => line.startsWith("Undo"));
    expect(subjects).toHaveLength(3);
    expect(await repository.git("status", "--porcelain", "--untracked-files=no")).toBe("");
  },
  120_000,
);
