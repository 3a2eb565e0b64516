import type { Git, GitState } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError, toSpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Live } from "../foundation/options.ts";
import type { Committer, Outcome } from "./committer.ts";
import { hashOfInput, type Edit, type EditRows } from "./edit-rows.ts";
import { messageFrom } from "./message.ts";
import { newEdit, withFiles } from "./new-edit.ts";
import type { DocumentOptions } from "./options.ts";
import type { PathGuard } from "./guard.ts";
import type { PathPolicy } from "./policy.ts";
import { locateAll, type PreparedFile, type Preparer, type Wanted } from "./prepare.ts";
import { headCommit, propose } from "./propose.ts";
import { pending, unchanged } from "./results.ts";
import { prepareRevert } from "./revert.ts";
import type { RevertRequest, UpdateRequest, UpdateResult } from "./types.ts";
import { destinationOf } from "./write/destination.ts";
import { prepareInGroup } from "./write/prepare-in-group.ts";
import { type Destination, Group, type Member } from "./write/group.ts";

interface Dependencies {
  git: Git;
  events: Emitter;
  clock: Clock;
  options: Live<DocumentOptions>;
  policy: PathPolicy;
  guard?: PathGuard;
  preparer: Preparer;
  rows: EditRows;
  committer: Committer;
  /** Asks for the approval of an edit that waits on its branch. */
  ask?: ((edit: Edit) => Promise<string | null>) | undefined;
}

/** A request to be done; `edit` when it has a row already: held until git was free, or taken back with its group. */
export interface Ask {
  request: UpdateRequest;
  edit: Edit | null;
}

/** Decides which way an edit takes: committed here, proposed on a branch, held until git is free, or nothing to do. */
export class Editor {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Does requests in their order, as few commits as possible; each succeeds or fails by itself. */
  async update(asks: Ask[]): Promise<Outcome[]> {
    const outcomes = new Map<Ask, Outcome>();
    let group = this.#open(asks);
    let inGroup = new Map<Member, Ask>();
    const finish = async () => {
      await this.#finish(group, inGroup, outcomes);
      group = this.#open(asks.filter((ask) => !outcomes.has(ask)));
      inGroup = new Map();
    };
    for (const ask of asks) {
      try {
        let taken = await this.#take(ask, group);
        if (taken === "later") {
          await finish();
          taken = await this.#take(ask, group);
        }
        if (taken === "later") throw new SpecloopError("internal", "An edit found no place in an empty group.");
        if ("status" in taken) outcomes.set(ask, { status: "fulfilled", value: taken });
        else inGroup.set(taken, ask);
      } catch (error) {
        outcomes.set(ask, await this.#failed(ask, error));
      }
    }
    await this.#finish(group, inGroup, outcomes);
    return asks.map((ask) => outcomes.get(ask) ?? { status: "rejected", reason: new Error("an edit was forgotten") });
  }

  async revert(request: RevertRequest): Promise<UpdateResult> {
    const { git, policy, options, clock } = this.#deps;
    const started = clock.monotonic();
    const { maxBytes } = options.current;
    const { entry, files } = await prepareRevert({ git, policy, maxBytes }, request);
    for (const { path } of files) this.#deps.guard?.check(request.principal, "write", path);
    const what = request.edit && entry.edits.length > 1 ? `edit ${request.edit.id} of commit` : "commit";
    const message = `Revert "${entry.subject}"\n\nThis reverts ${what} ${entry.commit}.`;
    const inputHash = hashOfInput({ revert: entry.commit, edit: request.edit?.id });
    const edit = withFiles(newEdit({ ...request, message, inputHash, createdAt: clock.now() }), files);
    const sensitive = files.find(({ path }) => policy.isSensitive(path));
    if (sensitive && request.principal.kind === "agent")
      return this.proposeAlone(edit, files, `${sensitive.path} is sensitive`);
    return this.writeAlone(edit, files, started);
  }

  /** Writes worked-out files as they are, in a commit of their own; `git_busy` when git is in the middle of something. */
  async writeAlone(
    edit: Edit,
    files: PreparedFile[],
    started: number,
    destination: Destination = { kind: "commit" },
  ): Promise<UpdateResult> {
    const why = describe(await this.#deps.git.state());
    if (why !== null) throw new SpecloopError("git_busy", `${why}; nothing was changed.`);
    const group = new Group(Promise.resolve(new Map()));
    const member: Member = { edit, files, request: null, started, remark: "" };
    group.add(member, destination);
    const outcome = (await this.#deps.committer.commit(group)).outcomes.get(member);
    if (outcome?.status === "fulfilled") return outcome.value;
    throw outcome?.reason;
  }

  /** Commits worked-out files on a branch that waits for a person. */
  async proposeAlone(edit: Edit, files: PreparedFile[], why: string): Promise<UpdateResult> {
    return propose(this.#deps, { edit, files, parent: await headCommit(this.#deps.git), why });
  }

  /** What git has of all the documents, asked once for the whole group. */
  #open(asks: Ask[]): Group {
    const { policy, git } = this.#deps;
    const paths = asks.flatMap(({ request }) => request.files).flatMap(({ path }) => locatedOr(policy, path));
    return new Group(paths.length === 0 ? Promise.resolve(new Map()) : git.recorded([...new Set(paths)]));
  }

  /** A member that joined the group, the result of what needed no place in it, or "later": when the group is done. */
  async #take(ask: Ask, group: Group): Promise<Member | UpdateResult | "later"> {
    const { request } = ask;
    const { files: named, reason, origin, principal } = request;
    const inputHash = hashOfInput({ files: named, reason, origin });
    if (!group.admits(request)) return "later";
    const earlier = ask.edit ? null : await this.#deps.rows.earlier(principal, request.idempotencyKey, inputHash);
    if (earlier) return earlier;
    const { policy, clock } = this.#deps;
    const started = clock.monotonic();
    const createdAt = clock.now();
    const edit = ask.edit ?? newEdit({ ...request, message: messageFrom(reason), inputHash, createdAt });
    const wanted = locateAll(policy, named);
    if (request.approved === true) refuseDetours(named, wanted);
    const sensitive = wanted.find(({ path }) => request.approved !== true && policy.isSensitive(path));
    if (sensitive) return this.#propose(edit, wanted, `${sensitive.path} is sensitive`);
    const prepared = await prepareInGroup(this.#deps, { wanted, principal, group });
    const changed = prepared.files.filter(({ base, next }) => base !== next);
    if (changed.length === 0) {
      const waits = prepared.files.some(({ path }) => group.content(path) !== undefined);
      return waits ? "later" : this.#settleUnchanged(edit, prepared.files);
    }
    const destination = await destinationOf(this.#deps, { files: changed, group, principal });
    if (destination.kind === "propose") return this.#propose(edit, wanted, destination.why);
    const busy = describe(await this.#deps.git.state());
    const member = { edit: withFiles(edit, changed), files: changed, request, started, remark: prepared.remark };
    if (busy !== null) return this.#hold(member, busy);
    if (!group.fits(changed, destination)) return "later";
    group.add(member, destination);
    return member;
  }

  /** Writes and commits the group; halves it as long as one edit spoils the others. */
  async #finish(group: Group, inGroup: Map<Member, Ask>, outcomes: Map<Ask, Outcome>): Promise<void> {
    if (group.members.length === 0) return;
    try {
      const done = await this.#deps.committer.commit(group);
      for (const [member, outcome] of done.outcomes) set(outcomes, inGroup.get(member), outcome);
      const again = done.again.flatMap((member) => {
        const ask = inGroup.get(member);
        return ask ? [{ ask, half: { request: ask.request, edit: member.edit } }] : [];
      });
      const middle = Math.ceil(again.length / 2);
      for (const half of [again.slice(0, middle), again.slice(middle)]) {
        if (half.length === 0) continue;
        const results = await this.update(half.map((one) => one.half));
        for (const [index, outcome] of results.entries()) set(outcomes, half[index]?.ask, outcome);
      }
    } catch (reason) {
      for (const ask of inGroup.values()) if (!outcomes.has(ask)) outcomes.set(ask, { status: "rejected", reason });
    }
  }

  async #failed({ edit }: Ask, error: unknown): Promise<Outcome> {
    const { code, message } = toSpecloopError(error);
    if (edit) await this.#deps.rows.save({ ...edit, state: "failed", note: `${code}: ${message}`, result: null });
    return { status: "rejected", reason: error };
  }

  /** Writing now would get in the way of what the person does with git; the edit is kept and done afterwards. */
  async #hold(member: Member, why: string): Promise<UpdateResult> {
    const { edit, request } = member;
    const result = pending(member, `${why}. The edit is kept, and is written and committed when that is over.`);
    await this.#deps.rows.save({ ...edit, state: "held", request: JSON.stringify(request), result, note: `${why}.` });
    return result;
  }

  async #propose(edit: Edit, wanted: Wanted[], why: string): Promise<UpdateResult> {
    const parent = await headCommit(this.#deps.git);
    const { preparer } = this.#deps;
    const files = await Promise.all(wanted.map((file) => preparer.atHead(file, edit.principal, parent)));
    const changed = files.filter(({ base, next }) => base !== next);
    if (changed.length === 0) return this.#settleUnchanged(edit, files);
    refusePointers(changed);
    return propose(this.#deps, { edit: withFiles(edit, changed), files: changed, parent, why });
  }

  async #settleUnchanged(edit: Edit, files: PreparedFile[]): Promise<UpdateResult> {
    const result = unchanged(files);
    if (edit.state === "held") {
      await this.#deps.rows.save({ ...edit, state: "committed", request: null, result, note: null });
    }
    return result;
  }
}

function set(outcomes: Map<Ask, Outcome>, ask: Ask | undefined, outcome: Outcome): void {
  if (ask) outcomes.set(ask, outcome);
}

/** A path that may not be touched is refused when its own turn comes. */
function locatedOr(policy: PathPolicy, path: string): string[] {
  try {
    return [policy.locate(path).path];
  } catch {
    return [];
  }
}

/** A person approved a path as it reads; behind a link could lie a file that no approval may touch. */
function refuseDetours(files: UpdateRequest["files"], wanted: Wanted[]): void {
  const detour = files.find(({ path }, index) => path !== wanted[index]?.path);
  if (!detour) return;
  throw new SpecloopError("path_protected", `"${detour.path}" is a link or not the plain name of a document.`, {
    target: detour.path,
  });
}

/** In a commit beside, a document that Git LFS keeps is a pointer, and no filter of the person's would turn it back. */
function refusePointers(files: PreparedFile[]): void {
  const pointer = files.find(({ before }) => before?.toString("latin1").startsWith("version https://git-lfs."));
  if (!pointer) return;
  throw new SpecloopError(
    "unsupported",
    `"${pointer.path}" is kept by Git LFS, so it cannot be proposed on a branch.`,
    {
      target: pointer.path,
      fix: "Edit it yourself, or let git keep it as text.",
    },
  );
}

/** What git is in the middle of, null when a commit may be made. */
function describe(state: GitState): string | null {
  if (state.kind === "busy") return `A ${state.operation} is in progress`;
  return state.kind === "detached" ? "HEAD is detached" : null;
}
