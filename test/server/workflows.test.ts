import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startFakeLmStudio } from "../../src/adapters/llm/fake/index.ts";
import { type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const GREET = `
name: greet
version: 1
description: Greets somebody after a moment.
inputs:
  who: { type: string }
  pause: { type: string, default: 10ms }
nodes:
  pause: { type: wait, for: "\${{ inputs.pause }}" }
  greet: { type: transform, value: "'Hello, ' + inputs.who", needs: [pause] }
output:
  text: nodes.greet.output
`;
const ASKS = `
name: asks
nodes:
  gate: { type: approval, prompt: "Go on?" }
  after: { type: transform, value: "1", needs: [gate] }
`;
const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "workflows/greet.yaml": GREET,
  "workflows/asks.yaml": ASKS,
};

interface Rest {
  daemon: RunningDaemon;
  repository: TemporaryRepository;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
}

async function open(stack: AsyncDisposableStack, env: Record<string, string> = {}): Promise<Rest> {
  const repository = stack.use(await temporaryRepository(FILES));
  const daemon = stack.use(await startDaemon(repository.path, { env }));
  const token = (await readFile(join(repository.path, ".specloop/token"), "utf8")).trim();
  const authorization = `Bearer ${token}`;
  const at = (path: string) => `${daemon.status.url}/api/workflows${path}`;
  return {
    daemon,
    repository,
    get: (path, headers = {}) =>
      fetch(at(path), {
        headers: {
          authorization,
          ...headers,
        },
      }),
    post: (path, body, headers = {}) =>
      fetch(at(path), {
        method: "POST",
        headers: {
          authorization,
          "content-type": "application/json",
          ...headers,
        },
        body: JSON.stringify(body),
      }),
  };
}

interface Begun {
  id: string;
  state: string;
  output: { value: unknown } | null;
  nodes: { key: string; status: string }[];
}

interface Sent {
  id: number | null;
  event: string;
  data: Record<string, unknown>;
}

/** Reads a stream of events to its end, or until `enough`. */
async function eventsOf(response: Response, enough: (sent: Sent[]) => boolean = () => false): Promise<Sent[]> {
  const sent: Sent[] = [];
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop()!;
    for (const block of blocks) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
      const [event, data, id] = [field("event"), field("data"), field("id")];
      if (event !== undefined)
        sent.push({ id: id === undefined ? null : Number(id), event, data: JSON.parse(data ?? "{}") });
    }
    if (enough(sent)) break;
  }
  return sent;
}

scenario("workflows", "A run over REST", async () => {
  await using stack = new AsyncDisposableStack();
  const { daemon, get, post } = await open(stack);
  for (const path of ["", "/"]) {
    const { workflows } = (await (await get(path)).json()) as { workflows: { name: string }[] };
    expect(workflows.map(({ name }) => name)).toEqual(expect.arrayContaining(["asks", "greet", "lesson-plan"]));
  }
  expect(await (await get("/greet")).json()).toMatchObject({ name: "greet", version: "1", plan: { name: "greet" } });
  const begun = await post("/execute/", { workflow: "greet", input: { who: "Ada" } });
  expect(begun.status).toBe(202);
  const { id } = (await begun.json()) as Begun;
  expect(begun.headers.get("location")).toBe(`/api/workflows/executions/${id}`);
  const ended = (await (await get(`/executions/${id}?waitMs=20000`)).json()) as Begun;
  for (let turn = 0; turn < 100 && ended.state !== "succeeded"; turn++)
    Object.assign(ended, await (await get(`/executions/${id}/?waitMs=1000`)).json());
  expect(ended).toMatchObject({ id, state: "succeeded", output: { value: { text: "Hello, Ada" } } });
  expect(await (await get("/executions?workflow=greet")).json()).toMatchObject({ runs: [{ id, startedBy: "http" }] });
  const overview = await (await get("/stats/overview")).json();
  expect(overview).toMatchObject({ runs: { count: 1, succeeded: 1 }, workflows: [{ name: "greet", count: 1 }] });
  expect(await (await get("/stats/greet/?days=1")).json()).toMatchObject({
    name: "greet",
    runs: { count: 1, success: { share: 1 } },
    nodes: [{ node: "greet" }, { node: "pause" }],
  });
  const { templates } = (await (await get("/templates/")).json()) as { templates: { name: string; origin: string }[] };
  expect(templates.map(({ name }) => name)).toContain("assessment");
  expect(templates.every(({ origin }) => origin === "builtin")).toBe(true);
  expect(await (await get("/templates/assessment")).json()).toMatchObject({ name: "assessment", origin: "builtin" });
  expect(daemon.output().stderr).toBe("");
});

scenario("workflows", "What REST refuses", async () => {
  await using stack = new AsyncDisposableStack();
  const { daemon, repository, get, post } = await open(stack);
  const refused = async (response: Promise<Response>) => {
    const { status } = await response;
    const { error } = (await (await response).json()) as { error: { code: string; fix: string } };
    return [status, error.code];
  };
  expect((await fetch(`${daemon.status.url}/api/workflows/`)).status).toBe(401);
  const foreign = { headers: { authorization: "Bearer x", origin: "http://evil.example" } };
  expect((await fetch(`${daemon.status.url}/api/workflows/`, foreign)).status).toBe(403);
  expect(await refused(get("/nothing"))).toEqual([404, "unknown_workflow"]);
  expect(await refused(get("/templates/greet"))).toEqual([404, "unknown_workflow"]);
  expect(await refused(get("/executions/r_none"))).toEqual([404, "unknown_run"]);
  expect(await refused(get("/executions/r_none/events"))).toEqual([404, "unknown_run"]);
  expect(await refused(get("/stats/greet"))).toEqual([404, "unknown_workflow"]);
  expect(await refused(get("/a/b/c"))).toEqual([404, "not_found"]);
  expect(await refused(get("/%E0%A4%A"))).toEqual([400, "bad_input"]);
  expect(await refused(get("/execute"))).toEqual([404, "not_found"]);
  expect(await refused(post("/templates", {}))).toEqual([404, "not_found"]);
  expect(await refused(post("/execute", { name: "greet" }))).toEqual([400, "bad_input"]);
  expect(await refused(post("/execute", { workflow: "greet", input: { who: 1 } }))).toEqual([400, "bad_input"]);
  expect(await refused(post("/execute", { workflow: "greet", input: {}, more: 1 }))).toEqual([400, "bad_input"]);
  expect(await refused(post("/quick/homework", { topic: "x" }))).toEqual([404, "not_found"]);
  expect(await refused(post("/quick/lesson-plan", { minutes: 45 }))).toEqual([400, "bad_input"]);
  expect(await refused(get("/executions?limit=many"))).toEqual([400, "bad_input"]);
  expect(await refused(get("/stats/overview?days=0"))).toEqual([400, "bad_input"]);
  const { stdout } = await specloop(["runs", "--json", "--repo", repository.path]);
  expect(JSON.parse(stdout)).toMatchObject({ runs: [] });
});

scenario("workflows", "The same request again", async () => {
  await using stack = new AsyncDisposableStack();
  const { get, post } = await open(stack);
  const request = { workflow: "greet", input: { who: "Ada" } };
  const ids = new Set<string>();
  for (let turn = 0; turn < 3; turn++) {
    const begun = await post("/execute", request, { "idempotency-key": "greet-ada" });
    ids.add(((await begun.json()) as Begun).id);
  }
  ids.add(((await (await post("/execute", { ...request, onceKey: "other" })).json()) as Begun).id);
  ids.add(((await (await post("/execute", { ...request, onceKey: "other" })).json()) as Begun).id);
  expect(ids.size).toBe(2);
  expect(await (await get("/executions")).json()).toMatchObject({ runs: [{}, {}] });
});

scenario("workflows", "Following a run by events", async () => {
  await using stack = new AsyncDisposableStack();
  const { get, post } = await open(stack);
  const request = { workflow: "greet", input: { who: "Ada", pause: "400ms" } };
  const { id } = (await (await post("/execute", request)).json()) as Begun;
  // One reads a little and goes away; it goes on from there, and misses nothing.
  const first = await eventsOf(await get(`/executions/${id}/events`), (sent) => sent.length >= 2);
  expect(first[0]).toMatchObject({ id: 1, event: "run.started" });
  const last = first.at(-1)!.id!;
  const rest = await eventsOf(await get(`/executions/${id}/events`, { "last-event-id": String(last) }));
  expect(rest.at(-1)!.event).toBe("run.succeeded");
  const numbers = [...first, ...rest].flatMap((sent) => (sent.id === null ? [] : [sent.id]));
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  const whole = await eventsOf(await get(`/executions/${id}/events/`));
  expect(whole.map((sent) => sent.id)).toEqual(numbers);
  expect(whole.filter(({ event }) => event === "node.done").map(({ data }) => data["key"])).toEqual([
    "pause",
    "greet",
    "@output",
  ]);
  // Who has seen everything is told that there is no more.
  const over = await get(`/executions/${id}/events`, { "last-event-id": String(numbers.length) });
  expect([over.status, await over.text()]).toEqual([204, ""]);
  expect((await get(`/executions/${id}/events`, { "last-event-id": "x" })).status).toBe(400);
});

scenario("workflows", "More followers than there is room for", async () => {
  await using stack = new AsyncDisposableStack();
  const { get, post } = await open(stack);
  const { id } = (await (await post("/execute", { workflow: "asks" })).json()) as Begun;
  const followers = await Promise.all(Array.from({ length: 64 }, () => get(`/executions/${id}/events`)));
  expect(followers.every(({ status }) => status === 200)).toBe(true);
  const refused = await get(`/executions/${id}/events`);
  expect([refused.status, ((await refused.json()) as { error: { code: string } }).error.code]).toEqual([
    503,
    "too_many_clients",
  ]);
  await followers[0]!.body!.cancel();
  let again = 503;
  for (let turn = 0; turn < 100 && again !== 200; turn++) {
    const response = await get(`/executions/${id}/events`);
    again = response.status;
    await response.body?.cancel();
  }
  expect(again).toBe(200);
  for (const follower of followers.slice(1)) await follower.body!.cancel();
});

test("a lesson plan is one request", async () => {
  await using stack = new AsyncDisposableStack();
  const model = await startFakeLmStudio({});
  stack.defer(() => model[Symbol.asyncDispose]());
  const { post } = await open(stack, { LM_STUDIO_BASE_URL: model.url });
  const begun = await post("/quick/lesson-plan", { topic: "Fractions", minutes: 30 });
  expect(begun.status).toBe(202);
  expect(await begun.json()).toMatchObject({
    workflow: "lesson-plan",
    input: { value: { topic: "Fractions", minutes: 30 } },
  });
});
