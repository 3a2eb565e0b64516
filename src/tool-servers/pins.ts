import type { DownstreamTool } from "../adapters/mcp-client/index.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";

/** What of a definition counts: all of it. */
export function pinOf({ name, title, description, inputSchema, outputSchema, annotations }: DownstreamTool): string {
  return sha256(canonicalJson({ name, title, description, inputSchema, outputSchema, annotations }));
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
