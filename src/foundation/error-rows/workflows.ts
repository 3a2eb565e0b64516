import type { ErrorRow } from "./row.ts";

/** Workflows, their runs and what their nodes stand on. */
export const workflows = {
  bad_workflow: {
    http: 422,
    exit: 65,
    means: "The workflow's definition has errors.",
    fix: "Run `specloop workflow validate NAME`, which shows each with its line and what to write instead.",
  },
  unknown_workflow: {
    http: 404,
    exit: 64,
    means: "No workflow has this name.",
    fix: "Run `specloop workflow list` for the names.",
  },
  workflow_unapproved: {
    http: 403,
    exit: 77,
    means: "No person has approved what the workflow starts and contacts, or it changed since.",
    fix: "Look at it and approve it in a terminal: `specloop workflow approve NAME`.",
  },
  unknown_run: {
    http: 404,
    exit: 64,
    means: "No run has this id.",
    fix: "Run `specloop runs` for the ids.",
  },
  run_ended: {
    http: 409,
    exit: 65,
    means: "The run has ended, so nothing more can be done in it.",
    fix: "Run it again with changes: `specloop run fork ID --from NODE`.",
  },
  over_budget: {
    http: 402,
    exit: 75,
    means: "The budget would be exceeded.",
    fix: "Raise the budget of the run or the workflow, or choose a cheaper model.",
  },
  no_sandbox: {
    http: 501,
    exit: 69,
    means: "Commands cannot be run here because there is no sandbox for them.",
    fix: "Install bubblewrap (`apt-get install bubblewrap`), then run `specloop doctor`.",
  },
  expression_failed: {
    http: 422,
    exit: 65,
    means: "An expression could not be evaluated with these values.",
    fix: "Correct the expression or the value that the message names.",
  },
} satisfies Record<string, ErrorRow>;
