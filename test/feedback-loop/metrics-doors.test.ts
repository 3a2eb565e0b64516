import { readFileSync } from "node:fs";
import { request } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectControl } from "../../src/server/control-client.ts";
import { type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { type TemporaryRepository, temporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { readPrometheus } from "./prometheus.ts";

const QUESTION = "Within how many days is a returned bicycle refunded?";
let repository: TemporaryRepository;
let daemon: RunningDaemon;

beforeAll(async () => {
  repository = await temporaryRepository({
    "openspec/config.yaml": "schema: spec-driven\n",
    "openspec/specs/shop/spec.md":
      "# Shop Specification\n\n## Purpose\nSells bicycles to people in the town and takes them back.\n\n## Requirements\n### Requirement: Refund window\nThe shop SHALL refund a returned bicycle within 14 days of delivery.\n\n#### Scenario: Late\n- **WHEN** a bicycle is returned later\n- **THEN** it is refused\n",
  });
  daemon = await startDaemon(repository.path);
  await using client = await connectControl(daemon.status.socket, { kind: "agent", name: "asker" });
  for (let turn = 0; turn < 3; turn += 1) await client.call("question_ask", { text: QUESTION });
  await client.call("doc_read", { path: "openspec/nothing.md" }).catch(() => {});
}, 60_000);
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

async function ask(headers: Record<string, string>, method = "GET") {
  const sent = request({ host: "127.0.0.1", port: daemon.status.port, path: "/metrics", method, headers });
  sent.end();
  const [response] = (await once(sent, "response")) as [
    NodeJS.ReadableStream & { statusCode: number; headers: Record<string, string> },
  ];
  return { status: response.statusCode, type: response.headers["content-type"], body: await text(response) };
}

function token(): { authorization: string } {
  return { authorization: `Bearer ${readFileSync(join(repository.path, ".specloop", "token"), "utf8").trim()}` };
}

async function say(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await specloop(["metrics", ...args], { cwd: repository.path });
  expect(code, stderr).toBe(0);
  return stdout;
}

scenario("improvement-loop", "Prometheus scrapes", async () => {
  const { status, type, body } = await ask(token());
  expect([status, type]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
  const families = readPrometheus(body);
  const total = (name: string, labels: Record<string, string>) =>
    families
      .get(name.replace(/_(count|sum|bucket)$/, ""))
      ?.samples.find((sample) => sample.name === name && JSON.stringify(sample.labels) === JSON.stringify(labels))
      ?.value;
  expect(total("specloop_question_time_to_answer_seconds_count", { route: "documents" })).toBe(1);
  expect(total("specloop_question_time_to_answer_seconds_count", { route: "cache" })).toBe(2);
  expect(total("specloop_question_cache_hit_total", { route: "cache" })).toBe(2);
  expect(total("specloop_tool_failure_total", { tool: "doc_read", code: "unknown_document" })).toBe(1);
  expect([...families.values()].map((family) => family.type)).toContain("histogram");
  expect((await ask(token(), "POST")).status).toBe(404);
});

scenario("improvement-loop", "Nobody scrapes without the token", async () => {
  const refused = [
    await ask({}),
    await ask({ authorization: "Bearer wrong" }),
    await ask({ ...token(), host: "evil.example" }),
    await ask({ ...token(), origin: "http://evil.example" }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([401, 401, 403, 403]);
  for (const { body } of refused) expect(body).not.toContain("specloop_");
});

scenario("improvement-loop", "A person looks from a figure to its rows", async () => {
  const all = await say();
  expect(all).toMatch(/question\.time_to_answer +Time to answer +[\d.]+ ms +3\n/);
  expect(all).toMatch(/question\.cache_hit +Cache hits +66\.7 % +3\n/);
  expect(all).not.toContain("\u001b");
  const one = await say("question.time_to_answer", "--days", "2");
  expect(one).toMatch(/all +3 /);
  expect(one).toMatch(/route=cache +2 /);
  expect(one).toContain("specloop metrics why question.time_to_answer --days 2");
  const why = await say("why", "question.time_to_answer", "--days", "2", "--label", "route=cache");
  const rows = why.split("\n").filter((line) => line.includes("route=cache"));
  expect(rows).toHaveLength(2);
  const id = /q-\w+/.exec(rows[0]!)![0];
  expect(why).toContain(`More of one: specloop question ${id}`);
  const page = await say("why", "question.time_to_answer", "--limit", "2", "--days", "3");
  expect(page).toContain("specloop metrics why question.time_to_answer --days 3 --cursor ");
  const cursor = /--cursor (\d+)/.exec(page)![1]!;
  const older = await say("why", "question.time_to_answer", "--cursor", cursor);
  expect(older.match(/route=\w+/g)).toEqual(["route=documents"]);
  const json = JSON.parse(await say("--json", "--days", "1")) as { metrics: { metric: string; count: number }[] };
  expect(json.metrics.find(({ metric }) => metric === "question.time_to_answer")!.count).toBe(3);
});

test.each([
  [["nope"], /There is no metric nope\.[^]*Use one of question\.time_to_answer/],
  [["--days", "0"], /days/],
  [["--days", "x"], /--days takes a number/],
  [["why", "tool.time", "--label", "nonsense"], /label/],
  [["why", "tool.time", "--cursor", "x"], /cursor/],
])("%j is refused with the reason", async (args, reason) => {
  const { code, stderr } = await specloop(["metrics", ...args], { cwd: repository.path });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(reason);
});
