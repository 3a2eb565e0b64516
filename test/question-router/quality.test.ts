import { expect, test } from "vitest";
import { openGit } from "../../src/adapters/git/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { Corpus } from "../../src/question-router/corpus.ts";
import { openDocumentSearch, options as fragment } from "../../src/question-router/index.ts";
import { realRepositoriesMissing, realRepository } from "../helpers/repository.ts";
import { EVALUATION, type EvaluationQuestion } from "./evaluation.ts";

interface Counts {
  right: number;
  other: number;
  declined: number;
  falseAnswers: number;
}

/** What the documents answer to every question of a repository: the measurement that chose `documents.minScore`. */
async function measure(name: keyof typeof EVALUATION): Promise<Counts> {
  await using repository = await realRepository(name);
  await using index = openDocumentSearch(":memory:");
  const options = { current: fragment.schema.parse({}) };
  const git = await openGit(repository.path);
  await new Corpus({ index, git, root: repository.path, options, clock: systemClock, logger: silentLogger }).scan();
  const counts: Counts = { right: 0, other: 0, declined: 0, falseAnswers: 0 };
  for (const question of EVALUATION[name]) {
    const response = await index.answer({ text: question.text, kind: "fact", change: null }, options.current);
    const cited =
      response.outcome === "answered"
        ? response.citations.map(({ path, heading }) => `${path} > ${heading.split(" > ").at(-1)}`)
        : null;
    counts[judge(question, cited)] += 1;
  }
  return counts;
}

function judge({ heading }: EvaluationQuestion, cited: string[] | null): keyof Counts {
  if (cited === null) return "declined";
  if (heading === null) return "falseAnswers";
  return cited.some((place) => heading.test(place)) ? "right" : "other";
}

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);
test.skipIf(realRepositoriesMissing !== null)(
  "the documents answer right far more often than wrong, and rarely what they do not say",
  async () => {
    const specs = await measure("Fission-AI-OpenSpec");
    const pack = await measure("liqiongyu-agentpack");
    console.warn(`answers from documents: ${JSON.stringify({ specs, pack })}`);
    expect(specs.right + pack.right).toBeGreaterThanOrEqual(46);
    expect(specs.other + pack.other).toBeLessThanOrEqual(7);
    expect(specs.falseAnswers + pack.falseAnswers).toBeLessThanOrEqual(6);
  },
);
