import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { SocketTransport } from "../../src/server/socket-transport.ts";
import type { RunningDaemon } from "../helpers/command.ts";

/** A real MCP client of a running daemon. */
export interface McpClient extends AsyncDisposable {
  way: "socket" | "HTTP";
  call(tool: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  read(uri: string): Promise<string>;
  /** Watches an address; the list grows with every update. */
  watch(uri: string): Promise<string[]>;
}

interface Who {
  name: string;
  session?: string;
  toolset?: "default" | "full";
  /** What the client asks for; 2026-07-28 where nothing is said. */
  legacy?: boolean;
}

/** Through the unix socket, as the shim does it after its hello line. */
export async function openSocketClient(
  daemon: RunningDaemon,
  { name, session, legacy, toolset = "full" }: Who,
): Promise<McpClient> {
  const socket = connect(daemon.status.socket);
  await once(socket, "connect");
  socket.on("error", () => {});
  socket.write(`${JSON.stringify({ kind: "mcp", client: name, toolset, ...(session && { session }) })}\n`);
  const client = newClient(name, legacy);
  await client.connect(new SocketTransport(socket));
  return wrap(client, "socket");
}

/** Through HTTP on the loopback, with the person's token. */
export async function openHttpClient(
  daemon: RunningDaemon,
  { name, legacy, toolset = "full" }: Who,
): Promise<McpClient> {
  const token = (await readFile(join(daemon.status.repository, ".specloop/token"), "utf8")).trim();
  const url = new URL(`${daemon.status.url}/mcp?toolset=${toolset}&client=${name}`);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  const client = newClient(name, legacy);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
  return wrap(client, "HTTP");
}

/** So many clients, every other one over HTTP, of both protocol eras. */
export function openClients(daemon: RunningDaemon, count: number): Promise<McpClient[]> {
  const clients = Array.from({ length: count }, (_, index) => {
    const who = { name: `load-${index}`, legacy: index % 4 < 2, toolset: "default" as const };
    return index % 2 === 0 ? openSocketClient(daemon, who) : openHttpClient(daemon, who);
  });
  return Promise.all(clients);
}

/** What was asked and what came back: null where nothing did. */
export interface Asked {
  text: string;
  questionId: string | null;
  status: string | null;
  ms: number;
  problem: string | null;
}

/** Asks all texts at once, spread over the clients; an ask that fails is told with its problem. */
export function askAll(clients: McpClient[], texts: string[]): Promise<Asked[]> {
  return Promise.all(texts.map((text, index) => askOne(clients[index % clients.length]!, text)));
}

async function askOne(client: McpClient, text: string): Promise<Asked> {
  const started = performance.now();
  try {
    const { questionId, status } = await client.call("question_ask", { text, waitMs: 0 });
    return {
      text,
      questionId: String(questionId),
      status: String(status),
      ms: performance.now() - started,
      problem: null,
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { text, questionId: null, status: null, ms: performance.now() - started, problem };
  }
}

/** A third that was asked before, a third that a document answers, a third that nobody can answer. */
export function mixedQuestions(count: number, of = "a"): string[] {
  return Array.from({ length: count }, (_, turn) => {
    if (turn % 3 === 0) return `Within how many days is a returned bicycle refunded?${" ".repeat(turn % 5)}`;
    if (turn % 3 === 1) return `What does ${of}${turn} say about the nightly backup at 03:15 kept for 30 days?`;
    return `Who repairs tandem ${of}${turn} of the yard?`;
  });
}

function newClient(name: string, legacy = false): Client {
  const options = legacy ? {} : { versionNegotiation: { mode: { pin: "2026-07-28" } } as const };
  return new Client({ name, version: "1.0.0" }, options);
}

function wrap(client: Client, way: McpClient["way"]): McpClient {
  const updates: string[] = [];
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void updates.push(params.uri));
  return {
    way,
    call: async (name, input) => {
      const result = (await client.callTool({ name, arguments: input }, { timeout: 60_000 })) as {
        isError?: boolean;
        structuredContent?: Record<string, unknown>;
        content?: { text?: string }[];
      };
      if (result.isError) throw new Error(result.content?.[0]?.text ?? "no text");
      return result.structuredContent ?? {};
    },
    read: async (uri) => {
      const [content] = (await client.readResource({ uri })).contents;
      return content && "text" in content ? content.text : "";
    },
    watch: async (uri) => {
      if (client.getProtocolEra() === "modern") await client.listen({ resourceSubscriptions: [uri] });
      else await client.subscribeResource({ uri });
      return updates;
    },
    [Symbol.asyncDispose]: async () => {
      await client.close().catch(() => {});
    },
  };
}
