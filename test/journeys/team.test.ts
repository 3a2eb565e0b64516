import { execFileSync } from "node:child_process";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { postgresPrograms, startPostgres, type PostgresServer } from "../helpers/postgres.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const programs = postgresPrograms();
let server: PostgresServer;

const files = { "openspec/specs/a/spec.md": "# A\n", ".gitignore": ".specloop/\n" };

describe.skipIf(programs === null)("a team", () => {
  beforeAll(async () => {
    server = await startPostgres(programs!);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  scenario("store", "An answer given in one clone wakes a caller in another", async () => {
    await using repository = await temporaryRepository(files);
    using folder = mkdtempDisposableSync(join(tmpdir(), "specloop-clone-"));
    const clone = join(folder.path, "clone");
    execFileSync("git", ["clone", "--quiet", repository.path, clone]);
    const env = { SPECLOOP_STORE: `${server.url}&schema=team_one` };
    await using _here = await startDaemon(repository.path, { env });
    await using _there = await startDaemon(clone, { env });
    const question = "Which colour has the harbour's lantern?";
    const ask = async (repo: string, args: string[] = []) => {
      const { stdout } = await specloop(["ask", question, "--repo", repo, "--json", ...args]);
      return JSON.parse(stdout) as { status: string; questionId: string; cached?: boolean; answer?: { text: string } };
    };
    const { questionId } = await ask(repository.path, ["--wait", "0"]);
    const waiting = ask(repository.path, ["--wait", "20"]);
    const inbox = await specloop(["questions", "--repo", clone, "--json"]);
    expect(inbox.stdout).toContain(questionId);
    const answered = await specloop(["answer", questionId, "It is green.", "--repo", clone]);
    expect(answered.code, answered.stderr).toBe(0);
    expect(await waiting).toMatchObject({ status: "answered", questionId, answer: { text: "It is green." } });
    for (const repo of [repository.path, clone])
      expect(await ask(repo)).toMatchObject({ status: "answered", cached: true, answer: { text: "It is green." } });
  });

  scenario("store", "The address is of another repository's store", async () => {
    await using one = await temporaryRepository(files);
    await using other = await temporaryRepository({ ...files, "README.md": "# Another\n" });
    const env = { SPECLOOP_STORE: `${server.url}&schema=team_two` };
    await using daemon = await startDaemon(one.path, { env });
    expect(await daemon.end("SIGTERM")).toBe(0);
    const refused = startDaemon(other.path, { env });
    await expect(refused).rejects.toThrow("belongs to another repository");
    await expect(startDaemon(other.path, { env })).rejects.toThrow("?schema=");
  });
});

scenario("store", "The repository names a database", async () => {
  await using repository = await temporaryRepository({
    ...files,
    "specloop.yaml": "store:\n  url: postgres://127.0.0.1:9/x\n",
  });
  await expect(startDaemon(repository.path)).rejects.toThrow("set SPECLOOP_STORE");
});
