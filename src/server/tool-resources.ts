import { type GatedCaller, withhold } from "../access/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Tool } from "../foundation/tool.ts";
import type { CallGate } from "./call.ts";
import type { ResourceContent, ResourceEntry, ResourceSource } from "./resources.ts";
import { resourceUris } from "./resources.ts";

const READER: Principal = { kind: "system", name: "resources" };
/** What this one shows depends on who reads it. */
const FOR_ME = "agent_heartbeat";
/** How many single changes and questions a list names. */
const LISTED = 50;

/**
 * Resources are views of the reading tools: the same facts in the same words, so the two can never differ, and for those
 * only who may call these tools. They are read beside the caller, because a client that refreshes a resource is no call
 * worth counting in the metrics.
 */
export function toolResources(tools: readonly Tool[], gate?: CallGate): ResourceSource {
  const as = (caller: GatedCaller) => new Reader(tools, caller, gate);
  return {
    list: async (caller) => {
      const reader = as(caller);
      return [...(await reader.changes()).map(changeEntry), ...(await reader.questions()).map(questionEntry)];
    },
    read: (uri, caller) => readUri(uri, (name, input) => as(caller).read(name, input)),
    complete: async (kind, prefix, caller) => {
      // Who waits for an approval knows its id; the others' are not its business.
      if (kind === "approval" || kind === "run") return [];
      const rows = kind === "change" ? await as(caller).changes() : await as(caller).questions();
      return rows.map(({ id }) => id).filter((id) => id.startsWith(prefix));
    },
  };
}

/** The reading tools as one caller may use them. */
class Reader {
  readonly #tools: readonly Tool[];
  readonly #caller: GatedCaller;
  readonly #gate: CallGate | undefined;

  constructor(tools: readonly Tool[], caller: GatedCaller, gate: CallGate | undefined) {
    this.#tools = tools;
    this.#caller = caller;
    this.#gate = gate;
  }

  /** Throws what the gate throws when the caller may not call the tool. */
  async read(name: string, input: Record<string, unknown>): Promise<Read> {
    const tool = this.#tools.find((candidate) => candidate.name === name);
    if (!tool) throw new Error(`resources need the tool ${name}`);
    this.#admit(tool);
    const principal = name === FOR_ME ? this.#caller.principal : READER;
    const whole = await tool.run(input, { principal, signal: new AbortController().signal });
    const reads = this.#gate?.readable(this.#caller.principal) ?? null;
    const output = reads ? withhold(whole, reads) : whole;
    return { output, text: tool.render(output) };
  }

  changes(): Promise<Row[]> {
    return this.#rows("change_list", { limit: LISTED }, { list: "changes", key: "id" });
  }

  questions(): Promise<Row[]> {
    const pending = { status: "pending", limit: LISTED };
    return this.#rows("question_list", pending, { list: "questions", key: "questionId" });
  }

  /** What a caller may not read is not in its lists. */
  async #rows(tool: string, input: object, { list, key }: { list: string; key: string }): Promise<Row[]> {
    try {
      return rowsOf((await this.read(tool, { ...input })).output[list], key);
    } catch (error) {
      if (error instanceof SpecloopError && error.code === "forbidden") return [];
      throw error;
    }
  }

  #admit(tool: Tool): void {
    try {
      this.#gate?.admit(this.#caller, tool);
    } catch (error) {
      this.#gate?.tell(error, this.#caller.principal, tool.name);
      throw error;
    }
  }
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
  if (uri === resourceUris.questionsForMe) return content(FOR_ME, {}).catch(unregistered);
  const list = LISTS.get(uri);
  if (list) return content(...list);
  const [, kind, id] = /^specloop:\/\/(\w+)\/([^/]+)$/.exec(uri) ?? [];
  const one = kind === undefined ? undefined : ONES.get(kind);
  const named = id === undefined ? null : decoded(id);
  if (!one || named === null) return null;
  try {
    return await content(one.tool, { [one.field]: named });
  } catch (error) {
    if ((error as { code?: string }).code === one.unknown) return null;
    throw error;
  }
}

/** What each list is read with. */
const LISTS = new Map<string, [string, Record<string, unknown>]>([
  [resourceUris.changes, ["change_list", { limit: 100 }]],
  [resourceUris.workflowStats, ["workflow_stats", {}]],
  [resourceUris.pendingQuestions, ["question_list", { status: "pending", limit: 100 }]],
]);

/** What each single thing is read with, and the error that says that it is not there. */
const ONES = new Map([
  ["changes", { tool: "change_get", field: "id", unknown: "unknown_change" }],
  ["questions", { tool: "question_get", field: "questionId", unknown: "unknown_question" }],
  ["approvals", { tool: "approval_get", field: "id", unknown: "unknown_approval" }],
  ["runs", { tool: "run_get", field: "run", unknown: "unknown_run" }],
]);

/** Who looks before it registered is told how, in place of what is offered. */
function unregistered(error: unknown): ResourceContent {
  if (!(error instanceof SpecloopError) || error.code !== "no_agent") throw error;
  return { mimeType: "text/markdown", text: `${error.message} ${error.fix}` };
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
