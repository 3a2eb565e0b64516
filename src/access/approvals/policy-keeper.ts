import { z } from "zod";
import { replaceSealed, type Store } from "../../adapters/store/index.ts";
import { canonicalJson, sha256 } from "../../foundation/hash.ts";
import { isAsStrict, samePolicy, type Policy } from "./policy.ts";
import type { ApprovalTables } from "./tables.ts";

const stored = z.custom<Policy>((value) => typeof value === "object" && value !== null);

/**
 * The rules that hold. Those in `specloop.yaml` can be edited by everything that writes files, so weaker ones don't count
 * until somebody approved them under the rules that were accepted before: until then the stricter of both hold.
 */
export class PolicyKeeper {
  readonly #store: Store<ApprovalTables>;
  readonly #current: () => Policy;
  #accepted: Policy | null = null;

  constructor({ store, current }: { store: Store<ApprovalTables>; current: () => Policy }) {
    this.#store = store;
    this.#current = current;
  }

  /** The first rules that are ever met are accepted as they are; returns whether these were the first. */
  async open(now: number): Promise<boolean> {
    const row = await this.#store.read.selectFrom("approval_policy").selectAll().executeTakeFirst();
    if (row) {
      this.#accepted = stored.parse(JSON.parse(row.policy));
      return false;
    }
    await this.accept({ now, approvalId: null });
    return true;
  }

  get current(): Policy {
    return this.#current();
  }

  get accepted(): Policy {
    return this.#accepted ?? this.#current();
  }

  /** All of these count, the strictest of them in each case. */
  get effective(): Policy[] {
    const current = this.#current();
    return this.#accepted && !samePolicy(this.#accepted, current) ? [this.#accepted, current] : [current];
  }

  /** What the rules of the file are, measured against the accepted ones. */
  get standing(): "same" | "as_strict" | "weaker" {
    const current = this.#current();
    if (samePolicy(this.accepted, current)) return "same";
    return isAsStrict(current, this.accepted) ? "as_strict" : "weaker";
  }

  async accept({ now, approvalId }: { now: number; approvalId: string | null }): Promise<void> {
    const policy = this.#current();
    const row = { id: 1, policy: JSON.stringify(policy), accepted_at: now, approval_id: approvalId };
    await this.#store.write((tx) => replaceSealed(tx, "approval_policy", { key: ["id"], row }));
    this.#accepted = policy;
  }
}

/** Name of a policy's content. */
export function policyHash(policy: Policy): string {
  return sha256(canonicalJson(policy));
}
