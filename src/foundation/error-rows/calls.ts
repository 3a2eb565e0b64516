import type { ErrorRow } from "./row.ts";

/** Calls of tools and who may make them. */
export const calls = {
  bad_input: {
    http: 400,
    exit: 64,
    means: "The input does not have the expected shape.",
    fix: "Correct the named field and call again.",
  },
  bad_config: {
    http: 500,
    exit: 78,
    means: "specloop.yaml, an environment variable or a flag has a value that cannot be used.",
    fix: "Correct the named option; `specloop doctor` checks the file.",
  },
  unknown_tool: {
    http: 404,
    exit: 64,
    means: "No tool has this name.",
    fix: "Run `specloop call --list` for the names.",
  },
  key_reused: {
    http: 422,
    exit: 65,
    means: "The idempotency key was used before with another input.",
    fix: "Use a new key for a new call.",
  },
  not_found: {
    http: 404,
    exit: 65,
    means: "There is nothing at this address.",
    fix: "See docs/reference for what exists.",
  },
  unsupported: { http: 501, exit: 64, means: "This is not supported here.", fix: "See the message for what is." },
  cancelled: { http: 499, exit: 130, means: "The call was cancelled.", fix: "Call again if you still need it." },
  internal: {
    http: 500,
    exit: 70,
    means: "Something went wrong inside specloop.",
    fix: "The log in .specloop/logs has the details; please report it.",
  },
  unauthorized: {
    http: 401,
    exit: 77,
    means: "The token is missing or wrong.",
    fix: "Send the token in .specloop/token as a bearer token.",
  },
  forbidden: { http: 403, exit: 77, means: "This caller may not do that.", fix: "A person has to do it." },
  forbidden_host: {
    http: 403,
    exit: 77,
    means: "The Host or Origin header names another site.",
    fix: "Call http://127.0.0.1 with the daemon's port, from no other site.",
  },
  payload_too_large: {
    http: 413,
    exit: 65,
    means: "The request body is larger than the limit.",
    fix: "Send less at once.",
  },
  unsupported_media_type: {
    http: 415,
    exit: 64,
    means: "The request body is not JSON.",
    fix: "Send content-type: application/json.",
  },
  rate_limited: {
    http: 429,
    exit: 75,
    means: "The caller calls more often than its capability allows.",
    fix: "Wait as long as the message says, then call again.",
  },
  unknown_agent: {
    http: 404,
    exit: 65,
    means: "No agent of this name is registered.",
    fix: "Run `specloop agent list` for those that are.",
  },
  agent_exists: {
    http: 409,
    exit: 65,
    means: "An agent of this name is registered already.",
    fix: "Choose another name, or end that one with `specloop agent revoke NAME`.",
  },
  unknown_approval: {
    http: 404,
    exit: 65,
    means: "No approval has this id.",
    fix: "Run `specloop approvals` for the ids that exist.",
  },
  approval_missing: {
    http: 409,
    exit: 77,
    means: "Nobody entitled has approved this content.",
    fix: "Ask a person to look at it with `specloop approvals` and decide.",
  },
  approval_void: {
    http: 409,
    exit: 65,
    means: "The approval was given for another content than there is now.",
    fix: "Ask for the approval of what there is now.",
  },
  approval_used: {
    http: 409,
    exit: 65,
    means: "The approval was used already, and each is good for once.",
    fix: "Ask for a new approval.",
  },
} as const satisfies Record<string, ErrorRow>;
