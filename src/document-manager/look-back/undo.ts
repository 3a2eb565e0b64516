import type { DocumentEdit } from "../../adapters/markdown/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";
import type { Principal } from "../../foundation/principal.ts";
import type { Edit, EditRows } from "../edit-rows.ts";
import type { RevertRequest, UpdateRequest, UpdateResult } from "../types.ts";

export interface UndoRequest {
  /** Id of the edit (`Specloop-Edit`), or a commit of ours with everything in it. */
  target: string;
  reason?: string | undefined;
  principal: Principal;
}

interface Dependencies {
  rows: EditRows;
  update: (request: UpdateRequest) => Promise<UpdateResult>;
  revert: (request: RevertRequest) => Promise<UpdateResult>;
}

const EDIT_ID = /^e-/;

/**
 * Takes an edit back by a new commit. A commit goes back as a whole while its files are as it left them. One edit is
 * undone where its lines still stand as it wrote them, also when it shares its commit with others or the document went on
 * around it; else `stale_revision`. Throws `not_found` for an edit that is not known or never came into the history.
 */
export async function undo(
  { rows, update, revert }: Dependencies,
  { target, reason, principal }: UndoRequest,
): Promise<UpdateResult> {
  if (!EDIT_ID.test(target)) return revert({ commit: target, reason: reason ?? `Undo ${target}`, principal });
  const edit = await rows.byId(target);
  if (edit?.state !== "committed") throw notThere(target, edit);
  const why = reason ?? `Undo "${edit.reason.split("\n")[0]}"`;
  if (edit.files.some(({ base, next }) => base === null || next === null)) {
    return revert({ commit: edit.commit ?? target, edit, reason: why, principal });
  }
  try {
    return await update({ files: inverseOf(edit), reason: why, principal });
  } catch (error) {
    throw explained(edit, error);
  }
}

/** The edits that put back what an edit replaced, from the difference that was kept when it was made. */
function inverseOf(edit: Edit): UpdateRequest["files"] {
  return (edit.result?.files ?? []).map(({ path, diff }) => ({ path, edits: inverseEdits(edit, path, diff) }));
}

function inverseEdits(edit: Edit, path: string, diff: string): DocumentEdit[] {
  const lines = diff.split("\n");
  const hunks = lines.flatMap((line, at) => (line.startsWith("@@") ? [at] : []));
  if (hunks.length === 0 || lines.at(-1) === CUT) {
    throw new SpecloopError("stale_revision", `What ${edit.id} did to ${path} is too long to be undone by itself.`, {
      target: path,
      fix: `Undo its whole commit ${edit.commit?.slice(0, 10) ?? ""}, or see what it did with doc_diff.`,
    });
  }
  return hunks.map((at, index) => {
    const body = lines.slice(at + 1, hunks[index + 1]);
    return { kind: "replace_text", find: sideOf(body, "+"), replace: sideOf(body, "-") };
  });
}

/** What `unifiedDiff` ends with where it was cut. */
const CUT = "… (diff cut)";
const NO_LINE_END = "\\ No newline at end of file";

/** The text of one side of a hunk: the lines that both share and those that only it has. */
function sideOf(body: string[], mark: "+" | "-"): string {
  let text = "";
  let ours = false;
  for (const line of body) {
    if (line === NO_LINE_END && ours) text = text.slice(0, -1);
    if (line === NO_LINE_END) continue;
    ours = line.startsWith(" ") || line.startsWith(mark);
    if (ours) text += `${line.slice(1)}\n`;
  }
  // Edits count from behind a byte order mark.
  return text.replace(/^\uFEFF/, "");
}

function explained(edit: Edit, error: unknown): unknown {
  const isGone =
    error instanceof SpecloopError && (error.code === "unknown_section" || error.code === "ambiguous_target");
  if (!isGone) return error;
  const where = error.target ?? edit.files[0]?.path ?? "";
  return new SpecloopError("stale_revision", `The lines that ${edit.id} wrote in ${where} are not as it left them.`, {
    target: where,
    fix: `See what became of them: specloop doc history ${where}. Then edit the document instead.`,
    cause: error,
  });
}

function notThere(target: string, edit: Edit | null): SpecloopError {
  const why = edit
    ? `The edit ${target} is ${edit.state}, so there is nothing to undo.`
    : `No edit is called ${target}.`;
  return new SpecloopError("not_found", why, {
    target,
    fix: "doc_history lists commits, and their edits as Specloop-Edit.",
  });
}
