import type { DownstreamTool } from "../adapters/mcp-client/index.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";

/** Definitions are never changed in place, and each is looked at in every call of its server. */
const pins = new WeakMap<DownstreamTool, string>();

/** What of a definition counts: all of it. */
export function pinOf(tool: DownstreamTool): string {
  const known = pins.get(tool);
  if (known !== undefined) return known;
  const { name, title, description, inputSchema, outputSchema, annotations } = tool;
  const pin = sha256(canonicalJson({ name, title, description, inputSchema, outputSchema, annotations }));
  pins.set(tool, pin);
  return pin;
}

/** One hash for all tools of a server as they were shown: names with their pins. */
export function pinsHash(tools: readonly DownstreamTool[]): string {
  return sha256(canonicalJson(Object.fromEntries(tools.map((tool) => [tool.name, pinOf(tool)]))));
}

export type Standing = "approved" | "changed" | "new" | "gone" | "left_out";

/** What in two definitions differs, a line each: `description: "a" -> "b"`. */
export function differences(before: DownstreamTool, after: DownstreamTool): string[] {
  const keys = ["title", "description", "inputSchema", "outputSchema", "annotations"] as const;
  return keys.flatMap((key) => {
    const [was, is] = [canonicalJson(before[key]), canonicalJson(after[key])];
    return was === is ? [] : [`${key}: ${was} -> ${is}`];
  });
}
