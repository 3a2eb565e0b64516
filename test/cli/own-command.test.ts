import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { daemonEnvironment } from "../../src/cli/daemon-environment.ts";
import { MAIN, cleanEnvironment } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";

let place: string;
beforeAll(async () => {
  place = await realpath(await mkdtemp(join(tmpdir(), "specloop-own-")));
});
afterAll(async () => rm(place, { recursive: true, force: true }));

/** The line that `init` shows when the program was started as `path`. */
async function shownCommand(path: string): Promise<string[]> {
  await using repository = await temporaryRepository({ "README.md": "# x\n" });
  await mkdir(dirname(join(place, path)), { recursive: true });
  await symlink(MAIN, join(place, path));
  const args = [join(place, path), "init", "--client", "lmstudio", "--repo", repository.path, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: cleanEnvironment() as NodeJS.ProcessEnv,
  });
  const { shown } = JSON.parse(stdout) as { shown: { lmstudio: string } };
  const { mcpServers } = JSON.parse(shown.lmstudio) as {
    mcpServers: { specloop: { command: string; args: string[] } };
  };
  return [mcpServers.specloop.command, ...mcpServers.specloop.args.slice(0, -3)];
}

test("a command for everywhere is named as it is; that of npx is not, since no client would find it", async () => {
  expect(await shownCommand("bin/specloop")).toEqual(["specloop"]);
  expect(await shownCommand("node_modules/.bin/specloop")).toEqual([process.execPath, MAIN]);
});

test("a daemon in the background gets no token of the client that started it, and what keeps its memory small", () => {
  const child = daemonEnvironment({ HOME: "/home/ada", SPECLOOP_AGENT_TOKEN: "spa_secret" });
  expect(Object.entries(child).filter(([, value]) => value !== undefined)).toEqual([
    ["MALLOC_ARENA_MAX", "2"],
    ["HOME", "/home/ada"],
  ]);
  expect(daemonEnvironment({ MALLOC_ARENA_MAX: "8" })["MALLOC_ARENA_MAX"]).toBe("8");
});
