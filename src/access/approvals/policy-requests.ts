import type { Git } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Emitter } from "../../foundation/events.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { policyHash, type PolicyKeeper } from "./policy-keeper.ts";
import type { Approval, Grant, NewApproval } from "./port.ts";
import { WAITING, type ApprovalRows } from "./rows.ts";

interface Dependencies {
  git: Pick<Git, "head">;
  events: Emitter;
  clock: Clock;
  rows: ApprovalRows;
  keeper: PolicyKeeper;
  lifecycle: Lifecycle;
  granted: () => Promise<Approval[]>;
  request: (request: NewApproval) => Promise<Approval>;
  redeem: (id: string, contentHash: string) => Promise<Grant>;
  carriedOut: (id: string) => Promise<void>;
}

/** The rules themselves: those that ask for less wait as a request of their own, under those that hold. */
export class PolicyRequests {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** The first rules that are ever met are taken as they are. */
  async open(): Promise<void> {
    if (await this.#deps.keeper.open(this.#deps.clock.now())) this.#tell(null, false);
  }

  /** Compares the file's rules with the accepted ones. */
  async follow(): Promise<void> {
    const { keeper, rows, lifecycle, clock } = this.#deps;
    const { current, standing } = keeper;
    const hash = policyHash(current);
    const open = (await rows.inState([...WAITING, "approved"])).filter((row) => row.operation === "policy");
    for (const row of open)
      if (row.content_hash !== hash) await lifecycle.ended(row, { state: "void", why: "the rules changed again" });
    if (standing === "same") return;
    if (standing === "as_strict") {
      await keeper.accept({ now: clock.now(), approvalId: null });
      return this.#tell(null, false);
    }
    const last = await rows.about("policy", hash);
    const answered = last?.state === "rejected" || last?.state === "expired";
    if (!answered && !open.some((row) => row.content_hash === hash)) await this.#ask(hash);
  }

  /** Takes up rules that were approved. */
  async take(): Promise<void> {
    const { keeper, granted, redeem, carriedOut, clock } = this.#deps;
    for (const { id, subject } of await granted()) {
      if (subject.contentHash !== policyHash(keeper.current)) continue;
      await redeem(id, subject.contentHash);
      await keeper.accept({ now: clock.now(), approvalId: id });
      await carriedOut(id);
      this.#tell(id, false);
    }
  }

  async #ask(hash: string): Promise<void> {
    const at = (await this.#deps.git.head()).commit ?? "";
    const subject = { operation: "policy" as const, ref: hash, branch: "", commit: at, base: at, contentHash: hash };
    const made = await this.#deps.request({
      subject: { ...subject, paths: ["specloop.yaml"] },
      title: "Weaker rules for approvals in specloop.yaml",
      reason:
        "The file asks for less than the rules that were accepted; until this is approved the stricter ones hold.",
      proposer: { kind: "system", name: "specloop" },
    });
    this.#tell(made.id, true);
  }

  #tell(approvalId: string | null, weaker: boolean): void {
    const { events, keeper } = this.#deps;
    events.emit("approval.policy_changed", { hash: policyHash(keeper.current), weaker, approvalId });
  }
}
