import { contentHashAt, type Approvals } from "../../access/approvals/index.ts";
import type { Git } from "../../adapters/git/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import { SpecloopError, toSpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import type { EventBus } from "../../foundation/events.ts";
import type { Entry, Journal } from "./journal.ts";
import { pathsOf, type Plan } from "./plan.ts";

interface BranchParts {
  git: Git;
  journal: Journal;
  clock: Clock;
  events: Pick<EventBus, "emit">;
  approvals?: Approvals | undefined;
}

const REFS = "refs/heads/specloop/archive-";
const CHECKED = "refs/specloop/archives/";

/** Archives that an agent asked for: committed beside, on a branch that a person merges or approves. */
export class BranchArchives {
  readonly #parts: BranchParts;

  constructor(parts: BranchParts) {
    this.#parts = parts;
  }

  /** Commits the plan on `specloop/archive-<id>`, on top of HEAD; worktree and index stay as they are. */
  async propose(
    entry: Entry,
    plan: Plan,
    title: string | null,
  ): Promise<{ branch: string; commit: string; approval: string | null }> {
    const { git, journal, approvals } = this.#parts;
    await this.#refuseUnsaved(entry, plan);
    const { commit: base } = await git.head();
    if (base === null) throw new SpecloopError("no_commits", "The repository has no commit yet.");
    const ref = `${REFS}${entry.change}`;
    const commit = await this.#commit(ref, base, plan);
    const branch = ref.slice("refs/heads/".length);
    const waiting: Entry = { ...entry, state: "proposed", move: plan.move, commit, branch };
    await journal.save(waiting);
    if (!approvals) return { branch, commit, approval: null };
    const paths = await pathsOf(git, plan.move, base);
    const approval = await approvals.request({
      subject: {
        operation: "archive",
        ref: entry.id,
        branch,
        commit,
        base,
        paths,
        contentHash: await contentHashAt(git, commit, paths),
      },
      title: `${entry.kind === "archive" ? "Archive" : "Take back"} ${entry.change}${title === null ? "" : `: ${title}`}`,
      reason: plan.move.message,
      proposer: entry.principal,
    });
    await journal.save({ ...waiting, approvalId: approval.id });
    return { branch, commit, approval: approval.id };
  }

  /**
   * Uses the approval of an entry up for what the plan makes of the repository as it is now. Throws `approval_void` when
   * that is not what was approved. Returns the trailers that name the approval.
   */
  async redeem(entry: Entry, plan: Plan): Promise<Record<string, string>> {
    const { approvals, journal } = this.#parts;
    if (!approvals) return {};
    if (entry.approvalId === null)
      throw new SpecloopError("approval_missing", `No approval was asked for ${entry.change}.`, {
        target: entry.change,
      });
    const hash = await this.#hashOf(entry, plan);
    const grant =
      entry.state === "granted"
        ? (await approvals.unfinished("archive")).find(({ approvalId }) => approvalId === entry.approvalId)
        : await approvals.redeem(entry.approvalId, hash);
    // After a crash the approval is used up already; what it was given for still counts.
    if (!grant || grant.subject.contentHash !== hash) {
      throw new SpecloopError("approval_void", `${entry.approvalId} was given for another content.`, {
        target: entry.change,
      });
    }
    await journal.save({ ...entry, state: "granted" });
    return { "Specloop-Approval": grant.approvalId, "Specloop-Approved-By": oneLine(grant.approvedBy.join(", ")) };
  }

  /** What a person approved while no daemon ran, and what a crash left between the approval and the archive. */
  async approvedMeanwhile(): Promise<Entry[]> {
    const { journal, approvals } = this.#parts;
    const redeemed = await this.#redeemed();
    const found: Entry[] = [];
    for (const entry of await journal.inState("proposed", "granted")) {
      if (entry.state === "proposed" && redeemed.has(entry.id)) await journal.save({ ...entry, state: "granted" });
      const approval = entry.approvalId === null ? null : await approvals?.get(entry.approvalId).catch(() => null);
      if (redeemed.has(entry.id) || approval?.state === "approved") found.push(entry);
    }
    return found;
  }

  /** Entries whose approval is used up and that are not archived yet. */
  async #redeemed(): Promise<Set<string>> {
    const { journal, approvals } = this.#parts;
    const redeemed = new Set<string>();
    for (const { approvalId, subject } of (await approvals?.unfinished("archive")) ?? []) {
      const entry = await journal.byId(subject.ref);
      // A crash after the commit left only this to be said.
      if (entry?.state === "done") await approvals?.carriedOut(approvalId, entry.commit);
      else redeemed.add(subject.ref);
    }
    return redeemed;
  }

  /** A branch that a person merged is archived by that: nothing is left to do. */
  async settleMerged(): Promise<void> {
    const { git, journal, events, clock } = this.#parts;
    const waiting = await journal.inState("proposed");
    if (waiting.length === 0) return;
    const { commit: head } = await git.head();
    for (const entry of waiting) {
      if (head === null || entry.commit === null || !(await git.isAncestor(entry.commit, head))) continue;
      await journal.save({ ...entry, state: "done" });
      if (entry.kind !== "archive" || entry.move === null) continue;
      const archivedAs = entry.move.to.slice(entry.move.to.lastIndexOf("/") + 1);
      const savedTexts = (await journal.savedTexts(entry.root, entry.change)).size;
      const { change: changeId, root, commit, principal } = entry;
      const ms = Math.max(0, clock.now() - entry.createdAt);
      events.emit("change.archived", { changeId, root, archivedAs, commit, savedTexts, ms, principal });
    }
  }

  /** A person said no, or the request ran out. */
  async ended(approvalId: string): Promise<void> {
    const { journal } = this.#parts;
    const entry = (await journal.inState("proposed")).find((waiting) => waiting.approvalId === approvalId);
    if (entry) await journal.save({ ...entry, state: "undone", note: "The approval ended without a yes." });
  }

  /** The approved archive cannot be made any more; the approval is given back as void unless it was used up. */
  async notCarriedOut(entry: Entry, error: unknown): Promise<void> {
    const { journal, approvals } = this.#parts;
    const now = await journal.byId(entry.id);
    const { message } = toSpecloopError(error);
    if (now && now.state !== "done" && now.state !== "undone")
      await journal.save({ ...now, state: "undone", note: message });
    if (entry.approvalId !== null) await approvals?.void(entry.approvalId, message).catch(() => undefined);
  }

  /** The hash of what would be, from a commit that no branch has. */
  async #hashOf(entry: Entry, plan: Plan): Promise<string> {
    const { git } = this.#parts;
    await this.#refuseUnsaved(entry, plan);
    const { commit: base } = await git.head();
    if (base === null) throw new SpecloopError("no_commits", "The repository has no commit yet.");
    const ref = `${CHECKED}${entry.id}`;
    const commit = await this.#commit(ref, base, plan);
    const hash = await contentHashAt(git, commit, await pathsOf(git, plan.move, base));
    await git.deleteBranch(ref, commit);
    return hash;
  }

  async #commit(ref: string, parent: string, { move, contents }: Plan): Promise<string> {
    const { git } = this.#parts;
    const files = new Map(move.files.map(({ path }, index) => [path, contents[index] ?? null] as const));
    const { from, to, message, trailers } = move;
    const expected = await git.resolve(ref);
    if (expected !== null) await this.#refuseForeign(ref, expected);
    return git.commitToBranch({ ref, parent, expected, files, moves: [{ from, to }], message, trailers });
  }

  /** A branch that stays from an earlier request is made anew; with a commit of somebody else's on it, it is theirs. */
  async #refuseForeign(ref: string, commit: string): Promise<void> {
    const [last] = await this.#parts.git.history({ revision: commit, limit: 1 });
    if (last?.trailers["Specloop-Archive"] ?? last?.trailers["Specloop-Unarchive"]) return;
    const branch = ref.replace("refs/heads/", "");
    const message = `The branch ${branch} has commits that specloop did not make.`;
    const fix = `Merge it or give it another name: git branch -m ${branch} <name>`;
    const reasons: Diagnostic[] = [{ severity: "error", code: "branch_in_use", message, target: branch, fix }];
    throw new SpecloopError("archive_refused", message, { target: branch, fix, details: { reasons } });
  }

  /** The branch is made from the last commit, so that must be what was looked at. */
  async #refuseUnsaved({ change }: Entry, { move }: Plan): Promise<void> {
    const dirty = await this.#parts.git.dirty(move.from);
    if (dirty.length === 0) return;
    const reasons = dirty.map((path): Diagnostic => {
      const message = `${path} is not as the last commit has it.`;
      return { severity: "error", code: "uncommitted_change", message, target: path, fix: "Commit the change first." };
    });
    throw new SpecloopError("archive_refused", `${change} is not committed as it is.`, {
      target: change,
      details: { reasons },
    });
  }
}

/** A person's name is whatever the client said; in a trailer it must not begin another line. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, 500);
}
