import type { DownstreamTool } from "../adapters/mcp-client/index.ts";
import { globMatcher } from "../foundation/glob.ts";
import type { ServerApproval } from "./approvals.ts";
import { pinOf, type Standing } from "./pins.ts";

/** What is known of the tools of a server. */
export interface Known {
  use: { allow: string[]; deny: string[] };
  approved: ServerApproval["tools"];
  /** What it offered when it was last looked at; null before. */
  listed: Map<string, DownstreamTool> | null;
}

export interface ToolStanding {
  /** As it is offered now, else as it was approved. */
  tool: DownstreamTool;
  standing: Standing;
  /** Null for one that nobody approved. */
  approved: DownstreamTool | null;
}

/** Every tool that was approved or is offered, by name. */
export function standingsOf(known: Known): ToolStanding[] {
  const names = new Set([...Object.keys(known.approved), ...(known.listed?.keys() ?? [])]);
  return [...names].sort().map((name) => {
    const { standing, approved } = standingOf(name, known);
    return { tool: known.listed?.get(name) ?? approved!, standing, approved };
  });
}

/** How one tool stands; `gone` for what is neither offered nor approved. */
export function standingOf(name: string, known: Known): Omit<ToolStanding, "tool"> {
  const pinned = Object.hasOwn(known.approved, name) ? known.approved[name]! : null;
  const approved = pinned?.definition ?? null;
  // A slash in a name parts nothing.
  const flat = name.replaceAll("/", ":");
  if (!globMatcher(known.use.allow)(flat) || globMatcher(known.use.deny)(flat))
    return { standing: "left_out", approved };
  if (!known.listed) return { standing: pinned ? "approved" : "new", approved };
  const tool = known.listed.get(name);
  if (!tool) return { standing: "gone", approved };
  if (!pinned) return { standing: "new", approved };
  return { standing: pinOf(tool) === pinned.pin ? "approved" : "changed", approved };
}
