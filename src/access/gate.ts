import type { Clock } from "../foundation/clock.ts";
import { type ErrorCode, SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { sha256 } from "../foundation/hash.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import type { Effect } from "../foundation/tool.ts";
import type { Agent } from "./agent-rows.ts";
import { type Agents, TOKEN_PREFIX } from "./agents.ts";
import { DEFAULT_CAPABILITY, narrowed, type Scope, scopeOf } from "./capability.ts";
import { leadsTo, namedPaths } from "./named-paths.ts";
import type { AccessOptions } from "./options.ts";
import { RateLimiter } from "./rate.ts";

/** Who calls, as the door knows it: `agent` is the id of the registered agent whose token came along. */
export interface Caller {
  principal: Principal;
  agent?: string;
}

/** What the gate looks at in a tool. */
interface GatedTool {
  name: string;
  personOnly?: boolean | undefined;
}

/** Clients without a token choose their names themselves, so all together have a bucket, too: as much as so many of them. */
const SHARED = 4;
/** Codes of attempts that were turned away for who made them or for what they reached for. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "forbidden",
  "forbidden_host",
  "unauthorized",
  "unsupported_media_type",
  "rate_limited",
  "too_many_clients",
  "path_protected",
  "path_outside_root",
]);

export function isRefusal(code: string): boolean {
  return REFUSALS.has(code as ErrorCode);
}

interface GateParts {
  agents: Agents;
  /** Top of the worktree that is served. */
  repository: string;
  options: Live<AccessOptions>;
  events: Emitter;
  clock: Clock;
}

/**
 * The one place that decides what a caller may do: which tools, how often, which documents. Whatever no capability grants
 * is refused, and every refusal becomes an `access.refused`. People and the system itself are not limited here.
 */
export class Gate {
  readonly #agents: Agents;
  readonly #options: Live<AccessOptions>;
  readonly #events: Emitter;
  readonly #clock: Clock;
  readonly #root: string;
  readonly #limiter = new RateLimiter();
  readonly #told = new WeakSet<SpecloopError>();
  #default: { from: AccessOptions; scope: Scope } | null = null;

  constructor(parts: GateParts) {
    this.#root = parts.repository;
    this.#agents = parts.agents;
    this.#options = parts.options;
    this.#events = parts.events;
    this.#clock = parts.clock;
  }

  /** The agent whose token this is. Throws `unauthorized` for a wrong, expired or revoked one. */
  identify(token: string): Agent {
    const agent = token.startsWith(TOKEN_PREFIX) ? this.#agents.ofToken(token) : null;
    if (!agent) throw new SpecloopError("unauthorized", "The agent token is wrong.", { target: "token" });
    this.#agents.scope(agent.id);
    return agent;
  }

  /** Counts the call and throws unless the caller may make it: `unauthorized`, `rate_limited`, `forbidden`. */
  admit(caller: Caller, tool: GatedTool | null): void {
    const scope = this.#scope(caller);
    if (scope) this.#count(caller, scope);
    if (!tool) return;
    if (tool.personOnly && caller.principal.kind !== "person") {
      throw new SpecloopError("forbidden", `Only a person may call ${tool.name}.`, { target: tool.name });
    }
    if (scope && !scope.calls(tool.name)) {
      const who = caller.principal.name;
      throw notGranted(`The capability of ${who} does not include ${tool.name}.`, tool.name);
    }
  }

  /**
   * Throws `forbidden` when the input names a document that the caller may not read, or not write where the tool is no mere
   * read. A worktree is what the client says it is, so a path has to be allowed where it leads in either.
   */
  admitPaths(
    { principal }: Caller,
    { effect }: { effect: Effect },
    { input, worktree }: { input: unknown; worktree?: string },
  ): void {
    const scope = this.#scopeByName(principal);
    if (!scope || scope.writesAll || (scope.readsAll && effect === "read")) return;
    const roots = worktree === undefined ? [this.#root] : [this.#root, worktree];
    for (const { path, cited } of namedPaths(input)) {
      for (const root of roots) {
        const place = leadsTo(root, path);
        if (place !== null) this.check(principal, cited || effect === "read" ? "read" : "write", place);
      }
    }
  }

  /** Whether an agent is shown a tool at all. */
  shows(agent: string | undefined, tool: GatedTool): boolean {
    if (tool.personOnly) return false;
    const scope = agent === undefined ? this.#defaultScope() : this.#agents.scope(agent);
    return scope.calls(tool.name);
  }

  /** Throws `forbidden` unless the caller may read or write this document; `path` with its links resolved. */
  check(principal: Principal, operation: "read" | "write", path: string): void {
    const scope = this.#scopeByName(principal);
    if (!scope || (operation === "read" ? scope.reads(path) : scope.writes(path))) return;
    throw notGranted(`The capability of ${principal.name} does not let it ${operation} "${path}".`, path);
  }

  /**
   * Throws `forbidden` unless the caller has a right that tools stand behind, such as `tool_call:fs.read_file`. Agents with
   * a token need it in their capability; those without have what a person opened for all of them and nothing else.
   */
  checkRight(principal: Principal, { name, open }: { name: string; open: boolean }): void {
    if (principal.kind !== "agent") return;
    const registered = this.#agents.some ? this.#agents.named(principal.name) : null;
    const scope = registered ? this.#agents.scope(registered.id) : this.#defaultScope();
    if (scope.calls(name) && (registered !== null || open)) return;
    throw notGranted(`The capability of ${principal.name} does not include ${name}.`, name);
  }

  /** Whether a caller may call a tool, by its name alone. */
  mayCall(principal: Principal, tool: GatedTool): boolean {
    if (principal.kind === "agent" && tool.personOnly) return false;
    return this.#scopeByName(principal)?.calls(tool.name) ?? true;
  }

  /** Which documents may be told of to this caller; null when nothing has to be held back. */
  readable(principal: Principal): ((path: string) => boolean) | null {
    const scope = this.#scopeByName(principal);
    return !scope || scope.readsAll ? null : (path) => scope.reads(path);
  }

  /** What of the documents a caller may read, with an id that is equal for equal views; null for one who may read all. */
  readScope(principal: Principal): { id: string; reads(path: string): boolean } | null {
    const scope = this.#scopeByName(principal);
    if (!scope || scope.readsAll) return null;
    const { read, write } = scope.capability;
    const id = sha256(JSON.stringify([read.toSorted(), write.toSorted()]));
    return { id, reads: (path) => scope.reads(path) };
  }

  /** Tells of a refusal, once per error; other errors are nobody's business here. `what`: tool, path or address. */
  tell(error: unknown, principal: Principal, what: string): void {
    if (error instanceof SpecloopError && REFUSALS.has(error.code)) this.turnedAway(error, principal, what);
  }

  /** Tells of a client that a door did not even let in, whatever was wrong with it. */
  turnedAway(error: unknown, principal: Principal, what: string): void {
    if (!(error instanceof SpecloopError) || error.code === "cancelled" || this.#told.has(error)) return;
    this.#told.add(error);
    this.#events.emit("access.refused", { principal, code: error.code, what });
  }

  /** Null for callers that nothing limits. */
  #scope({ principal, agent }: Caller): Scope | null {
    if (principal.kind !== "agent") return null;
    if (agent !== undefined) return this.#agents.scope(agent);
    const registered = this.#agents.some ? this.#agents.named(principal.name) : null;
    if (registered) {
      throw new SpecloopError("unauthorized", `"${principal.name}" is a registered agent, and no token came along.`, {
        target: principal.name,
        fix: "Set SPECLOOP_AGENT_TOKEN for `specloop mcp`, send it as bearer token, or use another client name.",
      });
    }
    if (this.#options.current.requireToken) {
      throw new SpecloopError("unauthorized", "Only agents with a token of their own are served here.", {
        target: principal.name,
        fix: "Ask the person for one: `specloop agent add NAME`.",
      });
    }
    return this.#defaultScope();
  }

  /** Inside a call, whose admission has made sure of the name. */
  #scopeByName(principal: Principal): Scope | null {
    if (principal.kind !== "agent") return null;
    const registered = this.#agents.some ? this.#agents.named(principal.name) : null;
    return registered ? this.#agents.scope(registered.id) : this.#defaultScope();
  }

  #defaultScope(): Scope {
    const { current } = this.#options;
    if (this.#default?.from !== current) {
      this.#default = { from: current, scope: narrowed(scopeOf(DEFAULT_CAPABILITY), scopeOf(current)) };
    }
    return this.#default.scope;
  }

  #count({ principal, agent }: Caller, { capability: { rate } }: Scope): void {
    const now = this.#clock.monotonic();
    const own = this.#limiter.take(agent ?? `name:${principal.name}`, rate, now);
    const shared = agent === undefined && own === 0 ? this.#limiter.take("all", rate * SHARED, now) : 0;
    const retryAfterMs = Math.max(own, shared);
    if (retryAfterMs === 0) return;
    const seconds = (retryAfterMs / 1000).toFixed(retryAfterMs < 1000 ? 2 : 0);
    throw new SpecloopError("rate_limited", `${principal.name} may make ${rate} calls a minute; wait ${seconds} s.`, {
      target: principal.name,
      details: { retryAfterMs },
    });
  }
}

function notGranted(message: string, target: string): SpecloopError {
  return new SpecloopError("forbidden", message, {
    target,
    fix: "Do without, or ask the person: capabilities are given with `specloop agent add`.",
  });
}
