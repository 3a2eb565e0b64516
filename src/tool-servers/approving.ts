import { SpecloopError } from "../foundation/errors.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { ServerApproval } from "./approvals.ts";
import type { Launch } from "./launch.ts";
import { differences, pinOf, pinsHash, type Standing } from "./pins.ts";
import type { DownstreamServers } from "./room.ts";
import type { DownstreamServer, ServerState } from "./server.ts";
import { launchWarnings, toolFindings } from "./warnings.ts";

/** What a person looks at before saying yes. Texts of the server are as it sent them. */
export type ServerView = {
  name: string;
  state: ServerState;
  reason: string;
  /** Null when it cannot be said what would run; `reason` says why. */
  launch: Launch | null;
  launchHash: string | null;
  launchApproved: boolean;
  /** What was approved, when it is another one now. */
  launchBefore: unknown;
  warnings: string[];
  agents: "all" | "granted" | null;
  approvedBy: string | null;
  /** Epoch milliseconds. */
  approvedAt: number | null;
  running: { pid: number | null; protocol: string; says: string } | null;
  tools: ToolView[];
  /** Hash of the tools that it offers now; null when it was not looked at since the daemon started. */
  toolsHash: string | null;
};

export type ToolView = {
  name: string;
  title: string;
  description: string;
  inputSchema: Record<string, unknown>;
  standing: Standing;
  readOnly: boolean;
  pin: string;
  findings: string[];
  differences: string[];
};

export interface Yes {
  name: string;
  /** Hash of the launch that was looked at. */
  launch: string;
  /** Hash of the tools that were looked at; absent in the first step. */
  tools?: string | undefined;
  /** Only these tools; all that are offered when absent. */
  only?: string[] | undefined;
  agents?: "all" | "granted" | undefined;
  by: Principal;
}

export function viewOf(room: DownstreamServers, server: DownstreamServer): ServerView {
  const approval = orNull(() => server.approval());
  const { listed } = server;
  return {
    name: server.name,
    ...server.state(),
    ...launchPart(room, server, approval),
    agents: approval?.agents ?? null,
    approvedBy: approval?.by ?? null,
    approvedAt: approval?.at ?? null,
    running: server.running,
    tools: orNull(() => toolViews(server)) ?? [],
    toolsHash: listed && pinsHash([...listed.values()]),
  };
}

function launchPart(
  room: DownstreamServers,
  server: DownstreamServer,
  approval: ServerApproval | null,
): Pick<ServerView, "launch" | "launchHash" | "launchApproved" | "launchBefore" | "warnings"> {
  const now = orNull(() => server.launch());
  if (!now) return { launch: null, launchHash: null, launchApproved: false, launchBefore: null, warnings: [] };
  const launchApproved = approval?.launch === now.hash;
  return {
    launch: now.launch,
    launchHash: now.hash,
    launchApproved,
    launchBefore: approval && !launchApproved ? approval.launched : null,
    warnings: launchWarnings(now.launch, room.repository),
  };
}

function toolViews(server: DownstreamServer): ToolView[] {
  return server.standings().map(({ tool, standing, approved }) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: tool.inputSchema,
    standing,
    readOnly: tool.annotations["readOnlyHint"] === true,
    pin: pinOf(tool),
    findings: toolFindings(tool),
    differences: standing === "changed" && approved ? differences(approved, tool) : [],
  }));
}

/**
 * Takes a person's yes to exactly what they looked at: first to the launch, after which the server is started to be asked
 * for its tools and for nothing else; then to these tools. Throws `tool_changed` when it is something else by now.
 */
export async function approve(room: DownstreamServers, yes: Yes, signal: AbortSignal): Promise<ServerView> {
  const server = room.server(yes.name);
  const { launch, hash } = server.launch();
  if (hash !== yes.launch) throw notThat(yes.name, "What it would run is something else than what you looked at");
  const before = server.approval();
  const said = { by: principalLabel(yes.by), at: room.clock.now() };
  const launched: ServerApproval = {
    ...said,
    launch: hash,
    launched: launch,
    toolsOf: before?.launch === hash ? before.toolsOf : null,
    tools: before?.tools ?? {},
    agents: yes.agents ?? before?.agents ?? "granted",
  };
  if (yes.tools === undefined) room.approvals.set(yes.name, launched);
  else room.approvals.set(yes.name, { ...launched, toolsOf: hash, tools: toolsOf(server, yes) });
  room.events.emit("server.approved", { server: yes.name, hash: yes.tools ?? hash, by: said.by });
  if (yes.tools === undefined) await server.look(signal);
  server.tell();
  return viewOf(room, server);
}

function toolsOf(server: DownstreamServer, { name, tools, only }: Yes): ServerApproval["tools"] {
  const listed = [...(server.listed?.values() ?? [])];
  if (server.listed === null || pinsHash(listed) !== tools)
    throw notThat(name, "Its tools are others than those that you looked at");
  const unknown = only?.find((wanted) => !server.listed?.has(wanted));
  if (unknown !== undefined) {
    const fix = `It offers: ${listed.map((tool) => tool.name).join(", ")}.`;
    throw new SpecloopError("unknown_tool", `${name} offers no tool "${unknown}".`, { target: unknown, fix });
  }
  const taken = listed.filter((tool) => !only || only.includes(tool.name));
  return Object.fromEntries(taken.map((tool) => [tool.name, { pin: pinOf(tool), definition: tool }]));
}

/** Takes the yes back and ends what runs. */
export async function revoke(room: DownstreamServers, name: string): Promise<ServerView> {
  const server = room.server(name);
  room.approvals.set(name, null);
  await server.stop();
  server.tell();
  return viewOf(room, server);
}

function notThat(name: string, what: string): SpecloopError {
  return new SpecloopError("tool_changed", `${what}.`, {
    target: name,
    fix: `Look again with \`specloop server show ${name} --look\`, then approve what it shows.`,
  });
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof SpecloopError) return null;
    throw error;
  }
}
