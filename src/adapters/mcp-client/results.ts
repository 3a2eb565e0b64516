import type { DownstreamResult } from "./port.ts";

interface Raw {
  isError?: boolean | undefined;
  content?: readonly Part[] | undefined;
  structuredContent?: unknown;
}

interface Part {
  type: string;
  text?: unknown;
  uri?: unknown;
  name?: unknown;
  mimeType?: unknown;
  resource?: unknown;
}

/** Text parts joined with line ends; pictures, sounds and resources are named and not carried. */
export function resultOf({ isError, content = [], structuredContent }: Raw): DownstreamResult {
  const structured =
    typeof structuredContent === "object" && structuredContent !== null && !Array.isArray(structuredContent)
      ? { ...structuredContent }
      : structuredContent === undefined
        ? null
        : { value: structuredContent };
  return { isError: isError === true, text: content.map(textOf).join("\n"), structured };
}

function textOf(part: Part): string {
  if (part.type === "text") return String(part.text);
  if (part.type === "resource_link") return `[resource ${String(part.uri)}]`;
  if (part.type === "resource" && typeof part.resource === "object" && part.resource !== null) {
    const { uri, text } = part.resource as { uri?: unknown; text?: unknown };
    return typeof text === "string" ? text : `[resource ${String(uri)}]`;
  }
  return `[${part.type}${typeof part.mimeType === "string" ? ` ${part.mimeType}` : ""} left out]`;
}
