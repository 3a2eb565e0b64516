import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

interface Report {
  ok: boolean;
  checks: { name: string; status: string; message: string; fix?: string }[];
}

async function doctor(path: string): Promise<{ code: number | null; report: Report }> {
  const { code, stdout } = await specloop(["doctor", "--repo", path, "--json"]);
  return { code, report: JSON.parse(stdout) as Report };
}

scenario("daemon", "Doctor finds what is wrong", async () => {
  await using repository = await temporaryRepository({ "openspec/config.yaml": "schema: spec-driven\n" });
  expect((await doctor(repository.path)).report).toMatchObject({ ok: true });
  await repository.write("specloop.yaml", "questions:\n  expireHours: soon\n");
  const { code, report } = await doctor(repository.path);
  expect(code).toBe(1);
  const configuration = report.checks.find((check) => check.name === "configuration");
  expect(configuration).toMatchObject({ status: "failing", message: expect.stringContaining("questions.expireHours") });
  expect(configuration?.fix).toBeTruthy();
  const rebuilt = await specloop(["doctor", "--rebuild", "--repo", repository.path]);
  expect([rebuilt.code, rebuilt.stdout]).toEqual([0, "Nothing had to be rebuilt.\n"]);
});

test("with a daemon the doctor shows the daemon's own checks and refuses to rebuild", async () => {
  await using repository = await temporaryRepository({ "openspec/config.yaml": "schema: spec-driven\n" });
  await using _daemon = await startDaemon(repository.path);
  const { report } = await doctor(repository.path);
  expect(report.checks).toContainEqual(expect.objectContaining({ name: "daemon", status: "ok" }));
  expect(report.checks.length).toBeGreaterThan(8);
  expect((await specloop(["doctor", "--rebuild", "--repo", repository.path])).code).toBe(3);
});

scenario("daemon", "A damaged database is set aside", async () => {
  await using repository = await temporaryRepository({ "openspec/config.yaml": "schema: spec-driven\n" });
  await (await startDaemon(repository.path)).end("SIGTERM");
  const state = join(repository.path, ".specloop");
  await writeFile(join(state, "core.db"), "this is no database, though it is longer than a header".repeat(100));
  const refused = await specloop(["up", "--repo", repository.path, "--port", "0"]);
  expect(refused.code).toBe(74);
  expect(refused.stderr).toContain("doctor --rebuild");
  const rebuilt = await specloop(["doctor", "--rebuild", "--repo", repository.path]);
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  expect(readdirSync(state).some((name) => name.startsWith("core.db.damaged"))).toBe(true);
  await using daemon = await startDaemon(repository.path);
  expect(existsSync(daemon.status.socket)).toBe(true);
});
