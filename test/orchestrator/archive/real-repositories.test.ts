import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { parseDelta, parseSpec } from "../../../src/adapters/openspec/index.ts";
import { SpecloopError, type Diagnostic } from "../../../src/foundation/errors.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realRepository } from "../../helpers/repository.ts";
import { scenario } from "../../helpers/scenario.ts";
import { worldOf } from "./fixture.ts";
import { person, treeOf, type World } from "./world.ts";

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

interface Outcome {
  archived: string[];
  refused: Map<string, string[]>;
}

/** Every active change in turn; after a refusal no byte is another one, after an archive every added text is in a spec. */
async function archiveAll(world: World, path: string): Promise<Outcome> {
  const outcome: Outcome = { archived: [], refused: new Map() };
  const { changes } = await world.orchestrator.list({ limit: 100 });
  let before = await treeOf(path);
  for (const { id } of changes) {
    const request = { ids: [id], principal: person, allowOpenTasks: true };
    const result = await world.archives.archive(request).catch((error: unknown) => error);
    const after = await treeOf(path);
    if (result instanceof SpecloopError) {
      const reasons = result.details?.["reasons"] as Diagnostic[];
      expect(reasons.length, `${id}: ${result.message}`).toBeGreaterThan(0);
      expect([id, [...after].filter(([name, content]) => before.get(name) !== content)]).toEqual([id, []]);
      expect(after.size).toBe(before.size);
      outcome.refused.set(id, [...new Set(reasons.map(({ code }) => code))]);
    } else {
      if (!Array.isArray(result)) throw result;
      const [archived] = result as { path: string }[];
      for (const name of after.keys()) {
        const capability = name.startsWith(`${archived!.path}/specs/`) && name.endsWith("/spec.md");
        if (capability) expectInSpec(path, name, archived!.path);
      }
      outcome.archived.push(id);
    }
    before = after;
  }
  return outcome;
}

function expectInSpec(path: string, delta: string, folder: string): void {
  const capability = delta.slice(`${folder}/specs/`.length, -"/spec.md".length);
  const { added, modified } = parseDelta(readFileSync(join(path, delta), "utf8"));
  const spec = parseSpec(readFileSync(join(path, "openspec/specs", capability, "spec.md"), "utf8"));
  const blocks = new Map(spec.requirements.map(({ name, raw }) => [name, raw]));
  const flat = (text = "") => text.replaceAll(/\s+/g, " ");
  for (const { name, raw } of [...added, ...modified]) expect(flat(blocks.get(name))).toBe(flat(raw));
}

scenario(
  "archive",
  "Every change of real repositories is archived whole or refused",
  async () => {
    const found: Record<string, { archived: number; refused: number }> = {};
    for (const name of realRepositoriesMissing ? [] : REAL_REPOSITORIES) {
      const repository = await realRepository(name);
      onTestFinished(() => repository[Symbol.asyncDispose]());
      await repository.write(".git/info/exclude", ".specloop/\n");
      const world = await worldOf(repository);
      const { archived, refused } = await archiveAll(world, repository.path);
      found[name] = { archived: archived.length, refused: refused.size };
      expect(await repository.git("status", "--porcelain")).toBe("");
      expect(await repository.git("fsck", "--strict", "--no-dangling")).toBe("");
      if (process.env["SPECLOOP_TEST_VERBOSE"]) console.log(name, archived, refused);
    }
    if (realRepositoriesMissing) return;
    expect(found).toEqual({
      "Fission-AI-OpenSpec": { archived: expect.any(Number), refused: expect.any(Number) },
      "liqiongyu-agentpack": { archived: 0, refused: 0 },
      "jixoai-openspecui": { archived: 0, refused: 0 },
      "AGIBuild-Modulus": { archived: expect.any(Number), refused: expect.any(Number) },
    });
    expect(found["Fission-AI-OpenSpec"]!.archived).toBeGreaterThan(5);
  },
  600_000,
);
