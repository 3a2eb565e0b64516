import { describe, expect, test } from "vitest";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { scenario } from "../helpers/scenario.ts";
import { openWorld, questions, type World } from "./world.ts";

const HELPFUL = [
  ...questions(10, { score: 0.8, right: true }, "train"),
  ...questions(6, { score: 0.5, right: true }, "train"),
  ...questions(10, { score: 0.8, right: true }, "validation"),
  ...questions(10, { score: 0.5, right: true }, "validation"),
];
/** What the train split calls good and the validation split calls harmful. */
const HARMFUL = [
  ...questions(10, { score: 0.8, right: true }, "train"),
  ...questions(6, { score: 0.5, right: true }, "train"),
  ...questions(10, { score: 0.8, right: true }, "validation"),
  ...questions(10, { score: 0.5, right: false }, "validation"),
];

type Moment = "before" | "after";
type Step = { what: "propose" | "update" | "revert" | "replay"; call: number };

/**
 * The call number `call` of a step never returns, before or after its effect; resolves when the loop has got there. The
 * new process gets whole dependencies again.
 */
function cutOff(world: World, { what, call }: Step, moment: Moment): Promise<void> {
  const reached = Promise.withResolvers<void>();
  let calls = 0;
  const cut = <Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) => {
    return async (...args: Args): Promise<Result> => {
      calls += 1;
      if (calls !== call) return work(...args);
      if (moment === "after") await work(...args);
      reached.resolve();
      return new Promise<Result>(() => {});
    };
  };
  const { proposals, documents, replay } = world;
  if (what === "propose") world.proposals = { propose: cut((...args) => proposals.propose(...args)) };
  if (what === "replay") world.replay = { ...replay, replay: cut((...args) => replay.replay(...args)) };
  if (what === "update" || what === "revert") {
    world.documents = {
      read: (path) => documents.read(path),
      update: what === "update" ? cut((request) => documents.update(request)) : (request) => documents.update(request),
      revert: what === "revert" ? cut((request) => documents.revert(request)) : (request) => documents.revert(request),
    };
  }
  return reached.promise.then(() => void Object.assign(world, { proposals, documents, replay }));
}

async function ownCommits(world: World, path: string): Promise<string[]> {
  const entries = await world.git.history({ path, limit: 20 });
  return entries.filter(({ trailers }) => trailers["Specloop-Proposal"]).map(({ commit }) => commit);
}

async function only(world: World) {
  const { proposals } = await world.loop.list({ limit: 10 });
  expect(proposals).toHaveLength(1);
  return proposals[0]!;
}

/** Proposes and merges in a world whose process dies at `step`, and goes on in a new one. */
async function dieAndGoOn(world: World, step: Step, moment: Moment): Promise<void> {
  const { proposals } = await world.cycle();
  const dead = cutOff(world, step, moment);
  await world.restart();
  await world.repository.git("merge", "--quiet", "--no-ff", proposals[0]!.branch!);
  world.events.emit("git.refs_moved", { head: null, branch: "main" });
  await dead;
  await world.crash();
  await world.loop.settle();
}

test("a crash while a proposal is made leaves one proposal", async () => {
  for (const moment of ["before", "after"] as const) {
    await using world = await openWorld({ questions: HELPFUL });
    const dead = cutOff(world, { what: "propose", call: 1 }, moment);
    await world.restart();
    void world.cycle();
    await dead;
    await world.crash();
    await world.loop.settle();
    const proposal = await only(world);
    expect(proposal.state).toBe("proposed");
    expect([...(await world.git.branches("refs/heads/specloop/")).keys()]).toEqual([`refs/heads/${proposal.branch}`]);
  }
});

describe("a crash between any two steps", () => {
  const steps: Step[] = [
    { what: "update", call: 1 },
    { what: "replay", call: 1 },
    { what: "replay", call: 4 },
    { what: "update", call: 2 },
  ];
  for (const step of steps) {
    for (const moment of ["before", "after"] as const) {
      test(`${moment} ${step.what} ${step.call} of a helpful experiment`, async () => {
        await using world = await openWorld({ questions: HELPFUL });
        await dieAndGoOn(world, step, moment);
        expect(await only(world)).toMatchObject({ state: "kept", verdict: { pairs: 20, gained: 10, lost: 0 } });
        expect(await ownCommits(world, "specloop.yaml")).toHaveLength(1);
        const { changeId } = await only(world);
        const row = await world.core.read
          .selectFrom("loop_experiments")
          .select("verdict_commit")
          .executeTakeFirstOrThrow();
        expect(row.verdict_commit).toMatch(/^[0-9a-f]{40}$/);
        expect(await ownCommits(world, `openspec/changes/${changeId}/verdict.md`)).toHaveLength(1);
        expect(world.emitted("experiment.decided")).toHaveLength(1);
      });
    }
  }
});

test("to look at a proposal on its own branch approves nothing and warns of nothing", async () => {
  await using world = await openWorld({ questions: HELPFUL });
  const branch = (await world.cycle()).proposals[0]!.branch!;
  await world.repository.git("switch", "--quiet", branch);
  world.events.emit("git.refs_moved", { head: null, branch });
  await world.loop.settle();
  expect(await only(world)).toMatchObject({ state: "proposed" });
  expect((await world.loop.status()).unapproved).toEqual([]);
});

test("an experiment is not called undone while a person's uncommitted work keeps it from being undone", async () => {
  await using world = await openWorld({ questions: HARMFUL });
  const branch = (await world.cycle()).proposals[0]!.branch!;
  const replay = world.replay;
  const mine = async (): Promise<void> => {
    const text = (await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8");
    await world.repository.write("specloop.yaml", `${text}# a thought\n`);
  };
  world.replay = {
    ...replay,
    replay: async (...call) => {
      await mine();
      return replay.replay(...call);
    },
  };
  await world.restart();
  await world.merge(branch, "--no-ff");
  expect(await only(world)).toMatchObject({
    state: "reverted",
    note: expect.stringContaining("specloop.yaml has changes that are not committed"),
  });
  expect(world.emitted("experiment.decided")).toEqual([]);
  expect(await world.committedScore()).toBeLessThan(0.6);
  await world.repository.git("commit", "--quiet", "--all", "--message", "Think");
  await world.loop.settle();
  expect(await world.committedScore()).toBe(0.6);
  expect((await world.git.read("HEAD", "specloop.yaml"))!.toString("utf8")).toContain("# a thought");
  expect(world.emitted("experiment.decided")).toHaveLength(1);
});

scenario("improvement-loop", "A crash while an experiment is undone leaves one undoing commit", async () => {
  for (const moment of ["before", "after"] as const) {
    await using world = await openWorld({ questions: HARMFUL });
    await dieAndGoOn(world, { what: "revert", call: 1 }, moment);
    expect(await only(world)).toMatchObject({ state: "reverted", verdict: { harmful: true } });
    expect(await ownCommits(world, "specloop.yaml")).toHaveLength(2);
    expect(await world.committedScore()).toBe(0.6);
  }
});

test("a round that runs while a cycle proposes does not propose the same a second time", async () => {
  await using world = await openWorld({ questions: HELPFUL });
  const { proposals } = world;
  let calls = 0;
  world.proposals = {
    propose: async (...args) => {
      calls += 1;
      world.events.emit("git.refs_moved", { head: null, branch: "main" });
      await world.loop.settle();
      return proposals.propose(...args);
    },
  };
  await world.restart();
  expect((await world.cycle()).proposals).toHaveLength(1);
  expect(calls).toBe(1);
});

test("what fails for a while is tried again and says why it waits", async () => {
  await using world = await openWorld({ questions: HELPFUL });
  const { documents } = world;
  world.documents = {
    ...documents,
    read: (path) => documents.read(path),
    update: async () => {
      throw new Error("the disk is full");
    },
  };
  await world.restart();
  const { proposals } = await world.cycle();
  await world.merge(proposals[0]!.branch!, "--no-ff");
  expect(await only(world)).toMatchObject({ state: "implementing", note: expect.stringContaining("the disk is full") });
  world.documents = documents;
  await world.restart();
  await world.loop.settle();
  expect((await only(world)).state).toBe("kept");
});

test("every state that an experiment passes is recorded with its time", async () => {
  await using world = await openWorld({ questions: HELPFUL });
  const { proposals } = await world.cycle();
  await world.merge(proposals[0]!.branch!, "--no-ff");
  const lines = await world.core.read
    .selectFrom("loop_transitions")
    .select(["from_state", "to_state"])
    .orderBy("seq")
    .execute();
  expect(lines.map(({ from_state, to_state }) => `${from_state} > ${to_state}`)).toEqual([
    " > drafted",
    "drafted > proposed",
    "proposed > approved",
    "approved > implementing",
    "implementing > measuring",
    "measuring > kept",
  ]);
  const rows = await world.core.read.selectFrom("loop_pairs").selectAll().execute();
  expect(rows).toHaveLength(20);
  expect(new Set(rows.map(({ first }) => first)).size).toBe(2);
});

test.each([
  ["git_busy", "proposed"],
  ["invalid_change", "closed"],
] as const)("a draft that is refused with %s ends as %s", async (code, state) => {
  await using world = await openWorld({ questions: HELPFUL });
  const { proposals } = world;
  world.proposals = { propose: () => Promise.reject(new SpecloopError(code, "Not now.")) };
  await world.restart();
  const refused = await world.loop.runCycle(new AbortController().signal);
  expect(refused.dropped).toContainEqual(expect.objectContaining({ reason: expect.stringContaining(code) }));
  world.proposals = proposals;
  await world.restart();
  await world.loop.settle();
  expect(await only(world)).toMatchObject({ state });
});
