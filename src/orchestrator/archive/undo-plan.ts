import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Git, PathCommit } from "../../adapters/git/index.ts";
import { SpecloopError, type Diagnostic } from "../../foundation/errors.ts";
import { gitBlobId } from "../../foundation/hash.ts";
import { principalLabel } from "../../foundation/principal.ts";
import type { ChangeState } from "../state.ts";
import { ARCHIVE_DATE } from "../proposals.ts";
import { accountFor } from "./account.ts";
import type { Plan, PlanContext } from "./plan.ts";
import { capabilitiesIn } from "./scratch.ts";
import { exists, hashOfTree, readTree } from "./tree.ts";

/**
 * The way back of an archive: the folder under its own name again, and each spec as it was before the commit that archived
 * it. Throws `archive_refused` when a spec says something else since, when that commit did more to a spec than this change
 * says, or when there is no such commit.
 */
export async function planUnarchive(state: ChangeState, context: PlanContext): Promise<Plan> {
  const { git, id, principal, trailers = {} } = context;
  const commit = await archivingCommit(state, git);
  const name = nameBefore(state, commit);
  const to = `${state.root}/changes/${name}`;
  if (await exists(join(git.places.worktree, to))) {
    throw new SpecloopError("change_exists", `${to} exists already.`, { target: to });
  }
  const own = new Set(capabilitiesIn((await readTree(join(git.places.worktree, state.path))).keys()));
  const specs = commit.changes.filter(({ path }) => own.has(capabilityOf(path, state)));
  const files = [];
  const contents: (Buffer | null)[] = [];
  for (const { path, before, after } of specs) {
    const [earlier, archived] = await Promise.all([before, after].map((blob) => contentOf(git, blob)));
    const { now, isConverted } = await refuseMoved(git, path, archived ?? null);
    await refuseForeign({ state, path, before: earlier ?? null, after: archived ?? null }, git);
    const content = earlier && isConverted ? withReturns(earlier) : (earlier ?? null);
    files.push({ path, before: idOf(now), after: idOf(content) });
    contents.push(content);
  }
  return {
    move: {
      from: state.path,
      to,
      folder: hashOfTree(await readTree(join(git.places.worktree, state.path))),
      files,
      message: `Take ${name} back from the archive\n\nThis reverts what commit ${commit.commit} did to the specs.\n`,
      trailers: {
        "Specloop-Change": name,
        "Specloop-Unarchive": id,
        "Specloop-Principal": principalLabel(principal),
        ...trailers,
      },
    },
    contents,
  };
}

/** The commit that brought the folder: the oldest one that added a file of it since it was last gone. */
async function archivingCommit(state: ChangeState, git: Git): Promise<PathCommit> {
  const before = namesBefore(state).map((name) => `${state.root}/changes/${name}`);
  const commits = await git.pathHistory({ under: [state.path, `${state.root}/specs`, ...before] });
  const inFolder = (path: string) => path.startsWith(`${state.path}/`);
  const adding = commits.filter(({ changes }) => changes.some(({ path, before }) => inFolder(path) && before === null));
  // A file may be added to an archived change later; the commit that archived it brought the most.
  const weight = ({ changes }: PathCommit) =>
    changes.filter(({ path, before }) => inFolder(path) && before === null).length;
  const commit = adding.toSorted((a, b) => weight(b) - weight(a))[0];
  if (!commit) {
    throw refusal(
      "not_committed",
      `No commit has ${state.path} yet.`,
      state.path,
      "Undo the archive by hand, or commit it first.",
    );
  }
  if ((await git.shallowCommits()).has(commit.commit)) {
    throw refusal(
      "history_ends",
      `The history of this shallow clone ends before ${state.id} was archived.`,
      state.path,
      "Fetch more: git fetch --unshallow",
    );
  }
  return commit;
}

/** A change may be named by its folder in the archive; only its history tells whether the date there was its own. */
function nameBefore(state: ChangeState, { changes }: PathCommit): string {
  const names = namesBefore(state);
  const left = names.find((name) =>
    changes.some(({ path, after }) => after === null && path.startsWith(`${state.root}/changes/${name}/`)),
  );
  return left ?? names[0] ?? state.id;
}

function namesBefore({ path }: ChangeState): string[] {
  const folder = path.slice(path.lastIndexOf("/") + 1);
  return [...new Set([folder.replace(ARCHIVE_DATE, ""), folder])];
}

function capabilityOf(path: string, { root }: ChangeState): string {
  const start = `${root}/specs/`;
  return path.startsWith(start) && path.endsWith("/spec.md") ? path.slice(start.length, -"/spec.md".length) : "";
}

async function contentOf(git: Git, blob: string | null): Promise<Buffer | null> {
  if (blob === null) return null;
  const content = (await git.readBlobs([blob])).get(blob);
  if (!content)
    throw refusal(
      "history_ends",
      "An earlier text of a spec is not in this clone.",
      blob,
      "Fetch it: git fetch --refetch",
    );
  return content;
}

/** What the spec is in the working tree, where git may have given it other line ends (`core.autocrlf`). */
interface SpecNow {
  now: Buffer | null;
  isConverted: boolean;
}

async function refuseMoved(git: Git, path: string, archived: Buffer | null): Promise<SpecNow> {
  const now = await readFile(join(git.places.worktree, path)).catch(() => null);
  const same = now === null ? archived === null : archived !== null && now.equals(archived);
  if (same) return { now, isConverted: false };
  if (now && archived && now.equals(withReturns(archived))) return { now, isConverted: true };
  throw refusal(
    "spec_moved",
    `${path} was changed since the change was archived.`,
    path,
    "Take back the later changes first, the newest one before the others.",
  );
}

/** Byte for byte, whatever the text's encoding is. */
function withReturns(content: Buffer): Buffer {
  return Buffer.from(content.toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1");
}

interface Edited {
  state: ChangeState;
  path: string;
  before: Buffer | null;
  after: Buffer | null;
}

/** A commit that archives several changes, or edits a spec beside, is not undone for one of them. */
async function refuseForeign({ state, path, before, after }: Edited, git: Git): Promise<void> {
  const capability = capabilityOf(path, state);
  const file = join(git.places.worktree, state.path, "specs", capability, "spec.md");
  const delta = await readFile(file, "utf8");
  const texts = { before: before?.toString("utf8") ?? null, after: after?.toString("utf8") ?? null };
  if (accountFor({ capability, ...texts, delta }).length === 0) return;
  throw refusal(
    "not_alone",
    `The commit that archived ${state.id} changed ${path} in other ways as well.`,
    path,
    "Take that commit back with git revert, or edit by hand.",
  );
}

function idOf(content: Buffer | null): string | null {
  return content === null ? null : gitBlobId(content);
}

function refusal(code: string, message: string, target: string, fix: string): SpecloopError {
  const reasons: Diagnostic[] = [{ severity: "error", code, message, target, fix }];
  return new SpecloopError("archive_refused", message, { target, fix, details: { reasons } });
}
