import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport, type ClientOptions } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldStdioTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { cleanEnvironment, MAIN, type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";

const FILES = { "README.md": "# Shop\n\nBicycles.\n", "openspec/config.yaml": "schema: spec-driven\n" };

let repository: TemporaryRepository;
let daemon: RunningDaemon;
beforeAll(async () => {
  repository = await temporaryRepository(FILES);
  daemon = await startDaemon(repository.path);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await repository[Symbol.asyncDispose]();
});

type Response = { action: "accept" | "decline" | "cancel"; content?: Record<string, string> };
type Fill = (message: string) => Promise<Response> | Response;
interface Asked {
  status: string;
  questionId: string;
  answer?: { text: string; by: string; route: string };
}

interface FormClient {
  /** Messages of the forms that were shown. */
  shown: string[];
  ask(text: string, more?: Record<string, unknown>): Promise<Asked>;
  close(): Promise<void>;
}

const info = { name: "claude-code", version: "1.0.0" };
const accept =
  (answer: string): Fill =>
  () => ({ action: "accept", content: { answer } });
const KINDS = ["2026 over stdio", "2026 over HTTP", "2025 over stdio", "2025 over HTTP", "1.x over stdio"] as const;
type Kind = (typeof KINDS)[number];

/** A real client of this kind that shows forms to somebody who fills them in so; without `fill` it has no forms. */
async function openClient(kind: Kind, fill: Fill | null, url = daemon.status.url): Promise<FormClient> {
  const shown: string[] = [];
  const filled = async ({ params }: { params: { message: string } }) => {
    shown.push(params.message);
    return fill!(params.message);
  };
  const capabilities = fill ? { elicitation: {} } : {};
  const client = kind === "1.x over stdio" ? new OldClient(info, { capabilities }) : newClient(kind, capabilities);
  if (client instanceof OldClient) {
    if (fill) client.setRequestHandler(ElicitRequestSchema, filled);
    await client.connect(new OldStdioTransport(shim()));
  } else {
    if (fill) client.setRequestHandler("elicitation/create", filled);
    await client.connect(kind.endsWith("HTTP") ? overHttp(url) : new StdioClientTransport(shim()));
  }
  const call = async (text: string, more: Record<string, unknown> = {}) => {
    const result = await client.callTool({ name: "question_ask", arguments: { text, ...more } });
    if (result.isError) throw new Error(JSON.stringify(result.content));
    return result.structuredContent as unknown as Asked;
  };
  onTestFinished(() => client.close());
  return { shown, ask: call, close: () => client.close() };
}

function newClient(kind: Kind, capabilities: NonNullable<ClientOptions["capabilities"]>): Client {
  const mode = { versionNegotiation: { mode: { pin: "2026-07-28" } } } as const;
  return new Client(info, { capabilities, ...(kind.startsWith("2026") && mode) });
}

function shim() {
  const env = Object.entries(cleanEnvironment()).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const args = [MAIN, "mcp", "--repo", repository.path];
  return { command: process.execPath, args, env: Object.fromEntries(env), stderr: "ignore" as const };
}

function overHttp(url: string) {
  const token = readFileSync(join(repository.path, ".specloop/token"), "utf8").trim();
  return new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  });
}

async function shownBy(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await specloop([...args, "--repo", repository.path, "--json"])).stdout) as Record<string, unknown>;
}

scenario(
  "questions",
  "The person at the client answers",
  async () => {
    for (const kind of KINDS) {
      const client = await openClient(kind, accept("Turquoise"));
      const text = `Which colour has the zeppelin of ${kind}?`;
      const asked = await client.ask(text);
      expect([kind, asked]).toMatchObject([
        kind,
        { status: "answered", answer: { text: "Turquoise", by: "person:via claude-code", route: "person" } },
      ]);
      expect(client.shown).toHaveLength(1);
      expect(client.shown[0]).toContain(text);
      // Everybody who asks the same has the answer now, and nobody is shown a form for it.
      expect(await client.ask(text)).toMatchObject({ status: "answered", answer: { text: "Turquoise" } });
      expect(client.shown).toHaveLength(1);
    }
    const { stdout } = await specloop(["audit", "list", "--repo", repository.path, "--json"]);
    expect(stdout).toContain("person:via claude-code");
  },
  120_000,
);

scenario(
  "questions",
  "The person at the client declines",
  async () => {
    for (const kind of KINDS) {
      for (const action of ["decline", "cancel"] as const) {
        const client = await openClient(kind, () => ({ action }));
        const asked = await client.ask(`Which ${action} has the airship of ${kind}?`);
        expect([kind, action, asked]).toMatchObject([kind, action, { status: "pending" }]);
        expect(await shownBy("questions", asked.questionId)).toMatchObject({ status: "pending" });
        // The same person is not asked the same again and again.
        await client.ask(`Which ${action} has the airship of ${kind}?`);
        expect(client.shown).toHaveLength(1);
      }
    }
  },
  120_000,
);

scenario(
  "questions",
  "The client shows no forms",
  async () => {
    for (const kind of KINDS) {
      const client = await openClient(kind, null);
      const asked = await client.ask(`Which rudder has the submarine of ${kind}?`);
      expect([kind, asked]).toMatchObject([kind, { status: "pending" }]);
      const { items } = (await shownBy("inbox")) as unknown as { items: { questionId: string }[] };
      expect(items.map(({ questionId }) => questionId)).toContain(asked.questionId);
    }
  },
  120_000,
);

scenario(
  "questions",
  "A form cannot say what somebody may do",
  async () => {
    for (const kind of KINDS) {
      const client = await openClient(kind, accept("Yes, you may."));
      const asked = await client.ask(`May I scuttle the ferry of ${kind}?`, { kind: "authority" });
      expect([kind, asked.status, client.shown]).toEqual([kind, "pending", []]);
    }
  },
  120_000,
);

test("a form that nobody fills in holds a call no longer than it says, and is taken when it comes late", async () => {
  for (const kind of ["2025 over stdio", "2025 over HTTP", "1.x over stdio"] as const) {
    const late = Promise.withResolvers<Response>();
    const client = await openClient(kind, () => late.promise);
    const asked = await client.ask(`Which bell has the tram of ${kind}?`, { waitMs: 100 });
    expect([kind, asked]).toMatchObject([kind, { status: "pending" }]);
    late.resolve({ action: "accept", content: { answer: "A brass one" } });
    await expect
      .poll(() => shownBy("questions", asked.questionId), { timeout: 20_000 })
      .toMatchObject({ status: "answered", answer: { text: "A brass one" } });
  }
}, 120_000);

interface Raw {
  result?: Record<string, unknown>;
  error?: { code: number; message: string };
}

/** One request of 2026-07-28 as a client of somebody's own making would send it. */
async function send(
  args: Record<string, unknown>,
  more: Record<string, unknown> = {},
  name = "claude-code",
): Promise<Raw> {
  const token = readFileSync(join(repository.path, ".specloop/token"), "utf8").trim();
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name, version: "1" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { form: {} } },
  };
  const response = await fetch(`${daemon.status.url}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "question_ask",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "question_ask", arguments: args, _meta: meta, ...more },
    }),
  });
  const text = await response.text();
  const data = /^data: (.+)$/m.exec(text)?.[1] ?? text;
  return JSON.parse(data) as Raw;
}

scenario(
  "questions",
  "A form comes back a second time",
  async () => {
    const args = { text: "Which mast has the schooner?" };
    const first = await send(args);
    expect(first.result).toMatchObject({ resultType: "input_required" });
    const requestState = String(first.result?.["requestState"]);
    const inputResponses = { answer: { action: "accept", content: { answer: "The mizzen" } } };
    const tampered = requestState.replace(/.(?=.{6}$)/, (letter) => (letter === "A" ? "B" : "A"));
    expect((await send(args, { requestState: tampered, inputResponses })).error).toBeDefined();
    const other = await send({ text: "Which anchor has the schooner?" }, { requestState, inputResponses });
    expect(other.result).toMatchObject({ isError: true });
    const again = await send(args);
    const renewed = again.result?.["requestState"];
    // Shown to this client a moment ago: it is not shown a second time.
    expect(renewed).toBeUndefined();
    const stranger = await send(args, { requestState, inputResponses }, "somebody-else");
    expect(stranger.result).toMatchObject({ isError: true });
    expect(
      await shownBy(
        "questions",
        String(again.result?.["structuredContent"] && (again.result["structuredContent"] as Asked).questionId),
      ),
    ).toMatchObject({ status: "pending" });
  },
  60_000,
);

test("a form is taken once, by the client that it was given to", async () => {
  const args = { text: "Which sail has the sloop?" };
  const requestState = String((await send(args)).result?.["requestState"]);
  const filled = (answer: string) => ({
    requestState,
    inputResponses: { answer: { action: "accept", content: { answer } } },
  });
  const taken = await send(args, filled("The jib"));
  expect(taken.result?.["structuredContent"]).toMatchObject({ status: "answered", answer: { text: "The jib" } });
  expect((await send(args, filled("The spanker"))).result).toMatchObject({ isError: true });
  expect((await send(args)).result?.["structuredContent"]).toMatchObject({ answer: { text: "The jib" } });
});

scenario(
  "questions",
  "The client goes away in the middle",
  async () => {
    await using own = await temporaryRepository(FILES);
    let server = await startDaemon(own.path);
    onTestFinished(() => server[Symbol.asyncDispose]());
    const gone = Promise.withResolvers<void>();
    const client = new Client(info, { capabilities: { elicitation: {} } });
    client.setRequestHandler("elicitation/create", async () => {
      gone.resolve();
      return new Promise<never>(() => {});
    });
    const { env, ...command } = shim();
    await client.connect(new StdioClientTransport({ ...command, env, args: [MAIN, "mcp", "--repo", own.path] }));
    const asking = client.callTool({ name: "question_ask", arguments: { text: "Which keel has the barge?" } });
    asking.catch(() => {});
    await gone.promise;
    await client.close();
    await server.end("SIGKILL");
    server = await startDaemon(own.path);
    const { stdout } = await specloop(["inbox", "--repo", own.path, "--json"]);
    const { items } = JSON.parse(stdout) as { items: { questionId: string; text: string }[] };
    expect(items.map(({ text }) => text)).toEqual(["Which keel has the barge?"]);
    const answered = await specloop(["answer", items[0]!.questionId, "A flat one.", "--repo", own.path]);
    expect(answered.code).toBe(0);
  },
  60_000,
);

test("`questions.people.elicit: off` shows no form", async () => {
  await using own = await temporaryRepository({
    ...FILES,
    "specloop.yaml": "questions:\n  people:\n    elicit: 'off'\n",
  });
  await using server = await startDaemon(own.path);
  const token = readFileSync(join(own.path, ".specloop/token"), "utf8").trim();
  const client = newClient("2026 over HTTP", { elicitation: {} });
  client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { answer: "Red" } }));
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${server.status.url}/mcp`), { requestInit }));
  const asked = await client.callTool({ name: "question_ask", arguments: { text: "Which hull has the canoe?" } });
  await client.close();
  expect(asked.structuredContent).toMatchObject({ status: "pending" });
});
