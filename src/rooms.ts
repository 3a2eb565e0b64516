import { homedir } from "node:os";
import { join } from "node:path";
import { type ApprovalService, isTrusted, personFiles } from "./access/approvals/index.ts";
import { type Access, type AccessTables, Idempotency } from "./access/index.ts";
import { runCommand } from "./adapters/command/index.ts";
import { Arrivals, type Git } from "./adapters/git/index.ts";
import type { Llm } from "./adapters/llm/index.ts";
import { trustsProjectInstallation, Validator } from "./adapters/openspec/index.ts";
import { createWatcher } from "./adapters/watcher/index.ts";
import type { ConfigHolder } from "./config.ts";
import { DocumentManager } from "./document-manager/index.ts";
import { FeedbackLoop } from "./feedback-loop/index.ts";
import type { Clock } from "./foundation/clock.ts";
import type { EventBus } from "./foundation/events.ts";
import type { Logger } from "./foundation/logger.ts";
import { type StatePaths, withoutRepositoryPath } from "./foundation/paths.ts";
import type { Service } from "./foundation/service.ts";
import type { Rooms } from "./mcp-tools.ts";
import { Archives, ChangeProcessor, Lineage, Orchestrator } from "./orchestrator/index.ts";
import {
  notifier,
  type Notify,
  type OriginOf,
  type PeopleParts,
  openDocumentSearch,
  Passages,
  QuestionRouter,
} from "./question-router/index.ts";
import type { Stores } from "./stores.ts";
import { DownstreamServers } from "./tool-servers/index.ts";
import type { QuestionBell } from "./workflow-engine/index.ts";
import { buildWorkflows, type OwnTools, type WorkerMode } from "./workflows.ts";
import { WorktreeDocuments, type DocumentPlace } from "./worktrees.ts";

/** What the rooms stand on. */
export interface RoomParts {
  /** Top of the worktree that is served. */
  repository: string;
  paths: StatePaths;
  config: ConfigHolder;
  env: Record<string, string | undefined>;
  clock: Clock;
  logger: Logger;
  git: Git;
  stores: Stores;
  llm: Llm;
  events: EventBus;
  access: Access;
  approvals: ApprovalService;
  /** Only for a process that takes nodes of a team's runs and opens no door. */
  worker?: WorkerMode | undefined;
  /** Where this package's own OpenSpec is found. */
  package: string;
  /** The tools of these rooms, called as through a door. */
  ownTools: OwnTools;
}

export type BuiltRooms = Rooms & { elsewhere: WorktreeDocuments; bell: QuestionBell };

/**
 * Rooms meet here: each gets the others as the small interfaces that it declares. Nothing is started; `stack` takes all
 * down, in reverse.
 */
export function buildRooms(parts: RoomParts, stack: AsyncDisposableStack): BuiltRooms {
  const { git, access, approvals } = parts;
  const { documents, elsewhere } = buildDocuments(parts);
  const { changes, archives } = buildChanges(parts, documents, stack);
  const servers = buildServers(parts);
  const originOf: OriginOf = (questionId) => processing.originOf(questionId);
  const people = { writer: documents, originOf, notify: buildNotifier(parts) };
  const index = stack.use(openDocumentSearch(parts.paths.indexDb));
  const questions = buildQuestions(parts, index, { people, tools: servers });
  const processing = buildProcessing(parts, { changes, documents, questions });
  const rooms = {
    documents,
    elsewhere,
    changes,
    archives,
    questions,
    passages: new Passages({
      index,
      settled: () => questions.reindexed(),
      scopeOf: (principal) => access.gate.readScope(principal),
      options: parts.config.live("questions"),
    }),
    processing,
    loop: buildLoop(parts, { changes, documents, questions }),
    servers,
    lineage: new Lineage({ changes, git }),
    documentsIn: (worktree: string) => elsewhere.of(worktree),
    ...buildWorkflows({
      ...parts,
      questions,
      servers,
      rollback: documents.rollback,
      options: parts.config.live("workflows"),
      prices: parts.config.live("prices"),
    }),
    access,
    approvals,
  };
  for (const room of inOrder(rooms)) stack.use(room);
  return rooms;
}

/** Those of them that a process needs which only takes nodes of runs. */
export function forNodes(rooms: BuiltRooms): Service[] {
  const { documents, elsewhere, servers, questions, books, workflows, bell } = rooms;
  return [documents, elsewhere, servers, questions, books, workflows, bell];
}

/** The rooms that live, in the order in which they are started. */
export function inOrder(rooms: BuiltRooms): Service[] {
  const { documents, elsewhere, changes, archives, servers, questions, processing, loop } = rooms;
  const { books, workflows, bell } = rooms;
  return [documents, elsewhere, changes, archives, servers, questions, processing, loop, books, workflows, bell];
}

function buildServers({ repository, env, config, access, events, clock, logger }: RoomParts): DownstreamServers {
  return new DownstreamServers({
    repository,
    env,
    options: config.live("servers"),
    rights: access.gate,
    events,
    clock,
    logger: logger.child({ room: "tool-servers" }),
  });
}

function buildDocuments(parts: RoomParts): Pick<BuiltRooms, "documents" | "elsewhere"> {
  const { git, events, clock, env, stores, paths, access, approvals } = parts;
  const build = (place: DocumentPlace) =>
    new DocumentManager({
      ...place,
      clock,
      store: place.store.as(),
      logger: parts.logger.child({ room: "document-manager" }),
      options: parts.config.live("documents"),
      guard: access.gate,
      approvals,
    });
  const logger = parts.logger.child({ room: "worktrees" });
  return {
    documents: build({ git, events, store: stores.core, recovery: paths.recovery }),
    elsewhere: new WorktreeDocuments({ git, events, clock, env, logger, build }),
  };
}

function buildChanges(
  parts: RoomParts,
  writer: DocumentManager,
  stack: AsyncDisposableStack,
): Pick<BuiltRooms, "changes" | "archives"> {
  const { repository, config, env, clock, logger, git, events, approvals } = parts;
  const validator = stack.use(
    new Validator({
      worktree: repository,
      searchFrom: [parts.package],
      trustProjectInstallation: trustsProjectInstallation(env),
      env,
      logger: logger.child({ room: "openspec" }),
      maxFileBytes: () => config.current.openspec.maxFileBytes,
    }),
  );
  const watching = { clock, logger: logger.child({ room: "watcher" }) };
  const { core } = parts.stores;
  const common = { git, events, clock, writer, approvals, validator, options: config.live("openspec") };
  const changes = new Orchestrator({
    ...common,
    store: core.as(),
    watcher: (request) => createWatcher(request, watching),
    env,
    logger: logger.child({ room: "orchestrator" }),
  });
  const directory = join(parts.paths.directory, "archive");
  const named = logger.child({ room: "archives" });
  const exclusively = <T>(work: () => Promise<T>) => writer.exclusively(work);
  const archives = new Archives({ ...common, store: core.as(), changes, directory, logger: named, exclusively });
  return { changes, archives };
}

function buildQuestions(
  parts: RoomParts,
  index: ReturnType<typeof openDocumentSearch>,
  { people, tools }: { people: PeopleParts; tools: DownstreamServers },
): QuestionRouter {
  const { repository, config, clock, git, events, llm, stores } = parts;
  return new QuestionRouter({
    git,
    events,
    clock,
    store: stores.team.as(),
    notices: stores.notices,
    telemetry: stores.telemetry.as(),
    index,
    root: repository,
    people,
    tools,
    llm,
    hasToken: (name) => parts.access.agents.named(name) !== null,
    scopeOf: (principal) => parts.access.gate.readScope(principal),
    idempotency: new Idempotency({ store: stores.team.as<AccessTables>(), clock }),
    logger: parts.logger.child({ room: "question-router" }),
    options: config.live("questions"),
  });
}

/** A person's own command, which is configured where no repository reaches. */
function buildNotifier({ repository, git, env, logger }: RoomParts): Notify {
  const { notify: file } = personFiles(env);
  const outside = [repository, git.places.commonDirectory];
  return notifier({
    file,
    trusted: () => isTrusted(file, outside),
    repository,
    directory: homedir(),
    env: withoutRepositoryPath(env, repository),
    run: runCommand,
    logger: logger.child({ room: "question-router" }),
  });
}

type Neighbours = Pick<BuiltRooms, "changes" | "documents" | "questions">;

function buildProcessing(parts: RoomParts, { changes, documents, questions }: Neighbours): ChangeProcessor {
  const { config, clock, git, events, llm, stores } = parts;
  return new ChangeProcessor({
    events,
    clock,
    store: stores.core.as(),
    changes,
    worktree: git.places.worktree,
    desk: questions,
    writer: documents,
    llm,
    logger: parts.logger.child({ room: "processing" }),
    options: config.live("openspec"),
  });
}

function buildLoop(parts: RoomParts, { changes, documents, questions }: Neighbours): FeedbackLoop {
  const { config, env, clock, git, events, llm, approvals, stores } = parts;
  return new FeedbackLoop({
    git,
    events,
    clock,
    store: stores.core.as(),
    samples: stores.telemetry.as(),
    arrivals: new Arrivals({ places: git.places, env }),
    approvals,
    proposals: changes,
    documents,
    replay: questions,
    tunables: config.tunables(),
    llm,
    logger: parts.logger.child({ room: "feedback-loop" }),
    options: config.live("loop"),
  });
}
