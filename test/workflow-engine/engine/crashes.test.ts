import { expect } from "vitest";
import { scenario } from "../../helpers/scenario.ts";
import { applyAll } from "../../../src/workflow-engine/run/apply.ts";
import { Draft, type Job, type RunSnapshot } from "../../../src/workflow-engine/run/draft.ts";
import type { Message } from "../../../src/workflow-engine/run/messages.ts";
import { newRun } from "../../../src/workflow-engine/run/new-run.ts";
import { ADA } from "./house.ts";
import { node, plan } from "./plans.ts";

scenario("workflows", "A node that takes every process down", async () => {
  const shape = plan("p", [node("poison", "effect", { onCrash: "retry" })]);
  const beginning = { plan: shape, input: "{}", principal: ADA, budget: {}, idempotencyKey: undefined };
  const run = newRun({ ...beginning, now: 0, home: null });
  let snapshot: RunSnapshot = { run, nodes: new Map(), signals: new Map() };
  const apply = (messages: Message[]): Job | undefined => {
    const draft = new Draft(snapshot, 0);
    applyAll(draft, messages, { plan: shape, types: new Map(), random: () => 0 });
    snapshot = draft.committed();
    return draft.jobs[0];
  };
  let job = apply([]);
  let turns = 0;
  while (job) {
    const { key, attempt } = job;
    apply([{ type: "claim", key, attempt, input: null, reserve: null }]);
    job = apply([turns % 2 === 0 ? { type: "redelivered", key, attempt } : { type: "recover" }]);
    turns += 1;
  }
  expect([turns, snapshot.run.state]).toEqual([5, "failed"]);
  expect(snapshot.run.error).toMatchObject({ key: "poison", message: "The process that did it went away 5 times." });
  // A person may have it done again, as often as at first.
  expect(apply([{ type: "resume", by: ADA.name, from: null, budget: null }])).toMatchObject({ key: "poison" });
  expect(snapshot.nodes.get("poison")).toMatchObject({ crashes: 0, status: "queued" });
});
