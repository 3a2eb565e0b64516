import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { z } from "zod";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { temporaryRepository } from "../helpers/repository.ts";
import { staleBases } from "../../src/orchestrator/bases/index.ts";
import { scenario } from "../helpers/scenario.ts";
import { applyToDelta, Author, deltaFor, MAIN, Model, sentences, Wanted, type Step } from "./merging-model.ts";
import { archive } from "./merging.ts";
import { change, PLANNING, projectRoot, startOrchestrator } from "./setup.ts";

const RUNS = 1_000;

/** OpenSpec's own merge, as its archive calls it. */
interface SpecsApply {
  buildUpdatedSpec(
    update: Record<"id" | "sourceRoot" | "source" | "targetRoot" | "target", string> & { exists: boolean },
    change: string,
    options: { silent: boolean },
  ): Promise<{ rebuilt: string }>;
}

let folder = "";
let openspec: SpecsApply;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "specloop-interleavings-"));
  await mkdir(join(folder, "main/auth"), { recursive: true });
  await mkdir(join(folder, "delta/auth"), { recursive: true });
  const file = join(projectRoot, "node_modules/@fission-ai/openspec/dist/core/specs-apply.js");
  const module: unknown = await import(pathToFileURL(file).href);
  openspec = z
    .custom<SpecsApply>((value) => typeof (value as SpecsApply).buildUpdatedSpec === "function")
    .parse(module);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The spec after an archive; null when OpenSpec refuses. */
async function archived(main: string, delta: string): Promise<string | null> {
  const [source, target] = [join(folder, "delta/auth/spec.md"), join(folder, "main/auth/spec.md")];
  await writeFile(source, delta);
  await writeFile(target, main);
  const roots = { sourceRoot: join(folder, "delta"), targetRoot: join(folder, "main") };
  const update = { id: "auth", source, target, exists: true, ...roots };
  return openspec.buildUpdatedSpec(update, "c", { silent: true }).then(
    ({ rebuilt }) => rebuilt,
    () => null,
  );
}

const party = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("write" as const), party }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("add" as const), party, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reword" as const), party, at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), party, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("scenario" as const), party, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("merge" as const), party }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("archive" as const), party }) },
);

scenario(
  "changes",
  "Several changes of one requirement are edited, merged and archived in any order",
  async () => {
    const totals = { archives: 0, refused: 0, merges: 0, conflicts: 0 };
    const run = async (steps: Step[]) => {
      const model = new Model();
      for (const one of steps) {
        if (one.kind !== "archive") {
          model.take(one);
          continue;
        }
        const parked = model.gate(one.party);
        if (parked === "stale") totals.refused += 1;
        if (parked === "none" || parked === "stale") continue;
        const after = await archived(model.main, parked.delta);
        if (after === null) continue;
        totals.archives += 1;
        model.archive(one.party, after);
        // Nothing that anybody put in is gone unless somebody took it out on purpose, and the other way round.
        expect(sentences(model.main).toSorted()).toEqual(model.wanted.all);
      }
      totals.merges += model.merges;
      totals.conflicts += model.conflicts;
    };
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), run), { numRuns: RUNS });
    // The runs were no empty ones.
    expect(totals.archives).toBeGreaterThan(RUNS);
    expect(Math.min(totals.refused, totals.merges, totals.conflicts)).toBeGreaterThan(RUNS / 20);
  },
  300_000,
);

test("without bases OpenSpec loses a sentence and says nothing", async () => {
  // The reason for all of this; when it fails, OpenSpec has become better.
  const model = new Model();
  const first = applyToDelta(deltaFor(model.main), "The system SHALL encrypt the cookie.");
  const second = applyToDelta(deltaFor(model.main), "The system SHALL log every try.");
  const between = await archived(model.main, first);
  const after = await archived(between!, second);
  expect(between).toContain("encrypt the cookie");
  expect(after).not.toContain("encrypt the cookie");
});

const ROUNDS = 24;
const SPEC_PATH = "openspec/specs/auth/spec.md";

test(`${ROUNDS} rounds over real git, the real watcher and OpenSpec's own archive lose nothing`, async () => {
  const repository = await temporaryRepository({ ...PLANNING, [SPEC_PATH]: MAIN });
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const { orchestrator } = await startOrchestrator(repository, { options: { validator: "off", settleMs: 50 } });
  const person = { kind: "person", name: "Ada Example" } as const;
  const main = () => readFile(join(repository.path, SPEC_PATH), "utf8");
  const commit = async (message: string) => {
    await repository.git("add", "--all");
    await repository.git("commit", "--quiet", "--allow-empty", "--message", message);
  };
  const wanted = new Wanted();
  const totals = { archived: 0, refused: 0, merged: 0, conflicts: 0 };
  let next = 1000;

  /** One author's change from its beginning to its archive, in small steps that others come between. */
  const live = async function* (id: string, steps: Extract<Step, { at: number }>[]) {
    const author = new Author(await main());
    const path = `openspec/changes/${id}/specs/auth/spec.md`;
    const save = async () => {
      await repository.write(path, author.delta);
      await orchestrator.settled();
    };
    for (const [name, text] of Object.entries(change(id, author.delta, "- [x] 1.1 a\n")))
      await repository.write(name, text);
    await save();
    for (const one of steps) {
      yield;
      author.edit(one, `s${(next += 1)}`);
      await save();
      if (next % 3 === 0) await commit(`Work on ${id}`);
    }
    yield;
    await commit(`Finish ${id}`);
    await orchestrator.settled();
    while (staleBases(await orchestrator.get(id)).length > 0) {
      totals.refused += 1;
      const { blocks } = await orchestrator.merge({ id }, person);
      if (blocks.some(({ outcome }) => outcome === "conflict")) {
        totals.conflicts += 1;
        author.settle(await main());
        await save();
        await commit(`Settle ${id}`);
        await orchestrator.merge({ id, resolved: ["Sign in"] }, person).catch(ignoreSettled);
      } else {
        totals.merged += 1;
        author.delta = await readFile(join(repository.path, path), "utf8");
      }
      await orchestrator.settled();
    }
    await archive(repository, id);
    await commit(`Archive ${id}`);
    await orchestrator.settled();
    wanted.archived(author);
    totals.archived += 1;
    expect(sentences(await main()).toSorted()).toEqual(wanted.all);
  };

  const edit = fc.record({
    kind: fc.constantFrom("add" as const, "reword" as const, "scenario" as const),
    party: fc.constant(0),
    at: fc.nat(),
  });
  const plans = fc.sample(fc.array(edit, { minLength: 1, maxLength: 3 }), { numRuns: ROUNDS, seed: 7 });
  // Always three at once; which one goes on is drawn from a fixed series.
  const open: AsyncGenerator<void>[] = [];
  for (let turn = 0; plans.length > 0 || open.length > 0; turn += 1) {
    while (open.length < 3 && plans.length > 0) open.push(live(`change-${plans.length}`, plans.pop()!));
    const index = (turn * 7 + (turn >> 2)) % open.length;
    if ((await open[index]!.next()).done) open.splice(index, 1);
  }
  expect(totals.archived).toBe(ROUNDS);
  expect(totals.refused).toBeGreaterThan(ROUNDS / 4);
  expect(totals.merged + totals.conflicts).toBe(totals.refused);
}, 300_000);

/** A text that has everything from both sides waits for nobody's word. */
function ignoreSettled(error: unknown): void {
  expect(error).toMatchObject({ code: "bad_input" });
}
