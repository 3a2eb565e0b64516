import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import type { GitPlaces, GitState, Head } from "./port.ts";
import type { GitRunner } from "./run.ts";

type Operation = Extract<GitState, { kind: "busy" }>["operation"];

/**
 * Whether a commit may be made now. git itself refuses one only during a merge and a cherry-pick; during a rebase, a
 * bisect and on a detached HEAD it commits, and the commit is lost from the branch afterwards.
 */
export async function readState(run: GitRunner, places: GitPlaces): Promise<GitState> {
  const operation = runningOperation(places.gitDirectory);
  if (operation) return { kind: "busy", operation };
  const branch = await currentBranch(run, places);
  if (branch === null) return { kind: "detached" };
  return (await hasCommit(run, places, branch)) ? { kind: "clean", branch } : { kind: "unborn", branch };
}

export async function readHead(run: GitRunner): Promise<Head> {
  const { stdout, code } = await run.run(["rev-parse", "HEAD", "--symbolic-full-name", "HEAD"], {
    kind: "read",
    allow: [128],
  });
  if (code !== 0) return { commit: null, branch: await symbolicBranch(run) };
  const [commit = "", name = ""] = stdout.toString("utf8").trim().split("\n");
  return { commit, branch: name.startsWith("refs/heads/") ? name.slice("refs/heads/".length) : null };
}

/** Throws `git_busy` with what to do, unless a commit may be made (also the first one). */
export function refuseBusy(state: GitState): void {
  if (state.kind === "clean" || state.kind === "unborn") return;
  if (state.kind === "detached") {
    throw new SpecloopError("git_busy", "HEAD is detached, so a commit would belong to no branch.", {
      fix: "Switch to a branch (`git switch <branch>`) and call again.",
      details: { state },
    });
  }
  const end =
    state.operation === "bisect"
      ? "`git bisect reset`"
      : `\`git ${state.operation} --continue\` or \`git ${state.operation} --abort\``;
  throw new SpecloopError("git_busy", `A ${state.operation} is in progress in this worktree.`, {
    fix: `Finish it: ${end}.`,
    details: { state },
  });
}

/** The files by which git itself remembers what it is in the middle of (gitrepository-layout(5), wt-status.c). */
function runningOperation(directory: string): Operation | null {
  const has = (name: string) => existsSync(join(directory, name));
  if (has("rebase-merge")) return "rebase";
  if (has("rebase-apply")) return has("rebase-apply/applying") ? "am" : "rebase";
  if (has("MERGE_HEAD")) return "merge";
  if (has("CHERRY_PICK_HEAD")) return "cherry-pick";
  if (has("REVERT_HEAD")) return "revert";
  if (has("BISECT_LOG")) return "bisect";
  return has("sequencer/todo") ? sequencerOperation(join(directory, "sequencer/todo")) : null;
}

/** Between two commits of a series neither CHERRY_PICK_HEAD nor REVERT_HEAD exists; the list of what is left does. */
function sequencerOperation(todo: string): Operation {
  return readFileSync(todo, "utf8").startsWith("revert") ? "revert" : "cherry-pick";
}

/** HEAD as a file is read directly; a reftable repository keeps a placeholder there and git is asked. */
async function currentBranch(run: GitRunner, places: GitPlaces): Promise<string | null> {
  const content = readFileSync(join(places.gitDirectory, "HEAD"), "utf8").trim();
  if (content === "ref: refs/heads/.invalid") return symbolicBranch(run);
  return content.startsWith("ref: refs/heads/") ? content.slice("ref: refs/heads/".length) : null;
}

async function symbolicBranch(run: GitRunner): Promise<string | null> {
  const name = (await run.read(["symbolic-ref", "--quiet", "HEAD"], [1])).trim();
  return name.startsWith("refs/heads/") ? name.slice("refs/heads/".length) : null;
}

async function hasCommit(run: GitRunner, places: GitPlaces, branch: string): Promise<boolean> {
  if (existsSync(join(places.commonDirectory, "refs/heads", branch))) return true;
  const { code } = await run.run(["rev-parse", "--verify", "--quiet", "HEAD"], { kind: "read", allow: [1, 128] });
  return code === 0;
}
