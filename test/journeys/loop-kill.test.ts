import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { connectControl, type ControlClient } from "../../src/server/control-client.ts";
import { startDaemon } from "../helpers/command.ts";
import { type TemporaryRepository, temporaryRepository } from "../helpers/repository.ts";

const SETTING = "questions.documents.minScore";
const CHANGE = "openspec/changes/try-looser";
const NAMES = ["amber", "birch", "cedar", "dahlia", "elder", "fennel", "ginger", "hazel", "iris", "juniper"];

/** Moments after the merge at which the daemon is killed, milliseconds: from looking at HEAD to writing the verdict. */
const KILLS = [30, 90, 150, 220, 300];

test("a daemon that is killed again and again while it carries out and measures an approved change does each once", async () => {
  await using repository = await temporaryRepository(files());
  const before = await startDaemon(repository.path);
  await recordQuestions(before.status.socket);
  await before.end("SIGKILL");
  await merge(repository);
  for (const delay of KILLS) {
    const daemon = await startDaemon(repository.path);
    await wait(delay);
    await daemon.end("SIGKILL");
  }
  await using last = await startDaemon(repository.path);
  await using client = await connectControl(last.status.socket, { kind: "person", name: "drill" });
  await expect.poll(() => stateOf(client), { timeout: 40_000, interval: 200 }).toBe("kept");
  await expect
    .poll(() => repository.git("ls-tree", "--name-only", "HEAD", "--", `${CHANGE}/verdict.md`), { timeout: 20_000 })
    .toContain("verdict.md");
  const subjects = (await repository.git("log", "--format=%s")).split("\n");
  expect(subjects.filter((subject) => subject.startsWith("Try: "))).toHaveLength(1);
  expect(subjects.filter((subject) => subject.startsWith("Record the verdict"))).toHaveLength(1);
  expect(await repository.git("show", "HEAD:specloop.yaml")).toContain("minScore: 0.5");
  expect(await repository.git("status", "--porcelain")).toBe("");
  await expect(repository.git("fsck", "--strict")).resolves.not.toContain("error");
}, 180_000);

function files(): Record<string, string> {
  const requirements = NAMES.flatMap((first) =>
    ["window", "garden", "harbour"].map((second) => `${first} ${second} keeper`),
  );
  const blocks = requirements.map(
    (name, index) =>
      `### Requirement: ${name}\nThe ${name} SHALL count ${index} boats.\n\n#### Scenario: It counts\n- **WHEN** asked\n- **THEN** ${index}\n`,
  );
  return {
    "specloop.yaml": "questions:\n  documents:\n    minScore: 0.95\n",
    "openspec/config.yaml": "schema: spec-driven\n",
    "openspec/specs/keepers/spec.md": `# Keepers Specification\n\n## Purpose\nWho keeps what, and how many boats each of the keepers has to count.\n\n## Requirements\n\n${blocks.join("\n")}`,
  };
}

async function recordQuestions(socket: string): Promise<void> {
  await using asker = await connectControl(socket, { kind: "agent", name: "asker" });
  await using keeper = await connectControl(socket, { kind: "person", name: "keeper" });
  for (const first of NAMES) {
    for (const second of ["window", "garden", "harbour"]) {
      const name = `${first} ${second} keeper`;
      const { output } = await asker.call("question_ask", { text: `Puzzled: ${name}?`, waitMs: 0 });
      if (output["status"] !== "pending") throw new Error(`${name} is ${String(output["status"])}`);
      const citations = [{ path: "openspec/specs/keepers/spec.md", heading: `Requirement: ${name}` }];
      await keeper.call("answer_submit", {
        questionId: output["questionId"],
        text: `The ${name} counts boats.`,
        citations,
      });
    }
  }
}

async function merge(repository: TemporaryRepository): Promise<void> {
  await repository.git("switch", "--quiet", "--create", "try-looser");
  await repository.write(`${CHANGE}/.openspec.yaml`, "schema: spec-driven\nskip_specs: true\n");
  await repository.write(
    `${CHANGE}/proposal.md`,
    "# Looser\n\n## Why\nKnown answers are declined.\n\n## What Changes\n- A threshold\n",
  );
  await repository.write(
    `${CHANGE}/experiment.yaml`,
    `version: 1
hypothesis: Setting ${SETTING} to 0.5 makes more answers come from the documents.
primary: { name: question.documents_answered, better: higher, minimumEffect: 0.05 }
baseline: null
expected: null
guards: []
judge: { kind: paired_replay, sample: questions, split: validation, minimumPairs: 5, alpha: 0.1 }
horizonDays: 14
unit: question
actions: [{ kind: setting, key: ${SETTING}, from: 0.95, to: 0.5 }]
undo: { kind: revert_commit, settings: [{ key: ${SETTING}, value: 0.95 }] }
proposedAt: "2026-01-01T00:00:00.000Z"
author: person:drill
`,
  );
  await repository.commitAll("Propose a looser threshold");
  await repository.git("switch", "--quiet", "main");
  await repository.git("merge", "--quiet", "--no-ff", "--message", "Try it", "try-looser");
}

async function stateOf(client: ControlClient): Promise<string> {
  const { output } = await client.call("proposal_list", {});
  const rows = output["proposals"] as { change: string; state: string }[];
  return rows.find(({ change }) => change === "try-looser")?.state ?? "unknown";
}
