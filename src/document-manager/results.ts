import { unifiedDiff } from "./diff.ts";
import type { PreparedFile } from "./prepare.ts";
import type { UpdateResult } from "./types.ts";

/** What results are made from. */
interface Worked {
  files: PreparedFile[];
  /** Said behind everything else; empty for nothing. */
  remark: string;
}

export function resultFiles(files: PreparedFile[]): UpdateResult["files"] {
  return files.map(({ path, before, after, next }) => {
    const diff = unifiedDiff(path, before?.toString("utf8") ?? null, after?.toString("utf8") ?? null);
    return { path, revision: next ?? "", diff };
  });
}

/** `swallowed`: revisions of documents that are otherwise in the commit than we wrote them; `others`: edits in it. */
export function committed(
  { files, remark }: Worked,
  { commit, swallowed, others }: { commit: string; swallowed: Map<string, string>; others: number },
): UpdateResult {
  const shared = others === 0 ? "" : ` together with ${others} other ${others === 1 ? "edit" : "edits"}`;
  const [changed] = files.filter(({ path }) => swallowed.has(path));
  const aside = changed ? ` A hook or a save changed ${changed.path} before git read it; that is in the commit.` : "";
  return {
    status: "committed",
    commit,
    branch: null,
    files: resultFiles(files).map((file) => ({ ...file, revision: swallowed.get(file.path) ?? file.revision })),
    message: `Committed ${namesOf(files)} as ${commit.slice(0, 10)}${shared}.${aside}${remark}`,
  };
}

export function pending({ files, remark }: Worked, message: string): UpdateResult {
  return {
    status: "commit_pending",
    commit: null,
    branch: null,
    files: resultFiles(files),
    message: `${message}${remark}`,
  };
}

export function written({ files, remark }: Worked, why: string): UpdateResult {
  return {
    status: "written",
    commit: null,
    branch: null,
    files: resultFiles(files),
    message: `Wrote ${namesOf(files)}, not committed: ${why}${remark}`,
  };
}

export function unchanged(files: PreparedFile[]): UpdateResult {
  const message = "Already so; nothing to commit.";
  return { status: "unchanged", commit: null, branch: null, files: resultFiles(files), message };
}

function namesOf(files: PreparedFile[]): string {
  return files.map(({ path }) => path).join(", ");
}
