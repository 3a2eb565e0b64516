import { randomUUID } from "node:crypto";
import { SpecloopError } from "../../foundation/errors.ts";
import { checkAuthor, checkOwnRef, checkPath, checkRevision, composeMessage } from "./arguments.ts";
import { OWN_WRITE_OPTIONS } from "./commit-only.ts";
import type { BranchCommitRequest } from "./port.ts";
import type { GitRunner } from "./run.ts";

const NOWHERE = "0".repeat(40);

/**
 * See Git.commitToBranch. `git fast-import` writes the blobs, the trees on the way and the commit in one process at any
 * repository size, without an index; then the ref is moved by compare-and-swap. Hooks don't run and nothing is signed:
 * merging the branch is the person's act, with the person's hooks and signature.
 */
export async function commitToBranch(run: GitRunner, request: BranchCommitRequest): Promise<string> {
  const ref = checkOwnRef(request.ref);
  const parent = checkRevision(request.parent);
  const message = composeMessage(request.message, request.trailers);
  for (const path of request.files.keys()) checkPath(path);
  const [files, , modes, author, committer] = await Promise.all([
    written(run, request.files),
    refuseCheckedOut(run, ref),
    modesAt(run, parent, [...request.files.keys()]),
    identity(run, "GIT_AUTHOR_IDENT"),
    identity(run, "GIT_COMMITTER_IDENT"),
  ]);
  const name = request.author === undefined ? author : withName(author, checkAuthor(request.author));
  const moves = (request.moves ?? []).map(({ from, to }) => ({ from: checkPath(from), to: checkPath(to) }));
  const stream = importStream({ parent, message, author: name, committer, files, moves, modes });
  const args = [...OWN_WRITE_OPTIONS, "fast-import", "--quiet", "--done", "--date-format=raw"];
  const { stdout } = await run.run(args, { kind: "write", input: stream });
  const commit = stdout.toString("utf8").trim();
  await moveRef(run, { ref, to: commit, from: request.expected ?? NOWHERE });
  return commit;
}

/** See Git.deleteBranch. */
export async function deleteBranch(run: GitRunner, ref: string, expected: string): Promise<void> {
  checkOwnRef(ref);
  checkRevision(expected);
  await refuseCheckedOut(run, ref);
  try {
    await run.run([...OWN_WRITE_OPTIONS, "update-ref", "-d", ref, expected], { kind: "write" });
  } catch (error) {
    throw moved(ref, error);
  }
}

/** A branch that somebody has checked out must not move under their feet: their next commit would undo ours. */
async function refuseCheckedOut(run: GitRunner, ref: string): Promise<void> {
  const worktrees = await run.read(["worktree", "list", "--porcelain"]);
  if (!worktrees.split("\n").includes(`branch ${ref}`)) return;
  throw new SpecloopError("ref_moved", `${ref} is checked out in a worktree.`, {
    target: ref,
    fix: "Switch that worktree to another branch and call again; nothing was changed.",
  });
}

/** File modes at the parent, so that an executable stays one; what is no plain file is not written through. */
async function modesAt(run: GitRunner, parent: string, paths: string[]): Promise<Map<string, string>> {
  if (paths.length === 0) return new Map();
  const listed = await run.read(["ls-tree", "-z", "--full-tree", parent, "--", ...paths]);
  const modes = new Map<string, string>();
  for (const line of listed.split("\0").filter(Boolean)) {
    const mode = line.slice(0, 6);
    const path = line.slice(line.indexOf("\t") + 1);
    if (!mode.startsWith("100")) {
      throw new SpecloopError("bad_input", `"${path}" is a link, a folder or a submodule.`, { target: path });
    }
    modes.set(path, mode);
  }
  return modes;
}

/** Text, a blob that git has already, or nothing. */
type Content = string | { blob: string } | null;

/** What lies in the working tree is written as a commit of it would be: a file that Git LFS keeps becomes its pointer. */
async function written(run: GitRunner, files: BranchCommitRequest["files"]): Promise<Map<string, Content>> {
  const contents = new Map<string, Content>();
  for (const [path, content] of files) {
    if (!(content instanceof Uint8Array)) contents.set(path, content);
    else {
      const args = [...OWN_WRITE_OPTIONS, "hash-object", "-w", "--stdin", `--path=${checkPath(path)}`];
      const { stdout } = await run.run(args, { kind: "write", input: Buffer.from(content) });
      contents.set(path, { blob: stdout.toString("utf8").trim() });
    }
  }
  return contents;
}

/** `Name <mail> 1700000000 +0100` as configured; git refuses when it has no identity. */
async function identity(run: GitRunner, name: string): Promise<string> {
  return (await run.read(["var", name])).trim();
}

function withName(configured: string, author: string): string {
  const date = /> (\d+ [+-]\d{4})$/.exec(configured)?.[1] ?? `${Math.floor(Date.now() / 1000)} +0000`;
  return `${author} ${date}`;
}

interface Import {
  parent: string;
  message: string;
  author: string;
  committer: string;
  files: Map<string, Content>;
  moves: { from: string; to: string }[];
  modes: Map<string, string>;
}

/**
 * The language of git-fast-import(1). A commit needs a ref there: it gets one that nobody has, and the last `reset` to
 * nothing keeps even that from being made. (With the real ref that `reset` would delete it.)
 */
function importStream({ parent, message, author, committer, files, moves, modes }: Import): Buffer {
  const scratch = `refs/specloop/scratch/${randomUUID()}`;
  const parts: string[] = [`commit ${scratch}\nmark :1\nauthor ${author}\ncommitter ${committer}\n`];
  parts.push(data(message), `from ${parent}\n`);
  for (const { from, to } of moves) parts.push(`R ${quoted(from)} ${quoted(to)}\n`);
  for (const [path, content] of files) {
    if (content === null) parts.push(`D ${quoted(path)}\n`);
    else if (typeof content !== "string")
      parts.push(`M ${modes.get(path) ?? "100644"} ${content.blob} ${quoted(path)}\n`);
    else parts.push(`M ${modes.get(path) ?? "100644"} inline ${quoted(path)}\n${data(content)}\n`);
  }
  parts.push(`\nget-mark :1\nreset ${scratch}\nfrom ${NOWHERE}\n\ndone\n`);
  return Buffer.from(parts.join(""), "utf8");
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text, "utf8")}\n${text}`;
}

function quoted(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

async function moveRef(run: GitRunner, { ref, to, from }: { ref: string; to: string; from: string }): Promise<void> {
  const args = [...OWN_WRITE_OPTIONS, "update-ref", "-m", "specloop: commit", ref, to, from];
  try {
    await run.run(args, { kind: "write" });
  } catch (error) {
    throw moved(ref, error);
  }
}

function moved(ref: string, cause: unknown): unknown {
  const lost =
    cause instanceof Error &&
    /cannot lock ref|reference already exists|but expected|unable to resolve/i.test(cause.message);
  return lost ? new SpecloopError("ref_moved", `${ref} is not where it was expected.`, { target: ref, cause }) : cause;
}
