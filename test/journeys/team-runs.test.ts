import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempDisposableSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { cleanEnvironment, MAIN, specloop, startDaemon } from "../helpers/command.ts";
import { postgresPrograms, startPostgres, type PostgresServer } from "../helpers/postgres.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const programs = postgresPrograms();
let server: PostgresServer;

const workflow = `version: 1
name: go
nodes:
  a: { type: transform, value: "20 + 1" }
  gate: { type: approval, prompt: "Go on?", needs: [a] }
  rest: { type: wait, for: 200ms, needs: [gate] }
  b: { type: transform, value: "nodes.a.output * 2", needs: [rest] }
`;
const files = {
  "openspec/specs/a/spec.md": "# A\n",
  ".gitignore": ".specloop/\n",
  "workflows/go.yaml": workflow,
};

interface Run {
  id: string;
  state: string;
  output?: { value: unknown };
}

async function json(repo: string, args: string[]): Promise<Run> {
  const { stdout, stderr, code } = await specloop([...args, "--repo", repo, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Run;
}

async function until(repo: string, id: string, state: string): Promise<Run> {
  for (const over = performance.now() + 60_000; performance.now() < over; await sleep(200)) {
    const run = await json(repo, ["run", "show", id]);
    if (run.state === state) return run;
  }
  throw new Error(`the run did not become ${state}`);
}

/** `specloop worker` until it says that it works. */
async function startWorker(repo: string, env: Record<string, string>, args: string[] = []) {
  const child = spawn(process.execPath, [MAIN, "worker", "--repo", repo, "--json", ...args], {
    env: cleanEnvironment(env),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  await Promise.race([once(child.stdout, "data"), exited]);
  return {
    exitCode: () => child.exitCode,
    end: async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return ((await exited) as [number | null])[0];
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

async function withClone() {
  const stack = new AsyncDisposableStack();
  const repository = stack.use(await temporaryRepository(files));
  const folder = stack.use(mkdtempDisposableSync(join(tmpdir(), "specloop-clone-")));
  const clone = join(folder.path, "clone");
  execFileSync("git", ["clone", "--quiet", repository.path, clone]);
  return { here: repository.path, there: clone, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe.skipIf(programs === null)("runs of a team", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  scenario(
    "store",
    "A run is carried on in another clone",
    async () => {
      await using clones = await withClone();
      const { here, there } = clones;
      const env = { SPECLOOP_STORE: `${server.url}&schema=runs_one` };
      await using first = await startDaemon(here, { env });
      await using _second = await startDaemon(there, { env });
      const { id } = await json(here, ["run", "start", "go", "--detach"]);
      await until(there, id, "waiting");
      await first.end("SIGKILL");
      await json(there, ["run", "approve", id, "gate"]);
      expect(await until(there, id, "succeeded")).toMatchObject({ output: { value: { b: 42 } } });
      await using _again = await startDaemon(here, { env });
      expect(await json(here, ["run", "show", id])).toMatchObject({ state: "succeeded" });
    },
    120_000,
  );

  scenario(
    "store",
    "A worker takes nodes without doors",
    async () => {
      await using clones = await withClone();
      const { here, there } = clones;
      const env = { SPECLOOP_STORE: `${server.url}&schema=runs_two` };
      writeFileSync(join(here, "specloop.yaml"), "workflows:\n  types: [approval, wait]\n");
      await using _daemon = await startDaemon(here, { env });
      const { id } = await json(here, ["run", "start", "go", "--detach"]);
      await using worker = await startWorker(there, env, ["--types", "transform", "--concurrency", "2"]);
      await until(here, id, "waiting");
      await json(here, ["run", "approve", id, "gate"]);
      expect(await until(here, id, "succeeded")).toMatchObject({ output: { value: { b: 42 } } });
      const doors = await specloop(["status", "--repo", there]);
      expect(doors.code).not.toBe(0);
      expect(await worker.end("SIGTERM")).toBe(0);
    },
    120_000,
  );

  scenario("store", "A worker without a team's store", async () => {
    await using repository = await temporaryRepository(files);
    const refused = await specloop(["worker", "--repo", repository.path]);
    expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining("SPECLOOP_STORE")]);
  });
});
