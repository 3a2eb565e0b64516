import { expect } from "vitest";
import { systemClock } from "../../src/foundation/clock.ts";
import { options as section } from "../../src/question-router/index.ts";
import { ToolResponder } from "../../src/question-router/responders/tool.ts";
import { scenario } from "../helpers/scenario.ts";
import { hostile, openWorld, publicServer } from "./world.ts";

const signal = new AbortController().signal;
const query = { text: "How is the weather?", kind: "fact", change: null } as const;

scenario("tool-servers", "A tool that answers questions hangs", async () => {
  const answers = (tool: string, argument: string, priority: number) => [
    { tool, argument, capabilities: ["weather"], priority },
  ];
  await using world = await openWorld({
    h: hostile("none", { answers: answers("hang", "text", 1) }),
    everything: {
      command: process.execPath,
      args: [publicServer("everything")],
      answers: answers("echo", "message", 2),
    },
  });
  await world.approve("h");
  await world.approve("everything");
  const current = section.schema.parse({ tools: { timeoutMs: 400, confidence: 0.7 } });
  const responder = new ToolResponder({ tools: world.room, options: { current }, clock: systemClock });
  for (let at = 0; at < 3; at += 1)
    expect(await responder.respond(query, signal)).toMatchObject({
      outcome: "declined",
      reason: expect.stringContaining("h.hang did not answer within 4"),
    });
  // It failed three times, so it is left alone, and the next one has the time.
  const answer = {
    outcome: "answered",
    text: "Echo: How is the weather?",
    by: "tool:everything.echo",
    confidence: 0.7,
    citations: [],
  };
  expect(await responder.respond(query, signal)).toEqual(answer);
  expect(await responder.respond({ ...query, kind: "authority" }, signal)).toMatchObject({ outcome: "declined" });
  expect(await responder.respond({ ...query, text: "How is the code?" }, signal)).toMatchObject({
    outcome: "declined",
  });
});
