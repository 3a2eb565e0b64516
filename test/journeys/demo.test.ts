import { expect, test } from "vitest";
import { specloop } from "../helpers/command.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

interface Report {
  ok: boolean;
  steps: { title: string; ok: boolean; lines: string[] }[];
}

// Nobody answers at the usual address during tests, so the demo starts its own fake LM Studio.
const withoutModel = { LM_STUDIO_BASE_URL: "" };

async function demo(args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await specloop(["demo", ...args, "--json"], { env: withoutModel });
  const report = JSON.parse(stdout) as Report;
  const failed = report.steps.filter((step) => !step.ok);
  expect(failed, stderr).toEqual([]);
  expect(code).toBe(0);
  return report;
}

scenario(
  "daemon",
  "The whole story",
  async () => {
    const report = await demo([]);
    const said = report.steps.flatMap(({ lines }) => lines).join("\n");
    expect(report.steps).toHaveLength(10);
    expect(said).toMatch(/cites openspec\/specs\/.+ at revision [0-9a-f]{10}/);
    expect(said).toMatch(/is valid/);
    expect(said).toMatch(/verdict kept/);
    expect(said).toMatch(/Revert/);
  },
  120_000,
);

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);
test.skipIf(realRepositoriesMissing).each(REAL_REPOSITORIES)(
  "the story plays with the openspec/ of %s",
  async (name) => {
    await using repository = await realRepository(name);
    await demo([repository.path]);
  },
  180_000,
);
