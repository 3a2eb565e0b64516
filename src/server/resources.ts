import {
  type CompleteResourceTemplateCallback,
  type McpServer,
  ResourceNotFoundError,
  ResourceTemplate,
  type ResourceMetadata,
} from "@modelcontextprotocol/server";
import type { GatedCaller } from "../access/index.ts";

/** One resource as a list shows it. */
export interface ResourceEntry {
  uri: string;
  name: string;
  title?: string;
  description?: string;
}

export interface ResourceContent {
  /** `text/markdown` or `application/json`. */
  mimeType: string;
  text: string;
}

/** What there is one resource each of. */
export type ResourceKind = "change" | "question" | "approval" | "run";

/** Where the contents come from; `app.ts` fills it from the rooms. */
export interface ResourceSource {
  /** Single changes and questions that are worth listing, in a stable order; the two collections are known here. */
  list(caller: GatedCaller): Promise<ResourceEntry[]>;
  /** Null when nothing is at this address. Addresses: `resourceUris`. */
  read(uri: string, caller: GatedCaller): Promise<ResourceContent | null>;
  /** Ids that begin with `prefix`, for completion in clients. */
  complete?(kind: ResourceKind, prefix: string, caller: GatedCaller): Promise<string[]>;
}

/** The source as one client sees it. */
export interface OwnResources {
  list(): Promise<ResourceEntry[]>;
  read(uri: string): Promise<ResourceContent | null>;
  complete(kind: ResourceKind, prefix: string): Promise<string[]>;
}

/** `caller` is asked at each use: in the 2025 protocol a client has said its name only by then. */
export function readBy(source: ResourceSource, caller: () => GatedCaller): OwnResources {
  return {
    list: () => source.list(caller()),
    read: (uri) => source.read(uri, caller()),
    complete: async (kind, prefix) => (await source.complete?.(kind, prefix, caller())) ?? [],
  };
}

/** Every address that the server knows. */
export const resourceUris = {
  changes: "specloop://changes",
  change: (id: string) => `specloop://changes/${encodeURIComponent(id)}`,
  pendingQuestions: "specloop://questions/pending",
  /** What is offered to the agent that reads it. */
  questionsForMe: "specloop://questions/for-me",
  question: (id: string) => `specloop://questions/${encodeURIComponent(id)}`,
  approval: (id: string) => `specloop://approvals/${encodeURIComponent(id)}`,
  run: (id: string) => `specloop://runs/${encodeURIComponent(id)}`,
  /** Budgets and how runs went. */
  workflowStats: "specloop://workflows/stats",
} as const;

const COLLECTIONS: (ResourceEntry & { title: string })[] = [
  {
    uri: resourceUris.changes,
    name: "changes",
    title: "Changes",
    description: "Every change of this repository with its stage and what is wrong with it.",
  },
  {
    uri: resourceUris.pendingQuestions,
    name: "pending-questions",
    title: "Pending questions",
    description: "Questions that wait for somebody's answer.",
  },
  {
    uri: resourceUris.questionsForMe,
    name: "questions-for-me",
    title: "Questions for you",
    description: "What is offered to you since agent_register; answer it with answer_submit.",
  },
  {
    uri: resourceUris.workflowStats,
    name: "workflow-stats",
    title: "Workflows",
    description: "How runs went in the last 30 days, what they cost, and what is left of budgets.",
  },
];

const TEMPLATES = [
  {
    kind: "change" as const,
    uri: "specloop://changes/{id}",
    title: "A change",
    description: "Stage, findings, tasks and overlaps of one change.",
  },
  {
    kind: "question" as const,
    uri: "specloop://questions/{id}",
    title: "A question",
    description: "One question, its answer and where the answer comes from.",
  },
  {
    kind: "approval" as const,
    uri: "specloop://approvals/{id}",
    title: "An approval",
    description: "What waits for a person's yes, and what was said.",
  },
  {
    kind: "run" as const,
    uri: "specloop://runs/{id}",
    title: "A run",
    description: "A run of a workflow: its state, its nodes, what it cost.",
  },
];

/** Adds the collections and templates to one server instance. */
export function registerResources(server: McpServer, source: OwnResources): void {
  const read = async (uri: URL) => ({ contents: [await contentOf(source, uri.href)] });
  for (const { uri, name, ...metadata } of COLLECTIONS) server.registerResource(name, uri, markdown(metadata), read);
  for (const { kind, uri, ...metadata } of TEMPLATES) {
    const list = async () => ({ resources: await entriesOf(source, uri) });
    const template = new ResourceTemplate(uri, { list, complete: { id: completeIds(source, kind) } });
    server.registerResource(kind, template, markdown(metadata), (at) => read(at));
  }
}

/** Completion of an id, for templates and prompts alike. */
export function completeIds(source: OwnResources, kind: ResourceKind): CompleteResourceTemplateCallback {
  return (prefix) => source.complete(kind, prefix);
}

function markdown(metadata: { title: string; description?: string }): ResourceMetadata {
  return { ...metadata, mimeType: "text/markdown" };
}

async function contentOf(source: OwnResources, uri: string) {
  const content = await source.read(uri);
  if (!content) throw new ResourceNotFoundError(uri);
  return { uri, ...content };
}

async function entriesOf(source: OwnResources, template: string): Promise<(ResourceEntry & { mimeType: string })[]> {
  const prefix = template.slice(0, template.indexOf("{"));
  const entries = (await source.list()).filter((entry) => entry.uri.startsWith(prefix));
  return entries
    .filter((entry) => !COLLECTIONS.some(({ uri }) => uri === entry.uri))
    .map((entry) => ({ ...entry, mimeType: "text/markdown" }));
}
