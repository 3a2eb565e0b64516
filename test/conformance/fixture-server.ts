import { randomBytes } from "node:crypto";
import { createRequestStateCodec, type McpServer } from "@modelcontextprotocol/server";
import { systemClock } from "../../src/foundation/clock.ts";
import { EventBus } from "../../src/foundation/events.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import { createCaller, createMcp, HttpDoor, type ExtraSurface, type Mcp } from "../../src/server/index.ts";
import { fixtureResources } from "../server/fixtures/doors.ts";
import { registerContentPrompts, registerContentResources, registerContentTools } from "./fixtures/content.ts";
import { registerElicitationTools, registerInputTools } from "./fixtures/input-required.ts";

/** Our own server and HTTP front with the fixtures of the conformance suite on top, without a token. */
export async function openFixtureServer(): Promise<AsyncDisposable & { url: string }> {
  const events = new EventBus(silentLogger);
  const logger = silentLogger;
  const caller = createCaller({ tools: [], events, clock: systemClock, logger });
  const mcp: Mcp = createMcp({
    tools: [],
    caller,
    resources: fixtureResources(),
    events,
    version: "0.0.0",
    logger,
    extra: fixtureSurface(() => mcp),
  });
  const http = new HttpDoor({
    host: "127.0.0.1",
    port: 0,
    strictPort: false,
    token: null,
    caller,
    mcp,
    health: [],
    events,
    logger,
  });
  await http.start(new AbortController().signal);
  return {
    url: `${http.url}/mcp`,
    [Symbol.asyncDispose]: async () => {
      await http[Symbol.asyncDispose]();
      await mcp[Symbol.asyncDispose]();
    },
  };
}

function fixtureSurface(mcp: () => Mcp): ExtraSurface {
  const states = createRequestStateCodec<string>({ key: randomBytes(32) });
  return {
    capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, logging: {} },
    options: { requestState: { verify: (state, context) => states.verify(state, context) } },
    register: (server) => {
      registerContentTools(server);
      registerContentResources(server);
      registerContentPrompts(server);
      registerInputTools(server, states);
      registerElicitationTools(server);
      registerTriggers(server, mcp);
    },
  };
}

/** Stand for a table of tools or prompts that changes, which the product's does not. */
function registerTriggers(server: McpServer, mcp: () => Mcp): void {
  const done = { content: [{ type: "text" as const, text: "told" }] };
  server.registerTool("test_trigger_tool_change", { description: "Tells of changed tools." }, () => {
    mcp().bus.publish({ kind: "tools_list_changed" });
    return done;
  });
  server.registerTool("test_trigger_prompt_change", { description: "Tells of changed prompts." }, () => {
    mcp().bus.publish({ kind: "prompts_list_changed" });
    return done;
  });
}
