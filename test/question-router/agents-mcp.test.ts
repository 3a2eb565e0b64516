import { expect, test } from "vitest";
import { startDaemon } from "../helpers/command.ts";
import { temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { DOCUMENTS } from "./harness.ts";
import { openHttpClient, openSocketClient } from "./many-clients.ts";

const FOR_ME = "specloop://questions/for-me";
const topics = { capabilities: ["tandem brakes"] };

scenario(
  "agents",
  "An agent is told by its resource",
  async () => {
    await using repository = await temporaryRepository(DOCUMENTS);
    await using daemon = await startDaemon(repository.path);
    await using asker = await openHttpClient(daemon, { name: "asker" });
    const ways = [
      () => openSocketClient(daemon, { name: "socket-new", session: "s1" }),
      () => openSocketClient(daemon, { name: "socket-old", legacy: true }),
      () => openHttpClient(daemon, { name: "http-new" }),
      () => openHttpClient(daemon, { name: "http-old", legacy: true }),
    ];
    for (const [turn, open] of ways.entries()) {
      await using worker = await open();
      expect(await worker.read(FOR_ME)).toContain("Call agent_register");
      await worker.call("agent_register", topics);
      const updates = await worker.watch(FOR_ME);
      const text = `Who repairs the tandem brakes number ${turn}?`;
      const asking = asker.call("question_ask", { text, waitMs: 20_000 });
      await expect.poll(() => updates, { timeout: 10_000 }).toContain(FOR_ME);
      expect(await worker.read(FOR_ME)).toContain(text);
      const { questions } = (await worker.call("question_list", { for: "me" })) as {
        questions: { questionId: string }[];
      };
      await worker.call("answer_submit", { questionId: questions[0]!.questionId, text: "The yard." });
      expect(await asking).toMatchObject({ status: "answered", answer: { text: "The yard.", route: "agent" } });
      await worker.call("agent_register", { capabilities: ["something else"] });
    }
  },
  120_000,
);

test("when the connection of an agent breaks, what it had goes to the next one", async () => {
  await using repository = await temporaryRepository(DOCUMENTS);
  await using daemon = await startDaemon(repository.path);
  await using asker = await openHttpClient(daemon, { name: "asker" });
  const first = await openSocketClient(daemon, { name: "first" });
  await first.call("agent_register", topics);
  const { questionId } = await asker.call("question_ask", { text: "Who repairs the tandem brakes?", waitMs: 0 });
  await expect.poll(() => first.call("agent_heartbeat", {})).toMatchObject({ offers: [{ questionId }] });
  await using second = await openSocketClient(daemon, { name: "second" });
  await second.call("agent_register", topics);
  const waiting = second.call("agent_heartbeat", { waitMs: 20_000 });
  await first[Symbol.asyncDispose]();
  expect(await waiting).toMatchObject({ offers: [{ questionId }] });
  const { agents } = (await asker.call("agent_workers", {})) as { agents: { agent: string; presence: string }[] };
  expect(agents.map(({ agent, presence }) => `${agent} ${presence}`)).toEqual([
    "agent:first gone",
    "agent:second present",
  ]);
}, 60_000);
