import { unwatchFile, watchFile } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApprovals, type ApprovalService } from "./access/approvals/index.ts";
import {
  Access,
  type AccessTables,
  AUDIT_REF,
  Idempotency,
  migrations as accessMigrations,
  readOrCreateToken,
  weightOf,
} from "./access/index.ts";
import { Arrivals, RefChain, openGit, type Git } from "./adapters/git/index.ts";
import { createLlm, type Llm } from "./adapters/llm/index.ts";
import { trustsProjectInstallation, Validator } from "./adapters/openspec/index.ts";
import { openSearchIndex } from "./adapters/search/index.ts";
import { migrate, openSqliteStore, type Store } from "./adapters/store/index.ts";
import { createWatcher } from "./adapters/watcher/index.ts";
import { CONFIG_FILE, type ConfigHolder } from "./config.ts";
import { DocumentManager, migrations as documents } from "./document-manager/index.ts";
import { FeedbackLoop, migrations as loop, telemetryMigrations as loopTelemetry } from "./feedback-loop/index.ts";
import type { Clock } from "./foundation/clock.ts";
import { EventBus } from "./foundation/events.ts";
import type { Logger } from "./foundation/logger.ts";
import type { StatePaths } from "./foundation/paths.ts";
import type { Tool } from "./foundation/tool.ts";
import { VERSION } from "./foundation/version.ts";
import { allTools, type Rooms } from "./mcp-tools.ts";
import {
  archiveMigrations,
  Archives,
  ChangeProcessor,
  Lineage,
  migrations as changes,
  Orchestrator,
  processingMigrations,
} from "./orchestrator/index.ts";
import {
  migrations as questions,
  QuestionRouter,
  telemetryMigrations as questionTelemetry,
} from "./question-router/index.ts";
import { createCaller, createMcp, HttpDoor, SocketDoor } from "./server/index.ts";
import { toolResources } from "./server/tool-resources.ts";
import { healthChecks, readStatus, type AppStatus } from "./status.ts";
import { WorktreeDocuments, type DocumentPlace } from "./worktrees.ts";

/** What the roof needs from the process. */
export interface AppParts {
  /** Top of the worktree that is served. */
  repository: string;
  paths: StatePaths;
  config: ConfigHolder;
  env: Record<string, string | undefined>;
  clock: Clock;
  logger: Logger;
  /** How this program is started again, for the configuration line of MCP clients. */
  command: string[];
}

/** How often a saved configuration file is looked for; it lies outside the watched folders. */
const CONFIG_POLL_MS = 500;

/** This package's own folder: its OpenSpec gives verdicts where neither the repository nor the PATH may. */
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));

interface Stores {
  core: Store<unknown>;
  telemetry: Store<unknown>;
}

/** What the doors open onto. */
interface Built {
  rooms: Rooms & { elsewhere: WorktreeDocuments };
  stores: Stores;
  llm: Llm;
  events: EventBus;
  tools: readonly Tool[];
}

type RoomParts = Pick<Built, "stores" | "llm" | "events"> & { git: Git; access: Access; approvals: ApprovalService };

/** The composition root: builds every part, starts them in order, takes them down in reverse. */
export class App implements AsyncDisposable {
  readonly #parts: AppParts;
  readonly #stack = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  #status: (() => Promise<AppStatus>) | null = null;

  constructor(parts: AppParts) {
    this.#parts = parts;
  }

  /** Aborted when somebody asked the daemon to stop through a door. */
  get stopRequested(): AbortSignal {
    return this.#stop.signal;
  }

  async start(signal: AbortSignal): Promise<void> {
    const { repository, env, clock, logger } = this.#parts;
    const events = new EventBus(logger);
    const git = await openGit(repository, { env, logger });
    const stores = await this.#openStores();
    signal.throwIfAborted();
    const llm = this.#stack.use(createLlm({ options: this.#parts.config.live("llm"), env, events, clock, logger }));
    const tools: Tool[] = [];
    const access = this.#buildAccess({ git, stores, events, tools });
    await access.start(signal);
    const approvals = this.#buildApprovals({ git, stores, events, access });
    await approvals.start(signal);
    const rooms = this.#buildRooms({ git, stores, llm, events, access, approvals });
    tools.push(...allTools(rooms));
    const ending = AbortSignal.any([signal, this.#stop.signal]);
    for (const room of [
      rooms.documents,
      rooms.elsewhere,
      rooms.changes,
      rooms.archives,
      rooms.questions,
      rooms.processing,
      rooms.loop,
    ])
      await room.start(ending);
    this.#followConfig(events);
    await this.#openDoors({ rooms, stores, llm, events, tools }, signal);
  }

  /** What `status` shows; throws before the start. */
  status(): Promise<AppStatus> {
    if (!this.#status) throw new Error("the app has not started");
    return this.#status();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #openStores(): Promise<Stores> {
    const { paths, clock } = this.#parts;
    const core = this.#stack.use(openSqliteStore(paths.coreDb, "full"));
    const telemetry = this.#stack.use(openSqliteStore(paths.telemetryDb, "normal"));
    await migrate(
      core,
      [accessMigrations, changes, archiveMigrations, processingMigrations, documents, questions, loop],
      clock.now(),
    );
    await migrate(telemetry, [questionTelemetry, loopTelemetry], clock.now());
    return { core, telemetry };
  }

  /**
   * Before the rooms, so that what they finish at the start and while they are taken down is recorded; `tools` is filled
   * when the rooms are there.
   */
  #buildAccess({ git, stores, events, tools }: Pick<Built, "stores" | "events" | "tools"> & { git: Git }): Access {
    const { repository, config, env, clock, logger } = this.#parts;
    return this.#stack.use(
      new Access({
        store: stores.core.as<AccessTables>(),
        chain: new RefChain({ places: git.places, ref: AUDIT_REF, env }),
        weigh: (name) => weightOf(tools.find((tool) => tool.name === name)),
        repository,
        events,
        clock,
        logger: logger.child({ room: "access" }),
        options: config.live("access"),
      }),
    );
  }

  #buildApprovals({ git, stores, events, access }: Omit<RoomParts, "llm" | "approvals">): ApprovalService {
    const { config, env, clock, logger } = this.#parts;
    return this.#stack.use(
      createApprovals({
        store: stores.core.as<AccessTables>(),
        audit: access.audit,
        options: () => config.current.approvals,
        sensitive: () => config.current.documents.sensitive,
        git,
        events,
        env,
        clock,
        logger: logger.child({ room: "approvals" }),
      }),
    );
  }

  /** Rooms meet here: each gets the others as the small interfaces that it declares. */
  #buildRooms({ git, stores, llm, events, access, approvals }: RoomParts): Built["rooms"] {
    const { repository, paths, config, env, clock } = this.#parts;
    const named = (room: string) => this.#parts.logger.child({ room });
    const { core, telemetry } = stores;
    const idempotency = new Idempotency({ store: core.as<AccessTables>(), clock });
    const base = { git, events, clock };
    const buildDocuments = (place: DocumentPlace) =>
      new DocumentManager({
        ...place,
        clock,
        store: place.store.as(),
        logger: named("document-manager"),
        options: config.live("documents"),
        guard: access.gate,
        // Elsewhere than in the served worktree a merge is the approval.
        ...(place.git === git ? { approvals } : {}),
      });
    const documents = buildDocuments({ git, events, store: core, recovery: paths.recovery });
    const elsewhere = new WorktreeDocuments({ ...base, env, logger: named("worktrees"), build: buildDocuments });
    const { changes, archives } = this.#buildOrchestrator({ ...base, writer: documents, approvals }, core);
    const index = this.#stack.use(openSearchIndex(paths.indexDb));
    const questions = new QuestionRouter({
      ...base,
      store: core.as(),
      telemetry: telemetry.as(),
      index,
      root: repository,
      llm,
      idempotency,
      logger: named("question-router"),
      options: config.live("questions"),
    });
    const processing = new ChangeProcessor({
      ...base,
      store: core.as(),
      changes,
      worktree: git.places.worktree,
      desk: questions,
      writer: documents,
      llm,
      logger: named("processing"),
      options: config.live("openspec"),
    });
    const loop = new FeedbackLoop({
      ...base,
      store: core.as(),
      samples: telemetry.as(),
      arrivals: new Arrivals({ places: git.places, env }),
      approvals,
      proposals: changes,
      documents,
      replay: questions,
      tunables: config.tunables(),
      llm,
      logger: named("feedback-loop"),
      options: config.live("loop"),
    });
    for (const room of [documents, elsewhere, changes, archives, questions, processing, loop]) this.#stack.use(room);
    return {
      changes,
      archives,
      lineage: new Lineage({ changes, git }),
      processing,
      documents,
      elsewhere,
      documentsIn: (worktree) => elsewhere.of(worktree),
      questions,
      loop,
      access,
      approvals,
    };
  }

  #buildOrchestrator(
    base: { git: Git; events: EventBus; clock: Clock; writer: DocumentManager; approvals: ApprovalService },
    core: Store<unknown>,
  ): { changes: Orchestrator; archives: Archives } {
    const { repository, paths, config, env, clock, logger } = this.#parts;
    const validator = this.#stack.use(
      new Validator({
        worktree: repository,
        searchFrom: [PACKAGE],
        trustProjectInstallation: trustsProjectInstallation(env),
        env,
        logger: logger.child({ room: "openspec" }),
        maxFileBytes: () => config.current.openspec.maxFileBytes,
      }),
    );
    const watching = { clock, logger: logger.child({ room: "watcher" }) };
    const common = { ...base, validator, options: config.live("openspec") };
    const changes = new Orchestrator({
      ...common,
      store: core.as(),
      watcher: (request) => createWatcher(request, watching),
      env,
      logger: logger.child({ room: "orchestrator" }),
    });
    const directory = join(paths.directory, "archive");
    const named = logger.child({ room: "archives" });
    return { changes, archives: new Archives({ ...common, store: core.as(), changes, directory, logger: named }) };
  }

  async #openDoors({ rooms, stores, llm, events, tools }: Built, signal: AbortSignal): Promise<void> {
    const { paths, config, clock, logger } = this.#parts;
    const { gate, audit } = rooms.access;
    const caller = createCaller({
      tools,
      gate,
      recorded: () => audit.settled(),
      events,
      idempotency: new Idempotency({ store: stores.core.as<AccessTables>(), clock }),
      clock,
      logger,
    });
    const mcp = this.#stack.use(
      createMcp({ tools, caller, resources: toolResources(tools, gate), events, gate, version: VERSION, logger }),
    );
    const health = [...healthChecks(rooms, llm), ...rooms.access.healthChecks()];
    const { port, strictPort } = config.current.server;
    const token = readOrCreateToken(paths.tokenFile);
    const quick = health.filter((check) => !check.deep);
    const http = this.#stack.use(
      new HttpDoor({ host: "127.0.0.1", port, strictPort, token, caller, mcp, health: quick, events, gate, logger }),
    );
    const startedAt = clock.now();
    const fixed = {
      version: VERSION,
      repository: this.#parts.repository,
      socket: paths.socket,
      startedAt,
      command: this.#parts.command,
    };
    const status = () => readStatus({ ...fixed, url: http.url, port: http.port }, { rooms, llm });
    const onStop = () => this.#stop.abort();
    const socket = this.#stack.use(
      new SocketDoor({ path: paths.socket, caller, mcp, status, onStop, health, gate, events, logger }),
    );
    await http.start(signal);
    await socket.start(signal);
    this.#status = status;
  }

  /** A saved `specloop.yaml` is taken up, whoever saved it; one that cannot be used changes nothing and is logged. */
  #followConfig(events: EventBus): void {
    const { config, logger, repository } = this.#parts;
    const path = join(repository, CONFIG_FILE);
    const reload = () => {
      try {
        config.reload();
      } catch (error) {
        logger.error({ err: error }, "specloop.yaml cannot be used and was not taken up");
      }
    };
    watchFile(path, { interval: CONFIG_POLL_MS, persistent: false }, reload);
    this.#stack.defer(() => unwatchFile(path, reload));
    this.#stack.use(
      events.on("document.updated", ({ path, worktree }) => path === CONFIG_FILE && !worktree && reload()),
    );
  }
}
