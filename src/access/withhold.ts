const WITHHELD = "(withheld: the answer stands in documents that this agent may not read)";
const UNNAMED = "(a document that this agent may not read)";
/** What a file's path looks like in a sentence; `documents.minScore` is none. */
const PATH = /[^\s"'`(),;:]*(?:\/[^\s"'`(),;:]+|\.(?:mdx?|markdown|rst|adoc|txt|ya?ml|json))(?=[\s"'`(),;:]|$)/gi;

/**
 * A tool's result without what comes from documents outside a read scope: the text of every answer that cites one, answers
 * in lists, which do not say what they cite, and the names of such documents in the reasons of rungs. (`question_ask`
 * itself looks for another answer: this is what stands behind it, and before whatever is read by an id.)
 */
export function withhold<Value>(value: Value, reads: (path: string) => boolean): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => withhold(item, reads)) as Value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => {
    if (key === "answer" && typeof item === "string") return [key, WITHHELD];
    if (key === "reason" && "responder" in value && typeof item === "string") return [key, unnamed(item, reads)];
    return [key, withhold(item, reads)];
  });
  const copy = Object.fromEntries(entries) as Value & { text?: unknown; citations?: unknown };
  if (!citesUnreadable(copy.citations, reads)) return copy;
  return { ...copy, ...(typeof copy.text === "string" && { text: WITHHELD }), citations: [] };
}

function unnamed(reason: string, reads: (path: string) => boolean): string {
  // What begins with two slashes is the rest of an address.
  return reason.replaceAll(PATH, (path) => (path.startsWith("//") || reads(path) ? path : UNNAMED));
}

function citesUnreadable(citations: unknown, reads: (path: string) => boolean): boolean {
  if (!Array.isArray(citations)) return false;
  return citations.some((citation: unknown) => {
    const path = typeof citation === "object" && citation !== null && "path" in citation ? citation.path : undefined;
    return typeof path === "string" && !reads(path);
  });
}
