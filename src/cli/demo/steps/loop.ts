import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { knownRequirements } from "../requirements.ts";
import { PACKAGE, type Stage } from "../stage.ts";
import { expect, oneLine, type Step } from "../step.ts";

/** Questions that are asked, so that enough of them fall into the validation split. */
const QUESTIONS = 48;
const SETTING = "questions.documents.minScore";

export const samplesComeIn: Step = {
  title: "Samples come in: questions that the documents decline, answered by people",
  run: async (stage) => {
    // Long names first: they tell one requirement from another.
    const requirements = knownRequirements(stage.repository).sort((a, b) => b.name.length - a.name.length);
    // People ask in words of their own; what they add is in no document, so that less of the question is found there.
    const phrasings = [(name: string) => `Wondering: ${name}?`, (name: string) => `Puzzled, please: ${name}`];
    const wanted = phrasings.flatMap((phrase) =>
      requirements.map((requirement) => ({ requirement, text: phrase(requirement.name) })),
    );
    let answered = 0;
    let known = 0;
    for (const { requirement, text } of wanted) {
      if (answered === QUESTIONS) break;
      const asked = (await stage.agent.callTool("question_ask", { text, waitMs: 0 })) as {
        status: string;
        questionId: string;
      };
      if (asked.status !== "pending") {
        known++;
        continue;
      }
      const citations = [{ path: requirement.path, heading: `Requirement: ${requirement.name}` }];
      await stage.colleague.callTool("answer_submit", {
        questionId: asked.questionId,
        text: requirement.text || requirement.name,
        citations,
      });
      answered++;
    }
    expect(answered >= 12, `the strict setting leaves questions to people, but only ${answered} were`);
    const metric = (await stage.agent.callTool("metric_get", { metric: "question.documents_answered" })) as {
      count: number;
      mean: number;
      unit: string;
    };
    return [
      `${answered} questions were declined by the documents and answered by a colleague, ${known} were known`,
      `metric question.documents_answered: mean ${metric.mean.toFixed(2)} over ${metric.count} samples`,
    ];
  },
};

interface Cycle {
  problems: string[];
  proposals: { change: string; title: string; branch: string }[];
  dropped: string[];
  ms: number;
  modelMs: number;
  model: string | null;
}

export const cycleProposes: Step = {
  title: "A cycle finds the problem, drafts a proposal with the model and writes a change on a branch",
  run: async (stage) => {
    const head = await stage.git("rev-parse", "HEAD");
    const cycle = (await stage.agent.callTool("loop_run", {})) as unknown as Cycle;
    const proposal = cycle.proposals.find(({ branch }) => branch !== "");
    expect(
      proposal !== undefined,
      `a proposal is made (problems: ${cycle.problems.join("; ")}; dropped: ${cycle.dropped.join("; ")})`,
    );
    expect((await stage.git("rev-parse", "HEAD")) === head, "the person's branch is where it was");
    const { branch, change } = proposal;
    const files = await stage.git("diff", "--name-only", `main...${branch}`);
    return [
      ...cycle.problems.map((problem) => `problem: ${oneLine(problem, 200)}`),
      `drafted by ${cycle.model ?? "the template"}: our own time ${cycle.ms} ms, the model's ${cycle.modelMs} ms`,
      `proposal: ${proposal.title}`,
      `branch ${branch}: ${files
        .split("\n")
        .map((file) => file.split("/").at(-1))
        .join(", ")}`,
      await validate(stage, branch, change),
    ];
  },
};

/** The real CLI, strict, on the branch as it is. */
async function validate(stage: Stage, branch: string, change: string): Promise<string> {
  const own = join(PACKAGE, "node_modules", ".bin", "openspec");
  const command = existsSync(own) ? own : "openspec";
  const checkout = await mkdtemp(join(tmpdir(), "specloop-demo-branch-"));
  const env = { ...process.env, OPENSPEC_TELEMETRY: "0", OPENSPEC_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  try {
    await stage.git("worktree", "add", "--quiet", "--detach", checkout, branch);
    const { stdout } = await promisify(execFile)(command, ["validate", change, "--strict"], { cwd: checkout, env });
    return `openspec validate ${change} --strict: ${oneLine(stdout)}`;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT")
      return "openspec is not installed, so its CLI was not asked (npm install --global @fission-ai/openspec)";
    throw error;
  } finally {
    await stage.git("worktree", "remove", "--force", checkout).catch(() => "");
    await rm(checkout, { recursive: true, force: true });
  }
}

interface Proposal {
  id: string;
  change: string;
  state: string;
  title: string;
  note: string;
}

export const mergeApproves: Step = {
  title: "Merging the branch approves it: implemented, measured, kept",
  run: async (stage) => {
    const branch = (
      await stage.git("for-each-ref", "--format=%(refname:short)", "--sort=-creatordate", "refs/heads/specloop")
    ).split("\n");
    const proposal = (await proposals(stage)).find(({ state }) => state === "proposed");
    expect(proposal !== undefined, "a proposal is open");
    expect(branch.includes(`specloop/${proposal.change}`), "its branch is there");
    const before = await setting(stage);
    await stage.git("merge", "--quiet", "--no-ff", "--message", "Try the loop's idea", `specloop/${proposal.change}`);
    const decided = await verdictOf(stage, proposal.change);
    expect(decided.state === "kept", `the change is kept, not ${decided.state}: ${decided.note}`);
    const after = await setting(stage);
    expect(before !== after, "the setting has changed");
    expect(Number(after) >= 0.5, `answers stay more often right than wrong, which they are not at ${after}`);
    const verdict = await verdictFile(stage, proposal.change);
    return [
      `merged by a person, so it is approved (level 0)`,
      `implemented: ${SETTING} ${before} -> ${after}, ${oneLine(await stage.git("log", "-1", "--format=%h %s", "--", "specloop.yaml"))}`,
      `measured by paired replay of recorded questions: ${oneLine(decided.note, 300)}`,
      `verdict ${decided.state}, written into the change: ${verdict}`,
    ];
  },
};

export const harmIsReverted: Step = {
  title: "A second, harmful one is merged and reverted by a revert commit",
  run: async (stage) => {
    const change = "demo-too-strict";
    const before = await setting(stage);
    await stage.git("switch", "--quiet", "--create", change);
    for (const [name, content] of Object.entries(harmful(before)))
      await stage.write(`openspec/changes/${change}/${name}`, content);
    await stage.git("add", "openspec/changes");
    await stage.git("commit", "--quiet", "--message", "Be sure of every answer");
    await stage.git("switch", "--quiet", "main");
    await stage.git("merge", "--quiet", "--no-ff", "--message", "Try to be stricter", change);
    const decided = await verdictOf(stage, change);
    expect(decided.state === "reverted", `the change is reverted, not ${decided.state}: ${decided.note}`);
    const verdict = await verdictFile(stage, change);
    expect((await setting(stage)) === before, "the setting is as it was");
    const commits = (await stage.git("log", "-3", "--format=%h %s", "--", "specloop.yaml")).split("\n");
    expect(/Revert/.test(commits[0] ?? ""), "there is a revert commit");
    return [
      `a person proposed ${SETTING} ${before} -> 0.95 by hand and merged it`,
      `measured: ${oneLine(decided.note, 300)}`,
      ...commits.slice(0, 2).map((commit) => `commit ${commit}`),
      `${SETTING} is ${before} again; the verdict is written into the change: ${verdict}`,
    ];
  },
};

async function proposals(stage: Stage): Promise<Proposal[]> {
  return ((await stage.agent.callTool("proposal_list", {})) as unknown as { proposals: Proposal[] }).proposals;
}

/** The proposal once it is decided. */
function verdictOf(stage: Stage, change: string): Promise<Proposal> {
  return stage.until(`${change} is decided`, async () => {
    const proposal = (await proposals(stage)).find((candidate) => candidate.change === change);
    return proposal && ["kept", "reverted", "inconclusive", "closed"].includes(proposal.state) ? proposal : null;
  });
}

async function setting(stage: Stage): Promise<string> {
  const yaml = readFileSync(join(stage.repository, "specloop.yaml"), "utf8");
  return /minScore: *([\d.]+)/.exec(yaml)?.[1] ?? "the default";
}

/** The verdict is committed after what it decides has happened. */
function verdictFile(stage: Stage, change: string): Promise<string> {
  const path = `openspec/changes/${change}/verdict.md`;
  return stage.until(`${path} is committed`, async () => {
    return (await stage.git("ls-tree", "--name-only", "HEAD", "--", path)) === path ? path : null;
  });
}

/** A change with an experiment as a person writes it. */
function harmful(now: string): Record<string, string> {
  return {
    ".openspec.yaml": "schema: spec-driven\nskip_specs: true\n",
    "proposal.md":
      "# Be stricter\n\n## Why\nAn answer should only be given when every single word of the question is covered by the section.\n\n## What Changes\n- A stricter threshold\n\n## Impact\n- Questions\n",
    "tasks.md": "## 1. Setting\n- [ ] 1.1 Change the setting\n",
    "experiment.yaml": `version: 1
hypothesis: Setting ${SETTING} to 0.95 makes fewer answers wrong and costs nothing.
primary: { name: question.documents_answered, better: higher, minimumEffect: 0.05 }
baseline: null
expected: null
guards: []
judge: { kind: paired_replay, sample: questions, split: validation, minimumPairs: 10, alpha: 0.05 }
horizonDays: 14
unit: question
actions:
  - { kind: setting, key: ${SETTING}, from: ${now}, to: 0.95 }
undo: { kind: revert_commit, settings: [{ key: ${SETTING}, value: ${now} }] }
proposedAt: "${new Date().toISOString()}"
author: person:demo
`,
  };
}
