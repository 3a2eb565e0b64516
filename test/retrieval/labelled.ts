import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { openGit } from "../../src/adapters/git/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { sha256 } from "../../src/foundation/hash.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { Corpus } from "../../src/question-router/corpus.ts";
import { type LabelledQuestion, parseLabelled } from "../../src/question-router/evaluation/labelled.ts";
import { measure, type Measured } from "../../src/question-router/evaluation/measure.ts";
import { options as fragment, type QuestionOptions } from "../../src/question-router/index.ts";
import type { DocumentSearch } from "../../src/question-router/search/port.ts";
import { openDocumentSearch } from "../../src/question-router/search/thread.ts";
import { realRepository } from "../helpers/repository.ts";

/** The labelled sets and where the documents lie that they are about; `README.md` beside them says how they were made. */
export const SETS = {
  specloop: null,
  openspec: "Fission-AI-OpenSpec",
  agentpack: "liqiongyu-agentpack",
  openspecui: "jixoai-openspecui",
  modulus: "AGIBuild-Modulus",
} as const;
export type SetName = keyof typeof SETS;

const projectRoot = resolve(import.meta.dirname, "../..");

export async function labelledSet(name: SetName): Promise<LabelledQuestion[]> {
  return parseLabelled(await readFile(join(import.meta.dirname, "labelled", `${name}.csv`), "utf8"));
}

/** Which half a question is in, by its hash: weights and thresholds are chosen on `dev`, and `test` says what they are worth. */
export function halfOf({ question }: LabelledQuestion): "dev" | "test" {
  return Number.parseInt(sha256(question).slice(0, 8), 16) % 2 === 0 ? "dev" : "test";
}

export function questionOptions(overrides: Record<string, unknown> = {}): QuestionOptions {
  return fragment.schema.parse(overrides);
}

/** Measures a set over its repository, with everything real from git to the index. */
export async function measureSet(name: SetName, options = questionOptions()): Promise<Measured[]> {
  const questions = await labelledSet(name);
  return withDocuments(name, options, (search) => measure(search, questions, options));
}

/** Runs something over the documents of a set, indexed as the daemon does it. */
export async function withDocuments<Result>(
  name: SetName,
  options: QuestionOptions,
  run: (search: DocumentSearch, root: string) => Promise<Result>,
): Promise<Result> {
  const archive = SETS[name];
  await using repository = archive === null ? null : await realRepository(archive);
  const root = repository?.path ?? projectRoot;
  await using index = openDocumentSearch(":memory:");
  const git = await openGit(root);
  const live = { current: options };
  await new Corpus({ index, git, root, options: live, clock: systemClock, logger: silentLogger }).scan();
  return await run(index, root);
}
