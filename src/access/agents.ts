import { randomBytes } from "node:crypto";
import type { Store } from "../adapters/store/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { sha256 } from "../foundation/hash.ts";
import type { HealthCheck } from "../foundation/health.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import {
  type Agent,
  type AgentTables,
  fingerprint,
  insertAgent,
  loadAgents,
  revokeAgent,
  type StoredAgent,
} from "./agent-rows.ts";
import type { AuditLog, AuditTables } from "./audit.ts";
import { type Capability, type Scope, scopeOf } from "./capability.ts";

/** How every agent token begins, so that people and secret scanners know one when they see it. */
export const TOKEN_PREFIX = "slp_";
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** What the doors call those who give no name. */
const TAKEN = new Set(["http", "mcp-client", "unknown", "cli"]);

export interface NewAgent {
  name: string;
  capability: Capability;
  /** Milliseconds until it expires, null for never. */
  lifetimeMs: number | null;
  /** The person who says so. */
  by: Principal;
}

/** How an agent stands now. */
export type Standing = "active" | "expired" | "revoked";

interface Known {
  agent: StoredAgent;
  scope: Scope;
}

/**
 * The agents that people registered, with their capabilities. All are held in memory; a new or revoked one counts from the
 * moment its row and its audit entry, which are one transaction, are committed.
 */
export class Agents {
  readonly #store: Store<AgentTables & AuditTables>;
  readonly #audit: AuditLog;
  readonly #events: Emitter;
  readonly #clock: Clock;
  readonly #byId = new Map<string, Known>();
  /** The newest of each name. */
  readonly #byName = new Map<string, Known>();
  readonly #byToken = new Map<string, Known>();
  #forged: string[] = [];

  constructor(parts: { store: Store<AgentTables & AuditTables>; audit: AuditLog; events: Emitter; clock: Clock }) {
    this.#store = parts.store;
    this.#audit = parts.audit;
    this.#events = parts.events;
    this.#clock = parts.clock;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { agents, forged } = await loadAgents(this.#store);
    this.#forged = forged;
    for (const agent of agents) this.#remember(agent);
  }

  /**
   * Registers an agent; its token is shown this one time and kept nowhere. `bad_input` for a name that cannot be one,
   * `agent_exists` while an agent of this name is active.
   */
  async add({ name, capability, lifetimeMs, by }: NewAgent): Promise<{ agent: Agent; token: string }> {
    this.#checkName(name);
    const token = `${TOKEN_PREFIX}${randomBytes(32).toString("base64url")}`;
    const now = this.#clock.now();
    const agent: StoredAgent = {
      id: `ag-${randomBytes(10).toString("hex")}`,
      name,
      capability,
      createdAt: now,
      createdBy: principalLabel(by),
      expiresAt: lifetimeMs === null ? null : now + lifetimeMs,
      revokedAt: null,
      tokenHash: sha256(token),
    };
    await this.#store.write(async (tx) => {
      await insertAgent(tx, agent);
      const detail = { id: agent.id, fingerprint: fingerprint(agent), expiresAt: agent.expiresAt };
      await this.#audit.appendTo(tx, { actor: principalLabel(by), action: "agent.added", target: name, detail });
    });
    this.#remember(agent);
    this.#events.emit("agent.added", { agent: name, by: by.name });
    return { agent: shown(agent), token };
  }

  /** Ends an agent for good: from the next call on, and its open connections at once. `unknown_agent` when there is none. */
  async revoke(name: string, by: Principal): Promise<Agent> {
    const known = this.#byName.get(name);
    if (!known || known.agent.revokedAt !== null) {
      const names = [...this.#byName.values()].filter(({ agent }) => agent.revokedAt === null);
      const fix = `There are: ${names.map(({ agent }) => agent.name).join(", ") || "none"}.`;
      throw new SpecloopError("unknown_agent", `No agent "${name.slice(0, 100)}" is registered.`, {
        target: name,
        fix,
      });
    }
    const { agent } = known;
    const at = this.#clock.now();
    await this.#store.write(async (tx) => {
      await revokeAgent(tx, agent.id, { at, by: principalLabel(by) });
      const entry = { actor: principalLabel(by), action: "agent.revoked", target: name, detail: { id: agent.id } };
      await this.#audit.appendTo(tx, entry);
    });
    agent.revokedAt = at;
    this.#events.emit("agent.revoked", { agent: name, by: by.name });
    return shown(agent);
  }

  /** Oldest first, revoked ones included. */
  list(): (Agent & { standing: Standing })[] {
    return [...this.#byId.values()].map(({ agent }) => ({ ...shown(agent), standing: this.#standing(agent) }));
  }

  /** The agent whose token this is, whatever its standing; null for a token of nobody. */
  ofToken(token: string): Agent | null {
    return this.#byToken.get(sha256(token))?.agent ?? null;
  }

  /** What an agent may do now. Throws `unauthorized` for one that is revoked or expired, or whose row was tampered with. */
  scope(id: string): Scope {
    const known = this.#byId.get(id);
    const standing = known ? this.#standing(known.agent) : "unknown";
    if (known && standing === "active") return known.scope;
    const name = known?.agent.name ?? "this agent";
    throw new SpecloopError("unauthorized", `The token of ${name} is ${standing}.`, {
      target: name,
      fix: "Ask the person for a new one: `specloop agent add NAME`.",
    });
  }

  /** The registered agent that has this name in whatever spelling; a name stays taken after it was revoked. */
  named(name: string): Agent | null {
    const known = this.#byName.get(folded(name));
    if (known) return known.agent;
    return this.#forged.includes(folded(name)) ? FORGED : null;
  }

  /** Whether there is any registered agent, so that names have to be looked at. */
  get some(): boolean {
    return this.#byId.size > 0 || this.#forged.length > 0;
  }

  health(): HealthCheck {
    return {
      name: "agents",
      summary: "Registered agents are as a person registered them.",
      run: async () => {
        const active = this.list().filter(({ standing }) => standing === "active").length;
        const message = `${active} registered ${active === 1 ? "agent is" : "agents are"} active`;
        if (this.#forged.length === 0) return { status: "ok", message };
        return {
          status: "failing",
          message: `Somebody changed the rows of these agents in the database, so they may do nothing: ${this.#forged.join(", ")}.`,
          fix: "Find out who did, then register them anew: `specloop agent add NAME`.",
        };
      },
    };
  }

  #checkName(name: string): void {
    if (!NAME.test(name) || TAKEN.has(name)) {
      const why = TAKEN.has(name) ? "is what clients without a name are called" : "is not a name for an agent";
      throw new SpecloopError("bad_input", `"${name.slice(0, 100)}" ${why}.`, {
        target: "name",
        fix: "Use 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit.",
      });
    }
    const known = this.#byName.get(name);
    if (!known || this.#standing(known.agent) !== "active") return;
    throw new SpecloopError("agent_exists", `An agent "${name}" is registered already.`, { target: name });
  }

  #remember(agent: StoredAgent): void {
    const known = { agent, scope: scopeOf(agent.capability) };
    this.#byId.set(agent.id, known);
    this.#byName.set(agent.name, known);
    this.#byToken.set(agent.tokenHash, known);
    this.#forged = this.#forged.filter((name) => name !== agent.name);
  }

  #standing({ revokedAt, expiresAt }: Agent): Standing {
    if (revokedAt !== null) return "revoked";
    return expiresAt !== null && expiresAt <= this.#clock.now() ? "expired" : "active";
  }
}

/** Stands for a row that cannot be trusted: its name is taken, and no token fits it. */
const FORGED: Agent = {
  id: "",
  name: "",
  capability: { tools: [], read: [], write: [], rate: 1 },
  createdAt: 0,
  createdBy: "",
  expiresAt: null,
  revokedAt: 0,
};

/** `Nightly` and full-width letters are no other name than `nightly`. */
function folded(name: string): string {
  return name.normalize("NFKC").trim().toLowerCase();
}

function shown({ tokenHash: _secret, ...agent }: StoredAgent): Agent {
  return agent;
}
