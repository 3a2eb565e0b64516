import type { Principal } from "../foundation/principal.ts";
import type { Cost } from "./types.ts";

/** A tool of a downstream MCP server that a person configured to answer questions. */
export interface AnsweringTool {
  /** Namespaced: `server.tool`. */
  id: string;
  /** Words that a question has to touch for this tool to be asked. */
  capabilities: string[];
  /** Name of the string argument that takes the question. */
  argument: string;
  /** Lower is asked first. */
  priority: number;
}

/** What the router needs of the room that runs downstream MCP servers. */
export interface ToolAnswers {
  /** The tools that may answer now: approved, pinned, healthy. */
  answering(): AnsweringTool[];
  /** The tool's text; rejects with a SpecloopError (`tool_*`) in time, whatever the server does. */
  ask(tool: AnsweringTool, question: string, call: ToolAsk): Promise<ToolAnswer>;
}

export interface ToolAsk {
  principal: Principal;
  signal: AbortSignal;
  /** Milliseconds; a tool that takes longer has failed, and is left alone when it does so often. */
  timeoutMs?: number;
}

export interface ToolAnswer {
  text: string;
  cost?: Cost;
}
