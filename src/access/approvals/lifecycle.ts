import type { Kysely } from "kysely";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import type { Decider } from "./decider.ts";
import { missing } from "./evidence.ts";
import type { Observation, Observer } from "./observer.ts";
import type { ApprovalState } from "./port.ts";
import { moveApproval, WAITING, type ApprovalRows } from "./rows.ts";
import type { ApprovalRow } from "./tables.ts";

interface Dependencies {
  store: Store<AccessTables>;
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  events: Emitter;
  clock: Clock;
  rows: ApprovalRows;
  observer: Observer;
  decider: Decider;
}

type Ended = "void" | "expired" | "superseded";
export const SYSTEM = "system:specloop";

/** Takes requests through their states by what git and the clock say. */
export class Lifecycle {
  readonly #deps: Dependencies;
  /** Proofs in git that did not count and were reported. */
  readonly #refused = new Set<string>();

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Looks at one request as it is now. */
  async lookAt(id: string): Promise<void> {
    const { rows, observer, decider } = this.#deps;
    const row = await rows.get(id);
    if (row.state === "carried_out" || row.redeemed_at !== null) return;
    const live = WAITING.includes(row.state) || row.state === "approved";
    const expired = live && this.#deps.clock.now() >= row.expires_at;
    if (expired && row.arrived_commit !== null) return this.#expire(row);
    const seen = live ? await observer.look(row) : await observer.hasArrived(row);
    if (seen.kind === "arrived") return decider.arrived(row, seen);
    if (expired) return this.#expire(row);
    if (live) await this.#act(row, seen);
  }

  /** The last state but for a late approval of what is on the branch already. */
  async ended(row: ApprovalRow, { state, why, set = {} }: { state: Ended; why: string; set?: Partial<ApprovalRow> }) {
    await this.move(row.id, { ...set, state, note: why });
    this.#deps.events.emit("approval.ended", { approvalId: row.id, state, why });
  }

  /** Writes a new state with its audit entry. */
  async move(id: string, set: Partial<Omit<ApprovalRow, "row_hash">> & { state: ApprovalState }): Promise<void> {
    const { audit, store } = this.#deps;
    const { state, note: why = null, arrived_commit: commit = null } = set;
    await store.write(async (tx) => {
      await moveApproval(tx, { id }, set);
      await audit.appendTo(tx, { actor: SYSTEM, action: `approval.${state}`, target: id, detail: { why, commit } });
    });
  }

  #expire(row: ApprovalRow): Promise<void> {
    return this.ended(row, { state: "expired", why: "nobody approved it in time" });
  }

  async #act(row: ApprovalRow, seen: Observation): Promise<void> {
    if (seen.kind === "moved") return this.ended(row, { state: "void", why: seen.why });
    if (row.state === "approved") return;
    if (seen.kind === "approved") await this.#deps.decider.take(row, seen.evidence);
    if (seen.kind === "refused") await this.#refuseOnce(row, seen);
  }

  async #refuseOnce(row: ApprovalRow, { proof, why }: { proof: string; why: string }): Promise<void> {
    const key = `${row.id} ${proof}`;
    if (this.#refused.has(key)) return;
    this.#refused.add(key);
    await this.#deps.decider.refuse(row, { error: missing(row, why), by: SYSTEM, method: "git" });
  }
}
