import type { Git } from "../../adapters/git/index.ts";
import { SpecloopError, toSpecloopError } from "../../foundation/errors.ts";
import { gitBlobId, sha256 } from "../../foundation/hash.ts";
import type { Live } from "../../foundation/options.ts";
import type { Principal } from "../../foundation/principal.ts";
import { unifiedDiff } from "../diff.ts";
import { type Content, readDocument } from "../document.ts";
import { hashOfInput, type Edit } from "../edit-rows.ts";
import type { PathGuard } from "../guard.ts";
import { messageFrom } from "../message.ts";
import { newEdit, withFiles } from "../new-edit.ts";
import type { DocumentOptions } from "../options.ts";
import type { Located, PathPolicy } from "../policy.ts";
import type { PreparedFile } from "../prepare.ts";
import type { Origin, UpdateRequest, UpdateResult } from "../types.ts";
import type { Destination } from "../write/group.ts";
import { mergeStale } from "../write/merge-stale.ts";
import type { Left } from "./snapshots.ts";

export interface PutBackRequest {
  left: Left[];
  reason: string;
  principal: Principal;
  origin?: Origin | undefined;
  /** Begins the key of each write, so that a call that is made again changes nothing twice. */
  key: string;
}

/**
 * What became of a document. `restored`: it is as it was. `merged`: what was left behind is gone, what others wrote since
 * is still there. `already`: it was like that. `proposed`: a person has to approve it. `kept`: it stays as it is; `why`
 * says who is in the way, `diff` what they changed.
 */
export interface PutBack {
  path: string;
  became: "restored" | "merged" | "already" | "proposed" | "kept";
  why: string;
  diff: string;
  commit: string | null;
  branch: string | null;
}

interface Dependencies {
  git: Git;
  policy: PathPolicy;
  options: Live<DocumentOptions>;
  guard: PathGuard | undefined;
  now: () => number;
  update: (request: UpdateRequest) => Promise<UpdateResult>;
  /** Writes a worked-out file, in turn with other edits. */
  write: (edit: Edit, file: PreparedFile, destination: Destination) => Promise<UpdateResult>;
  /** Commits it on a branch of its own. */
  propose: (edit: Edit, file: PreparedFile, why: string) => Promise<UpdateResult>;
}

/** Times that a document is looked at again because it changed between reading and writing. */
const TRIES = 3;

/**
 * Makes documents what they were before somebody left them as they are. What others wrote since is kept: merged where
 * its lines lie apart, else the document stays and is listed. Throws only for what has nothing to do with the document
 * itself (`git_busy`, `store_*`), and may then be called again.
 */
export async function putBack(deps: Dependencies, request: PutBackRequest): Promise<PutBack[]> {
  // Side by side, so that they share a commit.
  return Promise.all(request.left.map((left) => putOneBack(deps, request, left)));
}

const PASSING = new Set(["git_busy", "store_busy", "store_full", "store_corrupt", "daemon_stopping"]);

async function putOneBack(deps: Dependencies, request: PutBackRequest, left: Left): Promise<PutBack> {
  for (let turn = 1; ; turn++) {
    try {
      return await tryToPutBack(deps, request, left);
    } catch (thrown) {
      const error = toSpecloopError(thrown);
      if (PASSING.has(error.code)) throw error;
      const again = error.code === "stale_revision" || error.code === "document_busy";
      if (again && turn < TRIES) continue;
      return kept(left.path, error.message);
    }
  }
}

async function tryToPutBack(deps: Dependencies, request: PutBackRequest, given: Left): Promise<PutBack> {
  const located = deps.policy.locate(given.path);
  const content = await readDocument(located, deps.options.current.maxBytes);
  const now = content?.text ?? null;
  const left = { ...given, before: asIn(now, given.before), after: asIn(now, given.after) };
  if (now === left.before) return { ...kept(located.path, "It was like that already."), became: "already" };
  const untouched = now === left.after;
  const wanted = untouched ? left.before : merged(left, now);
  if (wanted === undefined) {
    const diff = unifiedDiff(located.path, left.after, now);
    return { ...kept(located.path, whyKept(left, now)), diff };
  }
  deps.guard?.check(request.principal, "write", located.path);
  const became = untouched ? "restored" : "merged";
  const result = await write(deps, request, { located, content, wanted, untouched });
  return told(located.path, became, result);
}

/** With line ends as the document has them, where git keeps others. */
function asIn(now: string | null, text: string | null): string | null {
  if (now === null || text === null || !now.includes("\r\n") || text.includes("\r\n")) return text;
  return text.replaceAll("\n", "\r\n");
}

/** Undefined where what was left behind and what came since touch each other. */
function merged({ path, before, after }: Left, now: string | null): string | undefined {
  if (now === null || before === null || after === null) return undefined;
  return mergeStale({ base: after, current: now, edits: [{ kind: "write", content: before }], path }) ?? undefined;
}

function whyKept({ before, after }: Left, now: string | null): string {
  if (now === null) return "Somebody removed it since.";
  if (after === null) return "Somebody made it again since.";
  return before === null
    ? "It is new and somebody changed it since."
    : "Somebody changed the same lines since; they are kept.";
}

interface Wanted {
  located: Located;
  content: Content | null;
  wanted: string | null;
  untouched: boolean;
}

async function write(deps: Dependencies, request: PutBackRequest, one: Wanted): Promise<UpdateResult> {
  const { located, content, wanted, untouched } = one;
  const { path } = located;
  const state = await deps.git.pathState(path);
  const settled = state === "clean" || (state === "absent" && content === null);
  if (!settled) {
    if (!untouched) throw busy(path, "it has changes that are not committed");
    const harmless = !deps.policy.isSensitive(path) || (await isCommitted(deps.git, path, wanted));
    if (!harmless) throw busy(path, "it is sensitive and has changes that are not committed");
    const why = `${path} is as it was before; what was left there had not been committed.`;
    return deps.write(...prepared(deps, request, one), { kind: "tree", why });
  }
  if (wanted === null) {
    const [edit, file] = prepared(deps, request, one);
    if (deps.policy.isSensitive(path)) return deps.propose(edit, file, `${path} is sensitive`);
    return deps.write(edit, file, { kind: "commit" });
  }
  return deps.update({
    files: [{ path, edits: [{ kind: "write", content: wanted }], ...(content && { baseRevision: content.revision }) }],
    reason: request.reason,
    principal: request.principal,
    ...(request.origin && { origin: request.origin }),
    idempotencyKey: `${request.key}/${sha256(`${path}\0${content?.revision ?? ""}\0${wanted}`).slice(0, 16)}`,
  });
}

/** What a person has committed as it is needs nobody's approval. */
async function isCommitted(git: Git, path: string, wanted: string | null): Promise<boolean> {
  const head = (await git.read("HEAD", path))?.toString("utf8") ?? null;
  return head === (wanted?.replaceAll("\r\n", "\n") ?? null) || head === wanted;
}

function prepared(
  { now }: Dependencies,
  { reason, principal, origin }: PutBackRequest,
  { located, content, wanted }: Wanted,
): [Edit, PreparedFile] {
  const after = wanted === null ? null : Buffer.from(wanted, "utf8");
  const next = after === null ? null : gitBlobId(after);
  const { bytes: before = null, revision: base = null, mode = 0o644 } = content ?? {};
  const file: PreparedFile = { ...located, before, after, mode, base, next, edits: 1 };
  const inputHash = hashOfInput({ putBack: located.path, base, next });
  const source = { principal, reason, message: messageFrom(reason), inputHash, createdAt: now() };
  return [withFiles(newEdit({ ...source, ...(origin && { origin }) }), [file]), file];
}

function busy(path: string, why: string): SpecloopError {
  return new SpecloopError("bad_input", `"${path}" stays as it is: ${why}.`, { target: path });
}

function kept(path: string, why: string): PutBack {
  return { path, became: "kept", why, diff: "", commit: null, branch: null };
}

function told(path: string, became: PutBack["became"], result: UpdateResult): PutBack {
  const { status, commit, branch, message, files } = result;
  const how = status === "proposed" ? "proposed" : status === "unchanged" ? "already" : became;
  return { path, became: how, why: message, diff: files[0]?.diff ?? "", commit, branch };
}
