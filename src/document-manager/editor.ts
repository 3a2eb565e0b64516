import type { Git, GitState } from "../adapters/git/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import type { Live } from "../foundation/options.ts";
import { resultFiles, type Committer } from "./committer.ts";
import { hashOfInput, type Edit, type EditRows } from "./edit-rows.ts";
import { messageFrom } from "./message.ts";
import { newEdit, withFiles } from "./new-edit.ts";
import type { DocumentOptions } from "./options.ts";
import type { PathPolicy } from "./policy.ts";
import type { PreparedFile, Preparer, Wanted } from "./prepare.ts";
import { headCommit, propose } from "./propose.ts";
import { prepareRevert } from "./revert.ts";
import type { RevertRequest, UpdateRequest, UpdateResult } from "./types.ts";

type PathState = Awaited<ReturnType<Git["pathState"]>>;

interface Dependencies {
  git: Git;
  events: Emitter;
  clock: Clock;
  options: Live<DocumentOptions>;
  policy: PathPolicy;
  preparer: Preparer;
  rows: EditRows;
  committer: Committer;
}

/** A worked-out edit on its way into the working tree; `request` is kept to do it again later, null if it cannot be. */
interface Writing {
  edit: Edit;
  files: PreparedFile[];
  request: UpdateRequest | null;
  started: number;
}

/** Decides which way an edit takes: committed here, proposed on a branch, held until git is free, or nothing to do. */
export class Editor {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  async update(request: UpdateRequest): Promise<UpdateResult> {
    const { files, reason, origin } = request;
    const inputHash = hashOfInput({ files, reason, origin });
    const earlier = await this.#deps.rows.earlier(request.principal, request.idempotencyKey, inputHash);
    if (earlier) return earlier;
    const createdAt = this.#deps.clock.now();
    return this.perform(request, newEdit({ ...request, message: messageFrom(reason), inputHash, createdAt }));
  }

  /** Does a request under the name of an edit; a held one is done again under its own. */
  async perform(request: UpdateRequest, edit: Edit): Promise<UpdateResult> {
    const { policy, preparer, clock } = this.#deps;
    const started = clock.monotonic();
    const wanted = this.#locate(request.files);
    if (request.approved === true) refuseDetours(request.files, wanted);
    const sensitive = wanted.find(({ path }) => request.approved !== true && policy.isSensitive(path));
    if (sensitive) return this.#propose(edit, wanted, `${sensitive.path} is sensitive`);
    // git is asked while the documents are parsed; what is saved in between is found before anything is replaced.
    const [files, states] = await Promise.all([
      Promise.all(wanted.map((file) => preparer.inWorktree(file, request.principal))),
      Promise.all(wanted.map(({ path }) => this.#deps.git.pathState(path))),
    ]);
    const changed = files.filter(({ base, next }) => base !== next);
    if (changed.length === 0) return this.#settleUnchanged(edit, files);
    const dirty = uncommitted(changed.map((file) => ({ ...file, state: states[files.indexOf(file)] ?? "untracked" })));
    if (dirty !== null) return this.#propose(edit, wanted, `${dirty} has changes that are not committed`);
    return this.#write({ edit: withFiles(edit, changed), files: changed, request, started });
  }

  async revert(request: RevertRequest): Promise<UpdateResult> {
    const { git, policy, options, clock } = this.#deps;
    const started = clock.monotonic();
    const { maxBytes } = options.current;
    const { entry, files } = await prepareRevert({ git, policy, maxBytes }, request.commit);
    const message = `Revert "${entry.subject}"\n\nThis reverts commit ${entry.commit}.`;
    const inputHash = hashOfInput({ revert: entry.commit });
    const edit = withFiles(newEdit({ ...request, message, inputHash, createdAt: clock.now() }), files);
    const sensitive = files.find(({ path }) => policy.isSensitive(path));
    if (!sensitive || request.principal.kind !== "agent") return this.#write({ edit, files, request: null, started });
    const parent = await headCommit(git);
    return propose(this.#deps, { edit, files, parent, why: `${sensitive.path} is sensitive` });
  }

  async #write({ edit, files, request, started }: Writing): Promise<UpdateResult> {
    const state = await this.#deps.git.state();
    if (state.kind === "clean" || state.kind === "unborn") return this.#deps.committer.commit(edit, files, started);
    const why = describe(state);
    if (!request) throw new SpecloopError("git_busy", `${why}; nothing was changed.`);
    return this.#hold(edit, { files, request, why });
  }

  /** Writing now would get in the way of what the person does with git; the edit is kept and done afterwards. */
  async #hold(
    edit: Edit,
    { files, request, why }: { files: PreparedFile[]; request: UpdateRequest; why: string },
  ): Promise<UpdateResult> {
    const message = `${why}. The edit is kept, and is written and committed when that is over.`;
    const result: UpdateResult = {
      status: "commit_pending",
      commit: null,
      branch: null,
      files: resultFiles(files),
      message,
    };
    await this.#deps.rows.save({ ...edit, state: "held", request: JSON.stringify(request), result, note: `${why}.` });
    return result;
  }

  async #propose(edit: Edit, wanted: Wanted[], why: string): Promise<UpdateResult> {
    const parent = await headCommit(this.#deps.git);
    const { preparer } = this.#deps;
    const files = await Promise.all(wanted.map((file) => preparer.atHead(file, edit.principal, parent)));
    const changed = files.filter(({ base, next }) => base !== next);
    if (changed.length === 0) return this.#settleUnchanged(edit, files);
    return propose(this.#deps, { edit: withFiles(edit, changed), files: changed, parent, why });
  }

  async #settleUnchanged(edit: Edit, files: PreparedFile[]): Promise<UpdateResult> {
    const message = "Already so; nothing to commit.";
    const result: UpdateResult = {
      status: "unchanged",
      commit: null,
      branch: null,
      files: resultFiles(files),
      message,
    };
    if (edit.state === "held") {
      await this.#deps.rows.save({ ...edit, state: "committed", request: null, result, note: null });
    }
    return result;
  }

  #locate(files: UpdateRequest["files"]): Wanted[] {
    const wanted = files.map(({ path, edits, baseRevision }) => ({
      ...this.#deps.policy.locate(path),
      edits,
      baseRevision,
    }));
    const paths = wanted.map(({ path }) => path);
    const twice = paths.find((path, index) => paths.indexOf(path) !== index);
    if (twice !== undefined) throw new SpecloopError("bad_input", `"${twice}" is named twice.`, { target: twice });
    return wanted;
  }
}

/** A document that the person has changed and not committed; one that git does not know yet is refused. */
function uncommitted(files: (PreparedFile & { state: PathState })[]): string | null {
  for (const { path, before, state } of files) {
    if (state === "clean" || (state === "absent" && before === null)) continue;
    if (state !== "untracked") return path;
    const why = `"${path}" is not committed yet, so an edit could not be told from your own work.`;
    const fix = `Commit it first (git add ${path} && git commit), then repeat the edit.`;
    throw new SpecloopError("document_busy", why, { target: path, fix });
  }
  return null;
}

/** A person approved a path as it reads; behind a link could lie a file that no approval may touch. */
function refuseDetours(files: UpdateRequest["files"], wanted: Wanted[]): void {
  const detour = files.find(({ path }, index) => path !== wanted[index]?.path);
  if (!detour) return;
  throw new SpecloopError("path_protected", `"${detour.path}" is a link or not the plain name of a document.`, {
    target: detour.path,
  });
}

function describe(state: GitState): string {
  if (state.kind === "busy") return `A ${state.operation} is in progress`;
  return state.kind === "detached" ? "HEAD is detached" : "git is busy";
}
