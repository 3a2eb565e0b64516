import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import type { EventBus } from "../foundation/events.ts";
import type { HealthCheck } from "../foundation/health.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import type { Service } from "../foundation/service.ts";
import type { AgentTables } from "./agent-rows.ts";
import { Agents } from "./agents.ts";
import { type AnchorChain, AuditAnchor } from "./anchor.ts";
import { AuditLog, type AuditTables, type AuditVerdict } from "./audit.ts";
import { type AuditFilter, listAudit } from "./audit-listing.ts";
import type { Weight } from "./audited-events.ts";
import { Gate } from "./gate.ts";
import type { AccessOptions } from "./options.ts";

export interface AccessDependencies {
  store: Store<AgentTables & AuditTables>;
  /** Top of the worktree that is served. */
  repository: string;
  /** Where the head of the audit log is kept besides. */
  chain: AnchorChain;
  /** How calls of a tool are recorded. */
  weigh(tool: string): Weight;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  options: Live<AccessOptions>;
}

/** Who may do what, and the record of who did: the agents, the gate in front of every call, the audit log and its anchor. */
export class Access implements Service {
  readonly name = "access";
  readonly audit: AuditLog;
  readonly agents: Agents;
  readonly gate: Gate;
  readonly anchor: AuditAnchor;
  readonly #deps: AccessDependencies;
  readonly #stack = new AsyncDisposableStack();

  constructor(dependencies: AccessDependencies) {
    this.#deps = dependencies;
    this.audit = new AuditLog(dependencies);
    this.agents = new Agents({ ...dependencies, audit: this.audit });
    this.gate = new Gate({ ...dependencies, agents: this.agents });
    this.anchor = new AuditAnchor({ ...dependencies, audit: this.audit });
  }

  /** Before the rooms, so that what they finish at the start and while they are taken down is recorded. */
  async start(signal: AbortSignal): Promise<void> {
    // Taken down in reverse: what is told last is written, and then the end of the log is anchored.
    this.#stack.use(this.anchor);
    this.#stack.use(this.audit);
    this.#stack.use(this.audit.attach(this.#deps.events, (tool) => this.#deps.weigh(tool)));
    await this.agents.start(signal);
    await this.anchor.start(signal);
  }

  /** The whole chain against itself and against every anchor in git. */
  async verify(): Promise<AuditVerdict & { anchors: number; anchoredTo: number }> {
    const anchors = await this.anchor.anchors();
    const verdict = await this.audit.verify(...anchors);
    const places = new Set(anchors.map(({ seq }) => seq));
    return { ...verdict, anchors: places.size, anchoredTo: [...places].reduce((most, seq) => Math.max(most, seq), 0) };
  }

  list(filter: AuditFilter): ReturnType<typeof listAudit> {
    return listAudit(this.#deps.store, filter);
  }

  /** Figures for `specloop status`. */
  async status(): Promise<{
    agents: number;
    rate: number | null;
    audit: number;
    anchor: { seq: number; at: number } | null;
  }> {
    const { requireToken, rate } = this.#deps.options.current;
    const { last } = this.anchor;
    return {
      agents: this.agents.list().filter(({ standing }) => standing === "active").length,
      rate: requireToken ? null : rate,
      audit: (await this.audit.head())?.seq ?? 0,
      anchor: last && { seq: last.seq, at: last.at },
    };
  }

  healthChecks(): HealthCheck[] {
    return [this.audit.health(() => this.anchor.anchors()), this.anchor.health(), this.agents.health()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
