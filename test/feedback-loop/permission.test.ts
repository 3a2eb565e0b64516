import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { options } from "../../src/access/approvals/index.ts";
import { ApprovalWorld, person } from "../access/approvals-world.ts";
import { scenario } from "../helpers/scenario.ts";
import { openWorld, questions } from "./world.ts";

/** The loop with the approvals that it asks, and a proposal that waits. */
async function worldWithApprovals(rules?: object[]) {
  await using stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "specloop-person-"));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  let approvals!: ApprovalWorld;
  const world = await openWorld({
    questions: [
      ...questions(10, { score: 0.8, right: true }, "train"),
      ...questions(6, { score: 0.5, right: true }, "train"),
      ...questions(20, { score: 0.5, right: true }, "validation"),
    ],
    approvals: async ({ repository, git, events }) => {
      approvals = new ApprovalWorld(repository, { home, git });
      if (rules) approvals.policy = options.schema.parse({ rules });
      return approvals.start(events);
    },
  });
  stack.use(world);
  stack.defer(() => approvals.stop());
  const { proposals } = await world.cycle();
  const proposal = proposals[0]!;
  const moved = stack.move();
  return {
    world,
    approvals,
    branch: proposal.branch!,
    /** The one request about the proposal. */
    request: async () => (await approvals.service.list({ states: [], limit: 5 })).approvals[0]!,
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

test("a merge is the approval of a proposal that changes settings, and stands in the one list", async () => {
  await using given = await worldWithApprovals();
  await given.world.loop.settle();
  expect(await given.request()).toMatchObject({ state: "open", level: "L0", subject: { operation: "proposal" } });
  await given.world.merge(given.branch, "--no-ff");
  await given.world.loop.settle();
  expect(given.world.emitted("proposal.approved")).toHaveLength(1);
  expect(await given.request()).toMatchObject({ state: "carried_out", bypassed: false });
});

scenario("approvals", "The policy asks for more than a merge of a proposal", async () => {
  await using given = await worldWithApprovals([{ operations: ["document", "archive", "proposal", "policy"] }]);
  const { world, approvals } = given;
  await world.merge(given.branch, "--no-ff");
  await world.loop.settle();
  expect(world.emitted("proposal.approved")).toEqual([]);
  const asked = await given.request();
  expect(asked).toMatchObject({ state: "open", level: "L1", bypassed: true });
  const { unapproved } = await world.loop.status();
  expect(unapproved[0]?.reason).toContain(`${asked.id} is open`);
  const [code = ""] = await approvals.enroll();
  await approvals.withCode(asked.id, code);
  await world.loop.settle();
  expect(world.emitted("proposal.approved")).toHaveLength(1);
  expect(await given.request()).toMatchObject({ state: "carried_out", bypassed: false });
});

test("a proposal that is rejected in the list is closed", async () => {
  await using given = await worldWithApprovals();
  await given.world.loop.settle();
  const { id } = await given.request();
  await given.approvals.service.decide({ id, decision: "reject", principal: person, comment: "Not now." });
  await given.world.loop.settle();
  expect(given.world.emitted("proposal.closed")).toMatchObject([{ reason: "rejected: Not now." }]);
});
