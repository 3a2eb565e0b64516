import type { Git } from "../../adapters/git/index.ts";
import { sealedHealth, type Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { EventBus, EventMap } from "../../foundation/events.ts";
import type { HealthCheck } from "../../foundation/health.ts";
import type { PolicyKeeper } from "./policy-keeper.ts";
import type { Policy } from "./policy.ts";
import type { Approval, ApprovalState } from "./port.ts";
import { type ApprovalRows, pathsOf, WAITING } from "./rows.ts";
import { statedBy, statementOf } from "./statement.ts";
import type { ApprovalRow, ApprovalTables } from "./tables.ts";

interface Dependencies {
  store: Store<ApprovalTables>;
  git: Git;
  events: EventBus;
  clock: Clock;
  rows: ApprovalRows;
  keeper: PolicyKeeper;
}

export interface Review {
  approval: Approval;
  /** What a proof signs. */
  statement: string;
  /** Unified diff of what would change. */
  diff: string;
}

/** What people, agents and rooms see of approvals. Changes nothing. */
export class ApprovalReader {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Throws `unknown_approval`. */
  async get(id: string): Promise<Approval> {
    return this.#view(await this.#deps.rows.get(id));
  }

  /** Resolves when somebody decided, or after `waitMs`. */
  async waitFor(id: string, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<Approval> {
    using decided = this.#decided(id);
    const now = await this.get(id);
    if (!WAITING.includes(now.state) || waitMs <= 0) return now;
    const stop = new AbortController();
    const time = this.#deps.clock.sleep(waitMs, AbortSignal.any([signal, stop.signal])).catch(() => {});
    await Promise.race([decided.promise, time]);
    stop.abort();
    return this.get(id);
  }

  /** Newest first; `cursor` is what the page before gave. */
  async list({ states, limit, cursor }: { states: ApprovalState[]; limit: number; cursor?: string | undefined }) {
    const before = cursor === undefined ? null : Number(cursor);
    if (Number.isNaN(before)) throw new SpecloopError("bad_input", "This cursor was not given.", { target: "cursor" });
    const rows = await this.#deps.rows.page({ states, limit: limit + 1, before });
    const shown = rows.slice(0, limit);
    const approvals = await Promise.all(shown.map((row) => this.#view(row)));
    return { approvals, nextCursor: rows.length > limit ? String(shown.at(-1)?.seq) : null };
  }

  /** All that a person looks at before deciding. */
  async review(id: string): Promise<Review> {
    const row = await this.#deps.rows.get(id);
    const approval = await this.#view(row);
    const { commonDirectory } = this.#deps.git.places;
    const statement = statementOf(statedBy(approval, { nonce: row.nonce, commonDirectory }));
    return { approval, statement, diff: await this.#diff(row) };
  }

  /** Granted and not yet redeemed, oldest first. */
  async granted(operation: ApprovalRow["operation"]): Promise<Approval[]> {
    const rows = await this.#approved(operation);
    return Promise.all(rows.filter((row) => row.redeemed_at === null).map((row) => this.#view(row)));
  }

  /** What `status` says: how many wait, and what went past the policy. */
  async summary(): Promise<{ open: number; bypassed: number; policy: PolicyKeeper["standing"] }> {
    const { rows, keeper } = this.#deps;
    const [open, bypassed] = await Promise.all([rows.inState(WAITING), rows.bypassed()]);
    return { open: open.length, bypassed: bypassed.length, policy: keeper.standing };
  }

  healthChecks(): HealthCheck[] {
    const past: HealthCheck = {
      name: "approvals",
      summary: "Nothing reached the branch past the approval that the policy asks for.",
      run: async () => {
        const [row] = await this.#deps.rows.bypassed();
        if (row)
          return {
            status: "warning",
            message: `${row.id} (${row.title}) is on the branch without an approval of level ${row.level}.`,
            fix: `Look at it: \`specloop approvals show ${row.id}\`; approve it late or revert it.`,
          };
        if (this.#deps.keeper.standing !== "weaker") return { status: "ok", message: "nothing went past the policy" };
        const message = "specloop.yaml asks for less than the accepted policy; the stricter rules hold until approved.";
        return { status: "warning", message, fix: "See `specloop approvals`." };
      },
    };
    const sealed = sealedHealth(this.#deps.store.read, [
      "approvals",
      "approval_decisions",
      "approval_policy",
      "approval_sheets",
    ]);
    return [past, { ...sealed, name: "approval-rows" }];
  }

  #view(row: ApprovalRow): Promise<Approval> {
    return this.#deps.rows.view(row, this.#deps.clock.now());
  }

  async #approved(operation: ApprovalRow["operation"]): Promise<ApprovalRow[]> {
    const rows = await this.#deps.rows.inState(["approved"]);
    return rows.filter((row) => row.operation === operation).toReversed();
  }

  async #diff(row: ApprovalRow): Promise<string> {
    const { git, keeper } = this.#deps;
    if (row.operation === "policy") {
      const shown = (policy: Policy) => JSON.stringify(policy, null, 2);
      return `accepted:\n${shown(keeper.accepted)}\n\nasked for:\n${shown(keeper.current)}\n`;
    }
    const parts = await Promise.all(pathsOf(row).map((path) => git.diff(row.base_id, row.commit_id, path)));
    return parts.join("");
  }

  #decided(id: string): { promise: Promise<void> } & Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    const listeners = new DisposableStack();
    const names = ["approval.granted", "approval.decided", "approval.ended", "approval.carried_out"] as const;
    const told = ({ approvalId }: EventMap[(typeof names)[number]]) => approvalId === id && resolve();
    for (const name of names) listeners.use(this.#deps.events.on(name, told));
    return { promise, [Symbol.dispose]: () => listeners.dispose() };
  }
}
