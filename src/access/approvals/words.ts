import type { Kysely } from "kysely";
import { insertSealed, type Store } from "../../adapters/store/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { AuditEntry, AuditHead } from "../audit.ts";
import type { AccessTables } from "../tables.ts";
import type { Approvers } from "./approvers.ts";
import type { Evidence } from "./evidence.ts";
import type { Decision } from "./port.ts";
import { insertDecision } from "./rows.ts";
import type { ApprovalRow } from "./tables.ts";

interface Dependencies {
  store: Store<AccessTables>;
  audit: { appendTo(tx: Kysely<AccessTables>, entry: AuditEntry): Promise<AuditHead> };
  events: Emitter;
  clock: Clock;
  approvers: Approvers;
}

interface Word {
  decision: Decision["decision"];
  evidence: Evidence;
  comment?: string;
  selection?: Decision["selection"];
}

/** Puts people's words on record. */
export class Words {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  write(tx: Kysely<AccessTables>, row: ApprovalRow, { decision, evidence, comment, selection }: Word): Promise<void> {
    const { by, level, method, proof } = evidence;
    return insertDecision(tx, {
      approval_id: row.id,
      decision,
      by_name: by.name,
      by_email: by.email,
      at: this.#deps.clock.now(),
      level,
      method,
      comment: comment === undefined ? null : comment.slice(0, 4000),
      selection: selection ? JSON.stringify(selection) : null,
      proof: proof === null ? null : JSON.stringify(proof),
    });
  }

  async audit(
    tx: Kysely<AccessTables>,
    row: ApprovalRow,
    { decision, evidence }: { decision: string; evidence: Evidence },
  ): Promise<void> {
    const { level, method, by } = evidence;
    await this.#deps.audit.appendTo(tx, {
      actor: `person:${named(by)}`,
      action: decision === "bypass" ? "approval.bypassed" : "approval.decided",
      target: row.id,
      detail: { decision, level, method, contentHash: row.content_hash, nonce: row.nonce },
    });
  }

  /** A sheet that is used here for the first time is recorded: who can write the file could have made it. */
  async noteSheets(): Promise<void> {
    const { store, approvers, events, clock, audit } = this.#deps;
    for (const { sheet, email } of approvers.all()) {
      const fresh = await store.write(async (tx) => {
        const known = await tx
          .selectFrom("approval_sheets")
          .select("sheet")
          .where("sheet", "=", sheet.id)
          .executeTakeFirst();
        if (known) return false;
        const lost = sheet.lost ? 1 : 0;
        await insertSealed(tx, "approval_sheets", { sheet: sheet.id, email, seen_at: clock.now(), lost });
        const entry = { actor: `person:${email}`, action: "approver.seen", target: sheet.id, detail: { lost } };
        await audit.appendTo(tx, entry);
        return true;
      });
      if (fresh) events.emit("approver.seen", { approver: email, sheet: sheet.id, lost: sheet.lost });
    }
  }
}

/** `Name <mail>`. */
export function named({ name, email }: Evidence["by"]): string {
  return email === "" || email === name ? name : `${name} <${email}>`;
}
