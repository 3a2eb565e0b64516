import type { Kysely } from "kysely";
import type { Git } from "../../adapters/git/index.ts";
import type { Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import { sameMail } from "./approvers.ts";
import { contentHashAt } from "./content.ts";
import type { Decider, Needs } from "./decider.ts";
import { missing, type EvidenceChecker } from "./evidence.ts";
import { SYSTEM, type Lifecycle } from "./lifecycle.ts";
import { isAtLeast } from "./policy.ts";
import type { Grant } from "./port.ts";
import { grantOf, moveApproval, pathsOf, type ApprovalRows } from "./rows.ts";
import type { ApprovalRow, DecisionRow } from "./tables.ts";
import { named } from "./words.ts";

interface Dependencies {
  store: Store<AccessTables>;
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  git: Git;
  clock: Clock;
  rows: ApprovalRows;
  evidence: EvidenceChecker;
  lifecycle: Lifecycle;
  decider: Decider;
  needs: (row: ApprovalRow, at?: number) => Needs;
}

/** Uses approvals up, once each, after everything that they rest on was proved again. */
export class Redemptions {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Uses an approval up. Throws `approval_void`, `approval_missing`, `approval_used`. */
  async redeem(id: string, contentHash: string): Promise<Grant> {
    await this.#deps.lifecycle.lookAt(id);
    const row = await this.#deps.rows.get(id);
    let approvedBy: string[];
    try {
      if (row.redeemed_at !== null || row.state === "carried_out")
        throw new SpecloopError("approval_used", `${id} was carried out already.`, { target: id });
      if (row.content_hash !== contentHash || row.state === "void")
        throw new SpecloopError("approval_void", `${id} was given for another content.`, { target: id });
      if (row.state !== "approved") throw missing(row, `${id} is ${row.state}, not approved.`);
      approvedBy = await this.#requireProven(row);
    } catch (error) {
      await this.#deps.decider.refuse(row, { error: toSpecloopError(error), by: SYSTEM, method: "redeem" });
      throw error;
    }
    const { audit, store, clock } = this.#deps;
    const taken = await store.write(async (tx) => {
      const where = { id, state: "approved" as const, redeemed_at: null };
      if (!(await moveApproval(tx, where, { redeemed_at: clock.now() }))) return false;
      await audit.appendTo(tx, { actor: SYSTEM, action: "approval.redeemed", target: id, detail: { contentHash } });
      return true;
    });
    if (!taken) throw new SpecloopError("approval_used", `${id} was carried out already.`, { target: id });
    return grantOf(row, approvedBy);
  }

  /** Redeemed and not yet carried out, oldest first. Proved again: whoever writes the database can call a row redeemed. */
  async unfinished(operation: ApprovalRow["operation"]): Promise<Grant[]> {
    const { rows, decider } = this.#deps;
    const approved = (await rows.inState(["approved"])).toReversed();
    const grants: Grant[] = [];
    for (const row of approved.filter((each) => each.operation === operation && each.redeemed_at !== null)) {
      try {
        grants.push(grantOf(row, await this.#requireProven(row)));
      } catch (error) {
        await decider.refuseOnce(row, { error: toSpecloopError(error), by: SYSTEM, method: "redeem" });
      }
    }
    return grants;
  }

  /**
   * Checks every yes again, and what it was given for, because a row of the database can be written by others than us.
   * Returns who said it. Throws `approval_missing`, `approval_void`.
   */
  async #requireProven(row: ApprovalRow): Promise<string[]> {
    const { git, needs, evidence } = this.#deps;
    // The proof signs the commit and this hash; which paths it is about stands only in the row.
    const bound = row.operation === "policy" || (await isContent(git, row));
    if (!bound) throw new SpecloopError("approval_void", `The paths of ${row.id} were changed.`, { target: row.id });
    const { level, count } = needs(row);
    const proven = new Map<string, string>();
    let strongest = false;
    for (const decision of await this.#yeses(row)) {
      const { level: given, by_name: name, by_email: email, at } = decision;
      const { approvers } = needs(row, at);
      const entitled = given === "L2" || approvers === null || approvers.some((mail) => sameMail(mail, email));
      if (!entitled || !(await evidence.holds(row, decision))) continue;
      proven.set((email || name).toLowerCase(), named({ name, email }));
      strongest ||= given === "L2";
    }
    if (strongest || proven.size >= count) return [...proven.values()];
    throw missing(
      row,
      `${row.id} is said to be approved, but ${proven.size} of ${count} approvals at ${level} can be proved.`,
    );
  }

  async #yeses(row: ApprovalRow): Promise<DecisionRow[]> {
    const all = await this.#deps.rows.decisions(row.id);
    const { level } = this.#deps.needs(row);
    return all.filter(({ decision, level: given }) => decision === "approve" && isAtLeast(given, level));
  }
}

function isContent(git: Git, row: ApprovalRow): Promise<boolean> {
  const hash = contentHashAt(git, row.commit_id, pathsOf(row)).catch(() => null);
  return hash.then((now) => now === row.content_hash);
}
