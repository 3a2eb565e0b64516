import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Access } from "./access/index.ts";
import type { Llm } from "./adapters/llm/index.ts";
import { mostFor, priceOf, type PriceOptions } from "./adapters/prices/index.ts";
import type { SharedJobs } from "./adapters/engine/index.ts";
import { Bubblewrap } from "./adapters/sandbox/index.ts";
import type { Notices, Store } from "./adapters/store/index.ts";
import type { Clock } from "./foundation/clock.ts";
import { SpecloopError } from "./foundation/errors.ts";
import type { EventBus } from "./foundation/events.ts";
import type { Logger } from "./foundation/logger.ts";
import type { Live } from "./foundation/options.ts";
import type { StatePaths } from "./foundation/paths.ts";
import type { Principal } from "./foundation/principal.ts";
import type { QuestionRouter } from "./question-router/index.ts";
import type { DownstreamServers } from "./tool-servers/index.ts";
import {
  builtinFolder,
  createExpressions,
  describedNodeTypes,
  type Dispatcher,
  FileValues,
  InProcessDispatcher,
  type NodePorts,
  nodeTypes,
  QuestionBell,
  type RollbackDesk,
  Secrets,
  SharedDispatcher,
  StoreValues,
  WorkflowBooks,
  WorkflowCatalogue,
  WorkflowEngine,
  type WorkflowOptions,
  WorkflowTrusts,
} from "./workflow-engine/index.ts";

/** Calls one of our own tools as somebody, with all that is checked and recorded of a call through a door. */
export type OwnTools = (
  name: string,
  input: Record<string, unknown>,
  caller: { principal: Principal; agent?: string; signal: AbortSignal; idempotencyKey?: string },
) => Promise<{ personOnly: boolean; call(): Promise<{ output: Record<string, unknown>; text: string }> }>;

/** How a process without doors takes nodes. */
export interface WorkerMode {
  /** Also those that are tied to a clone, of every clone, and does them in its own. */
  standsIn: boolean;
  /** How long what is under way may go on when it is told to stop, milliseconds. */
  drainMs: number;
}

interface WorkflowParts {
  /** Top of the worktree that is served. */
  repository: string;
  paths: StatePaths;
  env: Record<string, string | undefined>;
  options: Live<WorkflowOptions>;
  prices: Live<PriceOptions>;
  stores: {
    team: Store<unknown>;
    notices: Notices;
    sharing: { jobs: SharedJobs; clock: Clock; home: string } | null;
  };
  /** Of a process that only takes nodes. */
  worker?: WorkerMode | undefined;
  llm: Llm;
  questions: QuestionRouter;
  rollback: RollbackDesk;
  servers: DownstreamServers;
  access: Access;
  ownTools: OwnTools;
  events: EventBus;
  clock: Clock;
  logger: Logger;
}

export interface BuiltWorkflows {
  definitions: WorkflowCatalogue;
  trusts: WorkflowTrusts;
  books: WorkflowBooks;
  workflows: WorkflowEngine;
  bell: QuestionBell;
}

/** Definitions, who may run them, what carries them out, and what wakes them. Nothing is started. */
export function buildWorkflows(parts: WorkflowParts): BuiltWorkflows {
  const { repository, env, options, stores, events, logger } = parts;
  const { team: store, notices, sharing } = stores;
  const clock = sharing?.clock ?? parts.clock;
  const types = describedNodeTypes();
  const definitions = new WorkflowCatalogue({ folder: join(repository, "workflows"), builtin: builtinFolder(), types });
  const find = (name: string) => definitions.plan(name);
  const builtin = () => definitions.trustedAsShipped();
  const trusts = new WorkflowTrusts({
    repository,
    env,
    types,
    find,
    events,
    clock,
    builtin,
  });
  const secrets = new Secrets(env);
  const books = new WorkflowBooks({
    options,
    find,
    events,
    clock,
    logger: logger.child({ room: "workflow-books" }),
    store: store.as(),
    prices: parts.prices,
  });
  const workflows = new WorkflowEngine({
    clock,
    events,
    find,
    logger: logger.child({ room: "workflow-engine" }),
    store: store.as(),
    ...(sharing && {
      notices,
      home: sharing.home,
    }),
    dispatcher: buildDispatcher(parts),
    types: nodeTypes(portsOf(parts)),
    expressions: createExpressions(),
    secretive: createExpressions((name) => secrets.value(name)),
    values: sharing ? new StoreValues(store.as()) : new FileValues(join(parts.paths.directory, "values")),
    guard: {
      begin: (plan) => trusts.admitAll(plan),
      admit: (plan) => trusts.admit(plan),
      redact: (names, value) => secrets.redact(names, value),
    },
    price: (model, tokens) => mostFor(model, tokens, parts.prices),
    budgets: books.budgets,
    rollback: parts.rollback,
  });
  const bell = new QuestionBell({
    events,
    store: store.as(),
    questions: parts.questions,
    logger: logger.child({ room: "question-bell" }),
    tell: (runId, signal) => workflows.tell(runId, signal),
  });
  return { definitions, trusts, books, workflows, bell };
}

function buildDispatcher({ options, stores, logger, worker }: WorkflowParts): Dispatcher {
  const limits = {
    total: () => options.current.concurrency,
    ofType: (type: string) => options.current.perType[type] ?? options.current.concurrency,
  };
  if (!stores.sharing) return new InProcessDispatcher(limits);
  return new SharedDispatcher({
    ...stores.sharing,
    notices: stores.notices,
    limits,
    logger: logger.child({ room: "workflow-engine" }),
    takes: (type) => options.current.types?.includes(type) ?? true,
    standsIn: worker?.standsIn ?? false,
    drainMs: worker?.drainMs ?? 0,
  });
}

function portsOf(parts: WorkflowParts): NodePorts {
  const { llm, prices, questions, servers, repository, clock } = parts;
  return {
    llm,
    prices: { usd: (used) => priceOf(used, prices) },
    agents: questions.agents.work,
    questions,
    tools: {
      call: async ({ id, input, principal, signal, key }) => {
        if (id.includes(".")) return servers.call({ id, input, principal, signal });
        const { text, output } = await callOwn(parts, id, input, { principal, signal, key });
        return { text, structured: output };
      },
    },
    documents: {
      update: async ({ files: [file], reason, principal, idempotencyKey: key }) => {
        const { signal } = new AbortController();
        // The edit itself has the key, too: by it an undo of the run finds what the edit changed.
        const edit = { ...file, reason, ...(key !== undefined && { idempotencyKey: key }) };
        const { output } = await callOwn(parts, "doc_update", edit, { principal, signal, key });
        return updated(file?.path ?? "", output);
      },
    },
    commands: { sandbox: new Bubblewrap(), worktree: repository, programs: ownPrograms() },
    now: () => clock.now(),
  };
}

interface OwnCall {
  principal: Principal;
  signal: AbortSignal;
  key: string | undefined;
}

/** A workflow is nobody's hand: what only a person may do it may not do, whoever began it. */
async function callOwn(
  { ownTools, access }: WorkflowParts,
  name: string,
  input: Record<string, unknown>,
  { principal, signal, key }: OwnCall,
) {
  const agent = principal.kind === "agent" ? access.agents.named(principal.name)?.id : undefined;
  const found = await ownTools(name, input, {
    principal,
    signal,
    ...(agent !== undefined && { agent }),
    ...(key !== undefined && { idempotencyKey: key }),
  });
  if (!found.personOnly) return found.call();
  throw new SpecloopError("forbidden", `A workflow cannot call ${name}, which only a person may call.`, {
    target: name,
    fix: "Ask for it with an approval node, and let the person do it.",
  });
}

function updated(path: string, output: Record<string, unknown>) {
  const text = (name: string) => (typeof output[name] === "string" ? output[name] : null);
  return {
    status: text("status") ?? "unchanged",
    commit: text("commit"),
    branch: text("branch"),
    approval: text("approval") ?? undefined,
    files: [{ path, revision: text("revision") ?? "" }],
    message: text("message") ?? "",
  };
}

/** Our own Node with what it brings along, for commands that need it; what the system has they see anyway. */
function ownPrograms(): string[] {
  const bin = dirname(process.execPath);
  return [bin, join(dirname(bin), "lib", "node_modules")].filter((path) => existsSync(path));
}
