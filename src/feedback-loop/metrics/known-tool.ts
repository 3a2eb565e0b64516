/** A tool's name as a label: what clients make up is one value. */
export function knownTool(tool: string, code: string | undefined): string {
  return code === "unknown_tool" ? "(unknown)" : tool;
}
