import type { Principal } from "../foundation/principal.ts";
import type { Tool } from "../foundation/tool.ts";
import type { ResourceContent, ResourceEntry, ResourceSource } from "./resources.ts";
import { resourceUris } from "./resources.ts";

const READER: Principal = { kind: "system", name: "resources" };
/** How many single changes and questions a list names. */
const LISTED = 50;

/**
 * Resources are views of the reading tools: the same facts in the same words, so the two can never differ. They are read
 * beside the caller, because a client that refreshes a resource is no call worth counting.
 */
export function toolResources(tools: readonly Tool[]): ResourceSource {
  const read = async (name: string, input: Record<string, unknown>): Promise<Read> => {
    const tool = tools.find((candidate) => candidate.name === name);
    if (!tool) throw new Error(`resources need the tool ${name}`);
    const output = await tool.run(input, { principal: READER, signal: new AbortController().signal });
    return { output, text: tool.render(output) };
  };
  const changes = async () => rowsOf((await read("change_list", { limit: LISTED })).output["changes"], "id");
  const questions = async () =>
    rowsOf((await read("question_list", { status: "pending", limit: LISTED })).output["questions"], "questionId");
  return {
    list: async () => [...(await changes()).map(changeEntry), ...(await questions()).map(questionEntry)],
    read: (uri) => readUri(uri, read),
    complete: async (kind, prefix) => {
      const rows = kind === "change" ? await changes() : await questions();
      return rows.map(({ id }) => id).filter((id) => id.startsWith(prefix));
    },
  };
}

interface Read {
  output: Record<string, unknown>;
  text: string;
}

interface Row {
  id: string;
  title: string;
}

async function readUri(
  uri: string,
  read: (name: string, input: Record<string, unknown>) => Promise<Read>,
): Promise<ResourceContent | null> {
  const content = async (name: string, input: Record<string, unknown>): Promise<ResourceContent> => {
    return { mimeType: "text/markdown", text: (await read(name, input)).text };
  };
  if (uri === resourceUris.changes) return content("change_list", { limit: 100 });
  if (uri === resourceUris.pendingQuestions) return content("question_list", { status: "pending", limit: 100 });
  const [, kind, id] = /^specloop:\/\/(changes|questions)\/([^/]+)$/.exec(uri) ?? [];
  if (kind === undefined || id === undefined) return null;
  const named = decoded(id);
  if (named === null) return null;
  try {
    return kind === "changes"
      ? await content("change_get", { id: named })
      : await content("question_get", { questionId: named });
  } catch (error) {
    if (["unknown_change", "unknown_question"].includes((error as { code?: string }).code ?? "")) return null;
    throw error;
  }
}

/** Null for an address whose percent signs make no sense. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function rowsOf(rows: unknown, key: string): Row[] {
  return (rows as Record<string, unknown>[]).map((row) => ({
    id: String(row[key]),
    title: String(row["title"] ?? row["text"] ?? row[key]),
  }));
}

function changeEntry({ id, title }: Row): ResourceEntry {
  return { uri: resourceUris.change(id), name: id, title };
}

function questionEntry({ id, title }: Row): ResourceEntry {
  return { uri: resourceUris.question(id), name: id, title: title.slice(0, 120) };
}
