import { expect, test } from "vitest";
import { scenario } from "../helpers/scenario.ts";
import { openWorld, questions, type World, type WorldOptions } from "./world.ts";

const CHANGES = "openspec/changes";
const DAY_MS = 86_400_000;

/** 16 train questions of which 6 are declined though the documents know them, and `validation` of the same kinds. */
function strict(validation: number, loop: Record<string, unknown> = {}): WorldOptions {
  return {
    questions: [
      ...questions(10, { score: 0.8, right: true }, "train"),
      ...questions(6, { score: 0.5, right: true }, "train"),
      ...questions(Math.ceil(validation / 2), { score: 0.8, right: true }, "validation"),
      ...questions(Math.floor(validation / 2), { score: 0.5, right: true }, "validation"),
    ],
    loop,
  };
}

async function proposed(world: World) {
  const { proposals } = await world.cycle();
  expect(proposals).toHaveLength(1);
  return { ...proposals[0]!, branch: proposals[0]!.branch! };
}

async function stateOf(world: World) {
  const [first] = (await world.loop.list({ limit: 1 })).proposals;
  return first!;
}

/** A hand-written experiment on a branch of the person. */
function experimentText(to: number, extra = ""): string {
  return `version: 1
hypothesis: Answers become better with another threshold.
primary: { name: question.documents_answered, better: higher, minimumEffect: 0.02 }
baseline: null
expected: null
guards: [{ metric: answer.judged_wrong, limit: 0.02 }]
judge: { kind: paired_replay, sample: questions, split: validation, minimumPairs: 10, alpha: 0.05 }
horizonDays: 14
unit: question
actions: [{ kind: setting, key: questions.documents.minScore, from: 0.6, to: ${to} }]
undo: { kind: revert_commit }
proposedAt: 2026-11-21T00:00:00.000Z
author: person:ada
${extra}`;
}

async function branchWith(world: World, branch: string, files: Record<string, string>): Promise<void> {
  await world.repository.git("switch", "--quiet", "--create", branch);
  for (const [path, text] of Object.entries(files)) await world.repository.write(path, text);
  await world.repository.commitAll(`Add ${branch}`);
  await world.repository.git("switch", "--quiet", "main");
}

scenario("improvement-loop", "A known answer that is held back becomes a proposal", async () => {
  await using world = await openWorld(strict(20));
  const { branch, changeId } = await proposed(world);
  const file = async (name: string) =>
    (await world.git.read(`refs/heads/${branch}`, `${CHANGES}/${changeId}/${name}`))?.toString("utf8") ?? "";
  expect(await file("experiment.yaml")).toContain("key: questions.documents.minScore");
  expect(await file("experiment.yaml")).toContain("kind: paired_replay");
  expect(await file("proposal.md")).toContain("replayed questions (train split): 16");
  expect(await file("design.md")).toContain("| declined, then right |");
  expect(world.emitted("proposal.created")).toMatchObject([{ changeId, branch }]);
});

scenario("improvement-loop", "Nothing is carried out without a person", async () => {
  await using world = await openWorld(strict(20));
  const head = await world.repository.git("rev-parse", "HEAD");
  await proposed(world);
  await world.loop.settle();
  await world.restart();
  await world.loop.settle();
  expect(await world.repository.git("rev-parse", "HEAD")).toBe(head);
  expect(await world.committedScore()).toBe(0.6);
  expect((await stateOf(world)).state).toBe("proposed");
});

scenario("improvement-loop", "A merge approves, and what helps is kept", async () => {
  await using world = await openWorld(strict(20));
  const { branch, changeId, proposalId } = await proposed(world);
  await world.merge(branch, "--no-ff");
  const now = await stateOf(world);
  expect(now).toMatchObject({ state: "kept", approvedBy: "Ada Example <ada@example.org>" });
  expect(now.verdict).toMatchObject({ pairs: 20, gained: 10, lost: 0 });
  expect(await world.committedScore()).toBeLessThan(0.6);
  const text = (await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8");
  expect(text).toMatch(/^# how we work\nquestions:\n {2}documents:\n {4}minScore: 0\.[45]5? # tried by hand\n$/);
  const verdict = (await world.git.read("HEAD", `${CHANGES}/${changeId}/verdict.md`))!.toString("utf8");
  expect(verdict).toContain("# Verdict: kept");
  expect(verdict).toContain("| q-0017 | right | right |");
  expect((await world.git.read("HEAD", `${CHANGES}/${changeId}/experiment.yaml`))!.toString("utf8")).toContain(
    "verdict:",
  );
  expect((await world.git.read("HEAD", `${CHANGES}/${changeId}/tasks.md`))!.toString("utf8")).not.toContain("[ ]");
  const approved = world.emitted("proposal.approved") as { commit: string }[];
  expect(approved[0]!.commit).toBe(await world.repository.git("log", "--merges", "--format=%H", "-1"));
  const order = world.seen.map(({ name }) => name).filter((name) => /^(proposal|setting|experiment)/.test(name));
  expect(order).toEqual([
    "proposal.created",
    "proposal.approved",
    "setting.changed",
    "experiment.started",
    "experiment.decided",
  ]);
  expect((await world.git.history({ path: "specloop.yaml", limit: 1 }))[0]!.trailers["Specloop-Proposal"]).toBe(
    proposalId,
  );
});

test("a fast-forward merge approves as well", async () => {
  await using world = await openWorld(strict(20));
  const { branch } = await proposed(world);
  await world.merge(branch, "--ff-only");
  expect(await stateOf(world)).toMatchObject({ state: "kept", approvedBy: "Ada Example <ada@example.org>" });
});

scenario("improvement-loop", "A commit of specloop does not approve", async () => {
  await using world = await openWorld(strict(20));
  await world.documents.update({
    files: [{ path: `${CHANGES}/sneak/experiment.yaml`, edits: [{ kind: "write", content: experimentText(0.4) }] }],
    reason: "An agent writes an experiment through specloop",
    principal: { kind: "agent", name: "test" },
  });
  world.events.emit("git.refs_moved", { head: null, branch: "main" });
  await world.loop.settle();
  expect(await world.committedScore()).toBe(0.6);
  expect((await world.loop.status()).unapproved).toMatchObject([
    { changeId: "sneak", reason: expect.stringContaining("made by specloop") },
  ]);
});

test("checking out the proposal's own branch approves nothing", async () => {
  await using world = await openWorld(strict(20));
  const { branch } = await proposed(world);
  await world.repository.git("switch", "--quiet", branch);
  await world.repository.git("commit", "--quiet", "--allow-empty", "--message", "Look at it");
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("proposed");
});

scenario("improvement-loop", "What was merged counts, not what lies in the working tree", async () => {
  await using world = await openWorld(strict(20));
  await branchWith(world, "idea", { [`${CHANGES}/by-hand/experiment.yaml`]: experimentText(0.4) });
  await world.repository.git("merge", "--quiet", "--no-ff", "idea");
  await world.repository.write(`${CHANGES}/by-hand/experiment.yaml`, experimentText(0.05));
  world.events.emit("git.refs_moved", { head: null, branch: "main" });
  await world.loop.settle();
  expect(await world.committedScore()).toBe(0.4);
});

scenario("improvement-loop", "What does harm is undone by a commit", async () => {
  await using world = await openWorld({
    questions: [
      ...questions(12, { score: 0.8, right: true }, "validation"),
      ...questions(8, { score: 0.3, right: false }, "validation"),
    ],
  });
  await branchWith(world, "idea", { [`${CHANGES}/loosen/experiment.yaml`]: experimentText(0.2) });
  await world.merge("idea", "--no-ff");
  expect(await stateOf(world)).toMatchObject({ state: "reverted", draftedBy: "hand", verdict: { harmful: true } });
  expect(await world.committedScore()).toBe(0.6);
  const [last, before] = await world.git.history({ path: "specloop.yaml", limit: 2 });
  expect(last!.subject).toContain("Undo: answer.judged_wrong became worse");
  expect(before!.trailers["Specloop-Proposal"]).toBe(last!.trailers["Specloop-Proposal"]);
  expect(world.emitted("setting.changed")).toMatchObject([
    { from: 0.6, to: 0.2 },
    { from: 0.2, to: 0.6 },
  ]);
  expect(world.emitted("experiment.decided")).toMatchObject([{ verdict: "reverted", commit: last!.commit }]);
  expect((await world.git.read("HEAD", `${CHANGES}/loosen/verdict.md`))!.toString("utf8")).toContain(
    `Undone by ${last!.commit}`,
  );
});

scenario("improvement-loop", "Too few questions give no verdict until the horizon", async () => {
  await using world = await openWorld(strict(6));
  const { branch, changeId } = await proposed(world);
  await world.merge(branch, "--no-ff");
  const waiting = await stateOf(world);
  expect(waiting).toMatchObject({ state: "inconclusive", verdict: { pairs: 6, needsPairs: 4 } });
  expect(waiting.note).toContain("needs about 4 more answered questions");
  expect((await world.git.read("HEAD", `${CHANGES}/${changeId}/verdict.md`))!.toString("utf8")).toContain(
    "It needs about 4 more",
  );
  expect(await world.committedScore()).toBeLessThan(0.6);
  world.offset = 15 * DAY_MS;
  await world.restart();
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("reverted");
  expect(await world.committedScore()).toBe(0.6);
});

test("more answered questions decide what was inconclusive", async () => {
  await using world = await openWorld(strict(6));
  const { branch } = await proposed(world);
  await world.merge(branch, "--no-ff");
  world.ask(questions(14, { score: 0.5, right: true }, "validation"));
  world.events.emit("answer.judged", {
    questionId: "q-0023",
    answerId: "a-1",
    verdict: "useful",
    principal: { kind: "person", name: "ada" },
  });
  await world.loop.settle();
  expect(await stateOf(world)).toMatchObject({ state: "kept", verdict: { pairs: 20, gained: 17 } });
});

test("a metric that replay cannot measure is never kept", async () => {
  await using world = await openWorld(strict(20));
  const text = experimentText(0.4).replace(
    "question.documents_answered, better: higher",
    "question.cache_hit, better: higher",
  );
  await branchWith(world, "idea", { [`${CHANGES}/cache/experiment.yaml`]: text });
  await world.merge("idea", "--no-ff");
  expect(await stateOf(world)).toMatchObject({ state: "inconclusive", verdict: { pairs: 0 } });
  world.offset = 15 * DAY_MS;
  await world.restart();
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("reverted");
});

test("a lesson is measured on questions it was not written from", async () => {
  const known = "Fifteen minutes, then it has to be renewed.";
  const text = "How long is a session token valid?";
  await using world = await openWorld({
    questions: [
      { score: 0.1, right: true, split: "train", text, known },
      ...questions(12, { score: 0.1, right: true, text: "Session token: how long is it valid?", known }, "validation"),
    ],
  });
  const principal = { kind: "agent" as const, name: "test" };
  for (const [questionId, asked] of [
    ["q-0001", text],
    ["x-2", "How long are session tokens valid?"],
    ["x-3", "session token valid how long"],
  ]) {
    world.events.emit("question.asked", { questionId: questionId!, kind: "fact", principal, text: asked! });
    world.events.emit("question.left_pending", { questionId: questionId!, text: asked!, ms: 3 });
  }
  world.events.emit("question.answered", { questionId: "q-0001", route: "person", cached: false, ms: 9, principal });
  const { branch } = await proposed(world);
  await world.merge(branch, "--no-ff");
  const lesson = (await world.git.read("HEAD", "openspec/lessons/how-long-is-a-session-token-valid.md"))!.toString(
    "utf8",
  );
  expect(lesson).toContain(`# ${text}\n\n${known}\n`);
  expect(lesson).toMatch(
    /^---\nid: how-long-is-a-session-token-valid\nsource: p-\w+\ncreated: [\d-]+\nstatus: approved\n---\n/,
  );
  expect(await stateOf(world)).toMatchObject({ state: "kept", verdict: { pairs: 12, gained: 12 } });
});

test("a harmful lesson is removed again by the undoing commit", async () => {
  await using world = await openWorld({
    questions: questions(12, { score: 0.1, right: true }, "validation"),
  });
  const text = experimentText(0.4).replace(
    /actions: .*\n/,
    "actions: [{ kind: lesson, title: Nothing of use, text: Nothing. }]\n",
  );
  await branchWith(world, "idea", {
    [`${CHANGES}/note/experiment.yaml`]: text.replace("horizonDays: 14", "horizonDays: 0.01"),
  });
  await world.merge("idea", "--no-ff");
  expect((await stateOf(world)).state).toBe("inconclusive");
  world.offset = DAY_MS;
  await world.restart();
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("reverted");
  expect(await world.git.read("HEAD", "openspec/lessons/nothing-of-use.md")).toBeNull();
});

scenario("improvement-loop", "The same idea is not proposed twice", async () => {
  await using world = await openWorld(strict(20));
  const { branch, changeId } = await proposed(world);
  const again = await world.cycle();
  expect(again.proposals).toEqual([]);
  expect(again.dropped).toMatchObject([{ reason: expect.stringContaining("the same idea is open as p-") }]);
  await world.repository.git("branch", "--quiet", "--delete", "--force", branch);
  world.events.emit("git.refs_moved", { head: null, branch: "main" });
  await world.loop.settle();
  expect(world.emitted("proposal.closed")).toMatchObject([{ changeId, reason: expect.stringContaining("rejected") }]);
  const rejected = await world.cycle();
  expect(rejected.dropped).toMatchObject([{ reason: expect.stringContaining("in the last 30 days") }]);
  world.offset = 31 * DAY_MS;
  await world.restart();
  const later = await world.cycle();
  expect(later.proposals).toMatchObject([{ changeId: `${changeId}-2` }]);
});

test("a branch that was merged elsewhere and deleted is not taken for rejected", async () => {
  await using world = await openWorld(strict(20));
  const { branch } = await proposed(world);
  await world.repository.git("switch", "--quiet", "--create", "other");
  await world.repository.git("merge", "--quiet", "--no-ff", branch);
  await world.repository.git("switch", "--quiet", "main");
  await world.repository.git("branch", "--quiet", "--delete", "--force", branch);
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("proposed");
});

scenario("improvement-loop", "An experiment outside its bounds is refused", async () => {
  await using world = await openWorld(strict(20));
  const files = {
    [`${CHANGES}/too-far/experiment.yaml`]: experimentText(1.5),
    [`${CHANGES}/other-key/experiment.yaml`]: experimentText(0.4).replace(
      "questions.documents.minScore",
      "server.port",
    ),
    [`${CHANGES}/elsewhere/experiment.yaml`]: experimentText(0.4).replace(
      /actions: .*\n/,
      "actions: [{ kind: document, path: .github/workflows/x.md, edit: { kind: write, content: x } }]\n",
    ),
    [`${CHANGES}/moved/experiment.yaml`]: experimentText(0.4).replace("from: 0.6", "from: 0.9"),
    [`${CHANGES}/loose-judge/experiment.yaml`]: experimentText(0.4).replace("alpha: 0.05", "alpha: 0.9"),
    [`${CHANGES}/broken/experiment.yaml`]: "version: [",
  };
  await branchWith(world, "ideas", files);
  await world.merge("ideas", "--no-ff");
  const { proposals } = await world.loop.list({ limit: 10 });
  const notes = new Map(proposals.map(({ changeId, state, note }) => [changeId, `${state}: ${note}`]));
  expect(notes.get("too-far")).toContain("closed: questions.documents.minScore may be 0 to 1");
  expect(notes.get("other-key")).toContain("not a setting that experiments may change");
  expect(notes.get("elsewhere")).toContain("is not changed by experiments");
  expect(notes.get("moved")).toContain("is 0.6 now, not 0.9");
  const { unapproved } = await world.loop.status();
  expect(unapproved.map(({ changeId }) => changeId).sort()).toEqual(["broken", "loose-judge"]);
  expect(await world.committedScore()).toBe(0.6);
});

scenario("improvement-loop", "A person's uncommitted work is waited for", async () => {
  await using world = await openWorld(strict(20));
  const { branch } = await proposed(world);
  const text = (await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8");
  await world.repository.write("specloop.yaml", `${text}# a thought\n`);
  await world.merge(branch, "--no-ff");
  expect((await stateOf(world)).note).toContain("specloop.yaml has changes that are not committed");
  expect(await world.committedScore()).toBe(0.6);
  await world.repository.git("commit", "--quiet", "--all", "--message", "Think");
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("kept");
  expect((await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8")).toContain("# a thought");
});

test("a setting that a person changes meanwhile ends the experiment and stays theirs", async () => {
  await using world = await openWorld(strict(6));
  const { branch } = await proposed(world);
  await world.merge(branch, "--no-ff");
  const text = (await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8");
  await world.repository.write("specloop.yaml", text.replace(/minScore: [\d.]+/, "minScore: 0.7"));
  await world.repository.commitAll("I know better");
  world.offset = 15 * DAY_MS;
  await world.restart();
  await world.loop.settle();
  expect(await stateOf(world)).toMatchObject({ state: "closed", note: expect.stringContaining("somebody changed it") });
  expect(await world.committedScore()).toBe(0.7);
});

test("other lines that were edited since do not stop the undoing of our key", async () => {
  await using world = await openWorld(strict(6));
  const { branch } = await proposed(world);
  await world.merge(branch, "--no-ff");
  const text = (await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8");
  await world.repository.write("specloop.yaml", `${text}log:\n  level: debug\n`);
  await world.repository.commitAll("More log");
  world.offset = 15 * DAY_MS;
  await world.restart();
  await world.loop.settle();
  expect((await stateOf(world)).state).toBe("reverted");
  expect(await world.committedScore()).toBe(0.6);
  expect((await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8")).toContain("level: debug");
});
