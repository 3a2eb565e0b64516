import type { Approval, ApprovalService, ApprovalSubject, Grant } from "../access/approvals/index.ts";
import { contentHashAt } from "../access/approvals/index.ts";
import type { Git } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import { gitBlobId } from "../foundation/hash.ts";
import type { EventBus } from "../foundation/events.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Live } from "../foundation/options.ts";
import { readDocument } from "./document.ts";
import { hashOfInput, type Edit, type EditRows } from "./edit-rows.ts";
import { newEdit, withFiles } from "./new-edit.ts";
import type { DocumentOptions } from "./options.ts";
import type { PathPolicy } from "./policy.ts";
import type { PreparedFile } from "./prepare.ts";
import type { UpdateResult } from "./types.ts";

/** What this room asks of approvals. */
export type DocumentApprovals = Pick<
  ApprovalService,
  "sensitive" | "request" | "about" | "granted" | "unfinished" | "redeem" | "carriedOut" | "void"
>;

interface Dependencies {
  approvals: DocumentApprovals;
  git: Git;
  rows: EditRows;
  policy: PathPolicy;
  options: Live<DocumentOptions>;
  events: EventBus;
  clock: Clock;
  logger: Logger;
  /** Writes worked-out files and commits them alone. */
  write(edit: Edit, files: PreparedFile[]): Promise<UpdateResult>;
}

const AGAIN_MS = 15_000;
/** Requests of edits that were proposed longer ago are not made up for. */
const REMEMBERED_MS = 7 * 24 * 3_600_000;

/** Asks for the approval of proposed edits and carries out those that were approved, each once. */
export class ApprovedEdits {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Carries out what is granted now and later, in turn with other edits, until disposed. */
  async follow(inTurn: (work: () => Promise<void>) => Promise<void>): Promise<Disposable> {
    const { events, logger } = this.#deps;
    const stack = new DisposableStack();
    const again = () =>
      void inTurn(() => this.carryOut()).catch((error: unknown) =>
        logger.debug({ err: error }, "approved edits were not looked at"),
      );
    for (const name of ["approval.granted", "git.refs_moved", "watch.settled"] as const)
      stack.use(events.on(name, again));
    // What a person's uncommitted work holds up goes on when that is gone, of which nothing tells outside the planning.
    const timer = setInterval(again, AGAIN_MS).unref();
    stack.defer(() => clearInterval(timer));
    await inTurn(async () => {
      await this.makeUp();
      await this.carryOut();
    });
    return stack;
  }

  /** Requests the approval of an edit that waits on its branch; null for one that is no sensitive edit. */
  async ask(edit: Edit): Promise<string | null> {
    const { approvals, git, policy } = this.#deps;
    const paths = edit.files.map(({ path }) => path);
    if (edit.commit === null || edit.branch === null || !paths.some((path) => policy.isSensitive(path))) return null;
    const { commit, branch } = edit;
    const base = (await git.resolve(`${commit}^`)) ?? commit;
    const contentHash = await contentHashAt(git, commit, paths);
    const subject = { operation: "document" as const, ref: edit.id, branch, commit, base, paths, contentHash };
    const title = `${edit.message.split("\n")[0] ?? ""} (${paths.join(", ")})`;
    return (await approvals.request({ subject, title, reason: edit.reason, proposer: edit.principal })).id;
  }

  /** What a crash left between the branch and the request. */
  async makeUp(): Promise<void> {
    const { approvals, rows, git, clock, logger } = this.#deps;
    for (const edit of await rows.inState("proposed")) {
      if (clock.now() - edit.createdAt > REMEMBERED_MS || edit.branch === null) continue;
      if ((await git.resolve(`refs/heads/${edit.branch}`)) !== edit.commit) continue;
      if (await approvals.about("document", edit.id)) continue;
      await this.ask(edit).catch((error: unknown) =>
        logger.warn({ err: error, edit: edit.id }, "no approval was asked"),
      );
    }
  }

  /** Carries out what is granted; what git or the person is in the way of is tried again at the next call. */
  async carryOut(): Promise<void> {
    const { approvals, logger } = this.#deps;
    for (const grant of await approvals.unfinished("document"))
      if (await this.#isHere(grant)) await this.#try(() => this.#apply(grant), grant.approvalId);
    for (const approval of await approvals.granted("document")) {
      if (!(await this.#isHere(approval))) continue;
      const later = await this.#whyLater(approval.subject);
      if (later === null) await this.#try(() => this.#redeemed(approval), approval.id);
      else logger.info({ approval: approval.id, reason: later }, "an approved edit waits");
    }
  }

  /** An edit of another worktree is carried out there. */
  async #isHere({ subject }: Pick<Grant, "subject">): Promise<boolean> {
    return (await this.#deps.rows.byId(subject.ref)) !== null;
  }

  async #redeemed({ id, subject }: Approval): Promise<void> {
    await this.#apply(await this.#deps.approvals.redeem(id, subject.contentHash));
  }

  async #try(work: () => Promise<void>, approvalId: string): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      this.#deps.logger.warn({ err: error, approval: approvalId }, "an approved edit was not carried out");
      if (error.code === "approval_void") await this.#deps.approvals.void(approvalId, error.message);
    }
  }

  /** Before the approval is used up: what the person has not committed is not written over. */
  async #whyLater({ paths }: ApprovalSubject): Promise<string | null> {
    const { git } = this.#deps;
    const { branch } = await git.head();
    if (branch === null || branch.startsWith("specloop/")) return "no branch of a person is checked out";
    const state = await git.state();
    if (state.kind !== "clean") return "git is in the middle of something";
    for (const path of paths) {
      const is = await git.pathState(path);
      if (is !== "clean" && is !== "absent") return `${path} has changes that are not committed`;
    }
    return null;
  }

  async #apply(grant: Grant): Promise<void> {
    const { rows, approvals, git } = this.#deps;
    const { approvalId, subject } = grant;
    const original = await rows.byId(subject.ref);
    if (!original) throw new SpecloopError("approval_void", `The edit ${subject.ref} is not known here.`);
    const key = `approval:${approvalId}`;
    const inputHash = hashOfInput({ approval: approvalId, content: subject.contentHash });
    const earlier = await rows.earlier(original.principal, key, inputHash);
    const result = earlier ?? (await this.#write(original, grant, { key, inputHash }));
    if (result.status === "commit_pending") return;
    await approvals.carriedOut(approvalId, result.commit);
    // The content is on the person's branch; the one that proposed it has done its work.
    await git.deleteBranch(`refs/heads/${subject.branch}`, subject.commit).catch(() => {});
  }

  async #write(
    { principal, reason, message }: Edit,
    { approvalId, approvedBy, subject }: Grant,
    { key, inputHash }: { key: string; inputHash: string },
  ): Promise<UpdateResult> {
    const files = await this.#files(subject);
    const createdAt = this.#deps.clock.now();
    const edit = newEdit({ principal, reason, message, inputHash, createdAt, idempotencyKey: key });
    const by = approvedBy.map(oneLine).join(", ").slice(0, 500);
    const trailers = { ...edit.trailers, "Specloop-Approval": approvalId, "Specloop-Approved-By": by };
    return this.#deps.write(withFiles({ ...edit, trailers }, files), files);
  }

  /** Byte for byte what the approved commit has, as long as the documents are what it was made from. */
  async #files({ paths, base, commit }: ApprovalSubject): Promise<PreparedFile[]> {
    const { git, policy, options } = this.#deps;
    const files: PreparedFile[] = [];
    for (const path of paths) {
      const located = policy.locate(path);
      if (located.path !== path) throw new SpecloopError("approval_void", `"${path}" became a link.`, { target: path });
      const [was, is, after] = await Promise.all([
        git.list(base, path),
        git.list("HEAD", path),
        git.read(commit, path),
      ]);
      if (was.get(path) !== is.get(path))
        throw new SpecloopError("approval_void", `"${path}" changed since it was proposed.`, { target: path });
      const content = await readDocument(located, options.current.maxBytes);
      await this.#refuseUnsettled(path);
      const next = after === null ? null : gitBlobId(after);
      const { bytes: before = null, mode = 0o644, revision = null } = content ?? {};
      files.push({ ...located, before, after, mode, base: revision, next, edits: 1 });
    }
    return files.filter((file) => file.base !== file.next);
  }

  /** Asked after the document was read: what is written over must be what git has, however long ago the yes was given. */
  async #refuseUnsettled(path: string): Promise<void> {
    const is = await this.#deps.git.pathState(path);
    if (is === "clean" || is === "absent") return;
    const why = `${path} has changes that are not committed.`;
    const fix = `Commit them (git commit ${path}) or undo them; the approved edit is carried out then.`;
    throw new SpecloopError("document_busy", why, { target: path, fix });
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
}
