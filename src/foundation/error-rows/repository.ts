import type { ErrorRow } from "./row.ts";

/** The repository, git and OpenSpec changes. */
export const repository = {
  not_a_repository: {
    http: 400,
    exit: 66,
    means: "The folder is not inside a git repository.",
    fix: "Run `git init` there, or name another folder with --repo.",
  },
  no_openspec: {
    http: 400,
    exit: 66,
    means: "The repository has no openspec/ folder.",
    fix: "Run `specloop init` to create one.",
  },
  root_elsewhere: {
    http: 409,
    exit: 65,
    means: "The planning folder belongs to another worktree, a submodule or a store, which is only followed from here.",
    fix: "Call specloop where the folder lies.",
  },
  no_commits: {
    http: 409,
    exit: 65,
    means: "The repository has no commit yet, so there is nothing to build on.",
    fix: "Make a first commit, then call again.",
  },
  git_failed: {
    http: 500,
    exit: 70,
    means: "A git command failed.",
    fix: "The message of git is shown; correct what it names and call again.",
  },
  git_busy: {
    http: 409,
    exit: 75,
    means: "git is in the middle of something (rebase, merge, bisect or a held index.lock).",
    fix: "Finish or abort it; the edit is kept and is committed afterwards.",
  },
  ref_moved: {
    http: 409,
    exit: 75,
    means: "The branch moved while it was being written, or is checked out somewhere.",
    fix: "Call again; nothing was changed.",
  },
  unknown_change: {
    http: 404,
    exit: 65,
    means: "No change has this id.",
    fix: "Call change_list for the ids that exist.",
  },
  unknown_requirement: {
    http: 404,
    exit: 65,
    means: "No version of the spec that git has holds this requirement.",
    fix: "Name it as <capability>/<name>; doc_read shows the names that a spec has.",
  },
  change_exists: {
    http: 409,
    exit: 65,
    means: "A change with this id exists already.",
    fix: "Choose another id, or edit the existing change.",
  },
  invalid_change: {
    http: 422,
    exit: 65,
    means: "OpenSpec does not accept the change.",
    fix: "Correct the findings listed and call again.",
  },
  archive_refused: {
    http: 409,
    exit: 65,
    means: "The change was not archived, or not taken back; everything is as it was.",
    fix: "Do what each reason in `details.reasons` says and call again.",
  },
  no_validator: {
    http: 503,
    exit: 69,
    means: "No OpenSpec was found to give the official verdict.",
    fix: "Install it: npm install --save-dev @fission-ai/openspec",
  },
} as const satisfies Record<string, ErrorRow>;
