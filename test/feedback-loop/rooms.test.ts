import { join } from "node:path";
import { expect, test } from "vitest";
import { Idempotency, migrations as access, type AccessTables } from "../../src/access/index.ts";
import { Arrivals, openGit } from "../../src/adapters/git/index.ts";
import { Validator } from "../../src/adapters/openspec/index.ts";
import { migrate, openSqliteStore, noNotices } from "../../src/adapters/store/index.ts";
import { createWatcher } from "../../src/adapters/watcher/index.ts";
import { ConfigHolder } from "../../src/config.ts";
import { DocumentManager, migrations as documentTables } from "../../src/document-manager/index.ts";
import {
  FeedbackLoop,
  migrations as loopTables,
  telemetryMigrations as loopTelemetry,
} from "../../src/feedback-loop/index.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus, type EventName } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { Orchestrator, migrations as changeTables } from "../../src/orchestrator/index.ts";
import {
  openDocumentSearch,
  QuestionRouter,
  migrations as questionTables,
  telemetryMigrations as questionTelemetry,
} from "../../src/question-router/index.ts";
import { temporaryRepository } from "../helpers/repository.ts";

const SUBJECTS = 60;
const agent = { kind: "agent" as const, name: "test-agent" };
const person = { kind: "person" as const, name: "ada" };

/** Sections that answer their question with two thirds of its words. */
function handbook(): string {
  const sections = Array.from({ length: SUBJECTS }, (_, index) => {
    const name = word(index);
    return `## ${name} retention\n\nRecords of ${name} are kept for ${index + 3} days.\n`;
  });
  return `# Handbook\n\n${sections.join("\n")}`;
}

/** A made-up name per subject, so that no two sections resemble each other. */
function word(index: number): string {
  const parts = ["ba", "ke", "mo", "ti", "ru", "sa", "vo", "ne"];
  return `${parts[index % 8]}${parts[Math.floor(index / 8)]}${parts[(index * 3) % 8]}nor`;
}

async function openRooms() {
  await using stack = new AsyncDisposableStack();
  const repository = stack.use(
    await temporaryRepository({
      "openspec/project.md": "# Project\n",
      "openspec/handbook.md": handbook(),
      "openspec/config.yaml": "schema: spec-driven\n",
      "specloop.yaml":
        "# ours\nquestions:\n  documents:\n    minScore: 0.9\n  model:\n    enabled: false\nloop:\n  analysisMs: 30000\n",
      ".gitignore": ".state/\n",
    }),
  );
  await repository.write(".state/README", "databases of the test\n");
  const signal = new AbortController().signal;
  const state = join(repository.path, ".state");
  const events = new EventBus(silentLogger);
  const seen: EventName[] = [];
  stack.use(events.onAny((name) => void seen.push(name)));
  const config = new ConfigHolder({ repository: repository.path, env: {}, flags: {} });
  stack.use(events.on("document.updated", () => config.reload()));
  const git = await openGit(repository.path);
  const core = stack.use(openSqliteStore(join(state, "core.db"), "full"));
  const telemetry = stack.use(openSqliteStore(join(state, "telemetry.db"), "normal"));
  await migrate(core, [access, changeTables, documentTables, questionTables, loopTables], Date.now());
  await migrate(telemetry, [questionTelemetry, loopTelemetry], Date.now());
  const base = { git, events, clock: systemClock, logger: silentLogger };
  const documents = new DocumentManager({
    ...base,
    store: core.as(),
    recovery: join(state, "recovery"),
    options: config.live("documents"),
  });
  const validator = stack.use(
    new Validator({
      worktree: repository.path,
      searchFrom: [join(import.meta.dirname, "../..")],
      trustProjectInstallation: false,
      env: process.env,
      logger: silentLogger,
    }),
  );
  const changes = new Orchestrator({
    ...base,
    store: core.as(),
    validator,
    watcher: (request) => createWatcher(request, { clock: systemClock, logger: silentLogger }),
    options: config.live("openspec"),
  });
  const index = stack.use(openDocumentSearch(join(state, "index.db")));
  const router = new QuestionRouter({
    notices: noNotices(),
    ...base,
    store: core.as(),
    telemetry: telemetry.as(),
    index,
    root: repository.path,
    llm: null,
    idempotency: new Idempotency({ store: core.as<AccessTables>(), clock: systemClock }),
    options: config.live("questions"),
  });
  const loop = new FeedbackLoop({
    ...base,
    store: core.as(),
    samples: telemetry.as(),
    arrivals: new Arrivals({ places: git.places }),
    proposals: changes,
    documents,
    replay: router,
    tunables: config.tunables(),
    llm: null,
    options: config.live("loop"),
  });
  for (const room of [documents, changes, router, loop]) await stack.use(room).start(signal);
  const held = stack.move();
  return {
    repository,
    config,
    git,
    router,
    loop,
    events,
    seen,
    signal,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

test("with the real rooms: asked, declined, proposed, merged, carried out, replayed and kept", async () => {
  await using rooms = await openRooms();
  const { repository, config, git, router, loop, signal, seen } = rooms;
  for (let index = 0; index < SUBJECTS; index += 1) {
    const text = `How many days are records of ${word(index)} kept around?`;
    const asked = await router.ask({ text, waitMs: 0 }, agent, signal);
    expect(asked.status).toBe("pending");
    await router.answer({
      questionId: asked.questionId,
      text: `Records of ${word(index)} are kept for ${index + 3} days.`,
      principal: person,
    });
  }
  const report = await loop.runCycle(signal);
  console.info(`cycle with the real rooms, OpenSpec's verdict included: ${Math.round(report.ms)} ms`);
  expect(report.problems.map(({ code }) => code)).toContain("documents_too_strict");
  const [proposal] = report.proposals.filter(({ title }) => title.includes("questions.documents.minScore"));
  expect(proposal, JSON.stringify(report.dropped)).toBeDefined();
  expect(report.model).toBeNull();
  await repository.git("merge", "--quiet", "--no-edit", proposal!.branch!);
  rooms.events.emit("git.refs_moved", { head: null, branch: "main" });
  await loop.settle();
  const view = (await loop.list({ limit: 10 })).proposals.find(({ changeId }) => changeId === proposal!.changeId)!;
  expect(view).toMatchObject({ state: "kept", approvedBy: "Ada Example <ada@example.org>" });
  expect(view.verdict!.gained).toBeGreaterThanOrEqual(10);
  expect(config.current.questions.documents.minScore).toBeLessThan(0.9);
  const verdict = (await git.read("HEAD", `openspec/changes/${proposal!.changeId}/verdict.md`))!.toString("utf8");
  expect(verdict).toContain("# Verdict: kept");
  expect(await repository.git("status", "--porcelain")).toBe("");
  const validation = (await router.recorded({ limit: 500, split: "validation" })).map(({ questionId }) => questionId);
  const change = await repository.git("show", `${proposal!.branch}:openspec/changes/${proposal!.changeId}/design.md`);
  expect(validation.filter((id) => change.includes(id))).toEqual([]);
  expect(seen).toContain("experiment.decided");

  // A second one, by hand, that would let wrong answers through.
  await repository.git("switch", "--quiet", "--create", "worse");
  const now = config.current.questions.documents.minScore;
  await repository.write("openspec/changes/raise-it/experiment.yaml", harmful(now));
  await repository.write(
    "openspec/changes/raise-it/proposal.md",
    "# Raise it\n\n## Why\n\nTo see that it is undone.\n",
  );
  await repository.commitAll("Raise it");
  await repository.git("switch", "--quiet", "main");
  await repository.git("merge", "--quiet", "--no-ff", "--no-edit", "worse");
  rooms.events.emit("git.refs_moved", { head: null, branch: "main" });
  await loop.settle();
  const second = (await loop.list({ limit: 10 })).proposals.find(({ changeId }) => changeId === "raise-it")!;
  expect(second).toMatchObject({ state: "reverted", draftedBy: "hand", verdict: { harmful: true } });
  expect(config.current.questions.documents.minScore).toBe(now);
  expect(await repository.git("status", "--porcelain")).toBe("");
});

function harmful(from: number): string {
  return `version: 1
hypothesis: Only perfect matches are worth answering.
primary: { name: answer.judged_wrong, better: lower, minimumEffect: 0.02 }
baseline: null
expected: null
guards: [{ metric: question.documents_answered, limit: 0.05 }]
judge: { kind: paired_replay, sample: questions, split: validation, minimumPairs: 10, alpha: 0.05 }
horizonDays: 14
unit: question
actions: [{ kind: setting, key: questions.documents.minScore, from: ${from}, to: 0.95 }]
undo: { kind: revert_commit }
proposedAt: 2026-11-21T00:00:00.000Z
author: person:ada
`;
}
