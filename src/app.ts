import { unwatchFile, watchFile } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createApprovals, type ApprovalService } from "./access/approvals/index.ts";
import { Access, type AccessTables, AUDIT_REF, Idempotency, readOrCreateToken, weightOf } from "./access/index.ts";
import { RefChain, openGit } from "./adapters/git/index.ts";
import { createLlm, type Llm } from "./adapters/llm/index.ts";
import { CONFIG_FILE } from "./config.ts";
import { EventBus } from "./foundation/events.ts";
import { Heap, type SetFlag } from "./foundation/heap.ts";
import type { Tool } from "./foundation/tool.ts";
import { VERSION } from "./foundation/version.ts";
import { allTools } from "./mcp-tools.ts";
import { type BuiltRooms, buildRooms, forNodes, inOrder, type RoomParts } from "./rooms.ts";
import { type Caller, createCaller, createMcp, HttpDoor, SocketDoor, toolResources } from "./server/index.ts";
import { openStores } from "./stores.ts";
import { ownTools } from "./own-tools.ts";
import { healthChecks, readStatus, type AppStatus } from "./status.ts";

/** What the roof needs from the process. */
export interface AppParts extends Pick<
  RoomParts,
  "repository" | "paths" | "config" | "env" | "clock" | "logger" | "worker"
> {
  /** How this program is started again, for the configuration line of MCP clients. */
  command: string[];
  /** Sets a flag of V8; absent in a process that others share. */
  setHeapFlag?: SetFlag;
}

/** How often a saved configuration file is looked for; it lies outside the watched folders. */
const CONFIG_POLL_MS = 500;

/** This package's own folder: its OpenSpec gives verdicts where neither the repository nor the PATH may. */
const PACKAGE = dirname(dirname(fileURLToPath(import.meta.url)));

/** What the doors open onto. */
interface Built {
  rooms: BuiltRooms;
  llm: Llm;
  events: EventBus;
  tools: readonly Tool[];
  caller: Caller;
}

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
    const { repository, env, clock, logger, setHeapFlag } = this.#parts;
    const events = new EventBus(logger);
    if (setHeapFlag) await this.#stack.use(new Heap({ events, clock, set: setHeapFlag })).start();
    const git = await openGit(repository, { env, logger });
    const url = this.#parts.config.current.store.url;
    const stores = await openStores({ ...this.#parts, url, git }, this.#stack);
    signal.throwIfAborted();
    const llm = this.#stack.use(createLlm({ options: this.#parts.config.live("llm"), env, events, clock, logger }));
    const tools: Tool[] = [];
    const own = ownTools(tools);
    const access = this.#buildAccess({ git, stores, events, tools });
    await access.start(signal);
    const approvals = this.#buildApprovals({ git, stores, events, access });
    await approvals.start(signal);
    const rooms = buildRooms(
      { ...this.#parts, git, stores, llm, events, access, approvals, package: PACKAGE, ownTools: own.call },
      this.#stack,
    );
    tools.push(...allTools(rooms));
    const caller = this.#buildCaller({ tools, stores, events, access });
    own.through(caller);
    const ending = AbortSignal.any([signal, this.#stop.signal]);
    const { worker } = this.#parts;
    for (const room of worker ? forNodes(rooms) : inOrder(rooms)) await room.start(ending);
    this.#followConfig(events);
    if (worker) return;
    await this.#openDoors({ rooms, llm, events, tools, caller }, signal);
  }

  /** What `status` shows; throws before the start, and always for a worker. */
  status(): Promise<AppStatus> {
    if (!this.#status) throw new Error("the app has not started");
    return this.#status();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /**
   * Before the rooms, so that what they finish at the start and while they are taken down is recorded; `tools` is filled
   * when the rooms are there.
   */
  #buildAccess({
    git,
    stores,
    events,
    tools,
  }: Pick<RoomParts, "git" | "stores" | "events"> & Pick<Built, "tools">): Access {
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

  #buildApprovals({
    git,
    stores,
    events,
    access,
  }: Pick<RoomParts, "git" | "stores" | "events" | "access">): ApprovalService {
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

  /** Before the rooms are started: runs that go on may call tools at once. */
  #buildCaller({
    tools,
    stores,
    events,
    access: { gate, audit },
  }: Pick<RoomParts, "stores" | "events" | "access"> & Pick<Built, "tools">): Caller {
    const { clock, logger } = this.#parts;
    return createCaller({
      tools,
      gate,
      recorded: () => audit.settled(),
      events,
      idempotency: new Idempotency({ store: stores.core.as<AccessTables>(), clock }),
      clock,
      logger,
    });
  }

  async #openDoors({ rooms, llm, events, tools, caller }: Built, signal: AbortSignal): Promise<void> {
    const { paths, config, clock, logger } = this.#parts;
    const { gate } = rooms.access;
    const mcp = this.#stack.use(
      createMcp({
        tools,
        caller,
        resources: toolResources(tools, gate),
        events,
        gate,
        version: VERSION,
        formKey: readOrCreateToken(join(paths.directory, "forms.key")),
        logger,
      }),
    );
    const health = [...healthChecks(rooms, llm), ...rooms.access.healthChecks()];
    const { port, strictPort } = config.current.server;
    const token = readOrCreateToken(paths.tokenFile);
    const quick = health.filter((check) => !check.deep);
    const http = this.#stack.use(
      new HttpDoor({
        host: "127.0.0.1",
        port,
        strictPort,
        token,
        caller,
        mcp,
        events,
        gate,
        logger,
        health: quick,
        scrape: () => rooms.loop.metrics.scrape(),
      }),
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
