import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Git, GitState } from "../../adapters/git/index.ts";
import type { Verdict } from "../../adapters/openspec/index.ts";
import type { Diagnostic } from "../../foundation/errors.ts";
import type { OpenspecOptions } from "../options.ts";
import type { ChangeState } from "../state.ts";
import { hiddenTexts } from "./hidden-texts.ts";
import { LOCK, readLock, type LockHolder } from "./lock.ts";
import { capabilitiesIn } from "./scratch.ts";
import { readTree } from "./tree.ts";

/** Everything about one moment that decides whether a change may be archived. */
export interface GateFacts {
  state: ChangeState;
  /** OpenSpec's verdict on what is on disk now. */
  verdict: Verdict | null;
  policy: OpenspecOptions["archive"];
  git: GitState;
  /** What an `openspec archive` that runs, or died, left. */
  lock: LockHolder;
  /** Paths of specs or deltas, relative to the repository, that are or lie behind symbolic links. */
  links: string[];
  /** Main specs that are not as the last commit has them. */
  unsaved: string[];
  /** Texts that git does not show as changed, or only half of them. */
  hidden: Diagnostic[];
  /** git ignores the archive folder or the change. */
  ignored: boolean;
}

/** Findings that forbid an archive whatever their severity. */
const ALWAYS = new Set(["base_moved", "base_unknown", "conflict_markers"]);

/** Every reason not to archive now; empty when the gate is open. Pure. */
export function reasonsAgainst(facts: GateFacts): Diagnostic[] {
  const { state } = facts;
  if (state.stage === "archived" || state.stage === "abandoned") {
    return [reason("not_active", `${state.id} is ${state.stage}.`, state.id, "Name a change that is under way.")];
  }
  if (!state.path.startsWith(`${state.root}/`)) {
    const fix = "Call specloop in the worktree or store that the change lies in.";
    return [reason("elsewhere", `${state.id} lies in ${state.root}, not in this worktree.`, state.id, fix)];
  }
  if (state.git === "branch") {
    const fix = `Merge it first: git merge ${state.branch}`;
    return [reason("not_in_worktree", `${state.id} is only on the branch ${state.branch}.`, state.id, fix)];
  }
  return [...ofRepository(facts), ...ofFindings(facts), ...ofVerdict(facts), ...ofTasks(facts)];
}

/** Every reason not to take an archived change back that the repository gives; its tasks and findings do not count. */
export function reasonsAgainstReturn(facts: Omit<GateFacts, "verdict" | "policy">): Diagnostic[] {
  const { id, stage } = facts.state;
  if (stage !== "archived")
    return [{ severity: "error", code: "not_archived", message: `${id} is ${stage}, not archived.`, target: id }];
  return ofRepository({
    ...facts,
    verdict: null,
    policy: { openTasks: "allow", openQuestions: "allow", warnings: "allow" },
  });
}

/** Reads what `reasonsAgainst` judges; changes nothing. */
export async function readFacts(
  state: ChangeState,
  git: Git,
): Promise<Omit<GateFacts, "state" | "verdict" | "policy">> {
  const worktree = git.places.worktree;
  const capabilities = capabilitiesIn((await readTree(join(worktree, state.path))).keys());
  const specs = capabilities.map((name) => `${state.root}/specs/${name}/spec.md`);
  const deltas = capabilities.map((name) => `${state.path}/specs/${name}/spec.md`);
  const dirty = new Set(await git.dirty(`${state.root}/specs`));
  const isHere = state.path.startsWith(`${state.root}/`) && state.git !== "branch";
  const archive = `${state.root}/changes/archive`;
  return {
    git: await git.state(),
    lock: await readLock(join(worktree, archive)),
    links: await linksAmong(worktree, state.root, [...specs, ...deltas, `${archive}/x`]),
    unsaved: specs.filter((path) => dirty.has(path)),
    hidden: isHere
      ? await hiddenTexts(git, {
          folder: state.path,
          specs: specs.filter((path) => !dirty.has(path)),
          texts: state.stage === "archived" ? [] : [...specs, ...deltas],
        })
      : [],
    ignored: (await git.isIgnored(`${archive}/${state.id}/proposal.md`)) || (await git.isIgnored(state.path)),
  };
}

function ofRepository({ state, git, lock, links, unsaved, hidden, ignored }: GateFacts): Diagnostic[] {
  const reasons = links.map((path) =>
    reason(
      "linked_spec",
      `${path} is a symbolic link, which an archive does not write through.`,
      path,
      "Replace the link by the file or folder itself.",
    ),
  );
  reasons.push(
    ...unsaved.map((path) =>
      reason(
        "uncommitted_spec",
        `${path} is not as the last commit has it.`,
        path,
        "Commit or undo what you changed there.",
      ),
    ),
  );
  reasons.push(...hidden);
  if (git.kind === "busy") {
    reasons.push(
      reason("git_busy", `A ${git.operation} is in progress in this worktree.`, state.id, "Finish or abort it."),
    );
  }
  if (git.kind === "detached") {
    reasons.push(
      reason(
        "git_busy",
        "HEAD is detached, so the archive would belong to no branch.",
        state.id,
        "Switch to a branch.",
      ),
    );
  }
  if (lock) reasons.push(locked(lock, `${state.root}/changes/archive/${LOCK}`));
  if (ignored) {
    const fix = "Take the planning folder out of .gitignore.";
    reasons.push(
      reason("ignored", "git ignores the change or the archive, so nothing would record it.", state.path, fix),
    );
  }
  return reasons;
}

function locked({ pid, alive }: NonNullable<LockHolder>, path: string): Diagnostic {
  if (alive)
    return reason(
      "archive_locked",
      `Another archive runs${pid === null ? "" : ` (process ${pid})`}.`,
      path,
      "Wait until it has ended.",
    );
  const who = pid === null ? "An archive" : `An archive (process ${pid}, which is gone)`;
  return reason(
    "archive_locked",
    `${who} left its lock behind.`,
    path,
    `Look at the specs and changes for what it left half done, then remove ${path}.`,
  );
}

function ofFindings({ state: { findings }, policy }: GateFacts): Diagnostic[] {
  return (
    findings
      .filter(
        ({ severity, code }) =>
          severity === "error" || ALWAYS.has(code) || (severity === "warning" && policy.warnings === "refuse"),
      )
      .map((finding): Diagnostic => ({ ...finding, severity: "error" }))
      // The first reason is the one that is told first: a merge often settles the others as well.
      .toSorted((a, b) => Number(b.code === "base_moved") - Number(a.code === "base_moved"))
  );
}

/** Warnings make a change invalid in the strict sense; archives stop at errors, as OpenSpec's own do. */
function ofVerdict({ state, verdict }: GateFacts): Diagnostic[] {
  const errors = verdict?.issues.filter(({ level }) => level === "ERROR") ?? [];
  return errors.map(({ path, message, line }) =>
    reason(
      "invalid_change",
      `OpenSpec ${verdict?.version}: ${message}`,
      `${path}${line === undefined ? "" : `:${line}`}`,
      `Correct it, and ask again: \`specloop change check ${state.id}\``,
    ),
  );
}

function ofTasks({ state: { id, tasks, questions }, policy }: GateFacts): Diagnostic[] {
  const reasons: Diagnostic[] = [];
  const open = tasks.total - tasks.done;
  if (open > 0 && policy.openTasks === "refuse") {
    const what = open === 1 ? "1 task is open" : `${open} tasks are open`;
    reasons.push(
      reason("open_tasks", `${what} of ${tasks.total}.`, id, "Finish them, or allow it with --allow-open-tasks."),
    );
  }
  const asked = questions.filter(({ answered }) => !answered);
  if (asked[0] && policy.openQuestions === "refuse") {
    const what = asked.length === 1 ? "1 question has no answer" : `${asked.length} questions have no answer`;
    reasons.push(
      reason("open_questions", `${what}.`, `${asked[0].path}:${asked[0].line}`, "Answer it in the document."),
    );
  }
  return reasons;
}

/** Every part of the ways to these files, from the planning root downwards. */
async function linksAmong(worktree: string, root: string, paths: string[]): Promise<string[]> {
  const ways = new Set<string>();
  for (const path of paths) {
    const parts = path.slice(root.length + 1).split("/");
    for (let depth = 1; depth <= parts.length; depth += 1) ways.add(`${root}/${parts.slice(0, depth).join("/")}`);
  }
  const links: string[] = [];
  for (const way of ways) if ((await lstat(join(worktree, way)).catch(() => null))?.isSymbolicLink()) links.push(way);
  return links;
}

function reason(code: string, message: string, target: string, fix: string): Diagnostic {
  return { severity: "error", code, message, target, fix };
}
