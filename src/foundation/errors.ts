/**
 * One row per way of failing: HTTP status, exit code of the CLI (sysexits.h where one fits), what it means and what to
 * do. `docs/reference/errors.md` is made from this table.
 */
export const ERRORS = {
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
  no_commits: {
    http: 409,
    exit: 65,
    means: "The repository has no commit yet, so there is nothing to build on.",
    fix: "Make a first commit, then call again.",
  },
  unknown_change: {
    http: 404,
    exit: 65,
    means: "No change has this id.",
    fix: "Call change_list for the ids that exist.",
  },
  unknown_question: {
    http: 404,
    exit: 65,
    means: "No question has this id.",
    fix: "Call question_list for the ids that exist.",
  },
  unknown_document: {
    http: 404,
    exit: 65,
    means: "No document has this path.",
    fix: "Give a path relative to the repository root.",
  },
  unknown_section: {
    http: 404,
    exit: 65,
    means: "The document has no such section, task, key or text.",
    fix: "Read the document with doc_read and use a heading, task or text that it lists.",
  },
  unknown_tool: {
    http: 404,
    exit: 64,
    means: "No tool has this name.",
    fix: "Run `specloop call --list` for the names.",
  },
  ambiguous_target: {
    http: 409,
    exit: 65,
    means: "More than one place in the document fits.",
    fix: "Give the heading path, or more of the text, so that one place fits.",
  },
  stale_revision: {
    http: 409,
    exit: 65,
    means: "The document changed since the revision that the edit was made against.",
    fix: "Read the document again and repeat the edit against the revision it has now.",
  },
  document_busy: {
    http: 409,
    exit: 75,
    means: "Somebody else kept saving the document while the edit was made.",
    fix: "Call again in a moment; nothing was changed.",
  },
  document_too_large: {
    http: 413,
    exit: 65,
    means: "The document is larger than what is parsed or edited.",
    fix: "Split the document, or raise documents.maxBytes in specloop.yaml.",
  },
  document_not_text: {
    http: 415,
    exit: 65,
    means: "The file is not UTF-8 text.",
    fix: "Only UTF-8 markdown and YAML are read and edited; nothing was changed.",
  },
  document_too_complex: {
    http: 422,
    exit: 65,
    means: "The document takes longer to parse than the limit.",
    fix: "Use the exact-text edit, which needs no parsing, or simplify the document.",
  },
  bad_front_matter: {
    http: 422,
    exit: 65,
    means: "The front matter is not YAML that can be read.",
    fix: "Correct the YAML between the --- lines at the named place.",
  },
  path_outside_root: {
    http: 403,
    exit: 77,
    means: "The path leads outside the repository.",
    fix: "Give a path inside the repository, without symbolic links that leave it.",
  },
  path_protected: {
    http: 403,
    exit: 77,
    means: "This path is never edited through specloop.",
    fix: "Edit it yourself and commit it.",
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
  no_validator: {
    http: 503,
    exit: 69,
    means: "No OpenSpec was found to give the official verdict.",
    fix: "Install it: npm install --save-dev @fission-ai/openspec",
  },
  already_answered: {
    http: 409,
    exit: 65,
    means: "The question has an answer already.",
    fix: "Read it with question_get; judge the answer to dispute it.",
  },
  question_expired: { http: 410, exit: 65, means: "The question expired without an answer.", fix: "Ask it again." },
  llm_unreachable: {
    http: 503,
    exit: 69,
    means: "No model server answers at the configured address.",
    fix: "Start LM Studio's server, or set llm.baseUrl; everything but model steps works without.",
  },
  llm_no_model: {
    http: 503,
    exit: 69,
    means: "The model server has no usable model loaded.",
    fix: "Load a model in LM Studio, or set llm.model to one that it lists.",
  },
  llm_auth: {
    http: 502,
    exit: 77,
    means: "The model server refused the credentials.",
    fix: "Set LM_API_TOKEN (LM Studio) or llm.apiKeyEnv to a variable with a valid key.",
  },
  llm_timeout: {
    http: 504,
    exit: 75,
    means: "The model did not answer in time.",
    fix: "Raise llm.timeouts, or use a smaller model.",
  },
  llm_interrupted: {
    http: 502,
    exit: 75,
    means: "The connection to the model broke before the answer was complete.",
    fix: "Call again; the partial text is in the details.",
  },
  llm_cancelled: { http: 499, exit: 75, means: "The caller cancelled the model call.", fix: "Nothing to do." },
  llm_context_overflow: {
    http: 413,
    exit: 65,
    means: "The prompt does not fit the model's context.",
    fix: "Load the model with a larger context, or lower llm.maxPromptTokens.",
  },
  llm_truncated: {
    http: 502,
    exit: 75,
    means: "The model reached its token limit before it finished.",
    fix: "Raise llm.maxTokens.",
  },
  llm_empty: { http: 502, exit: 75, means: "The model answered with nothing.", fix: "Try again or use another model." },
  llm_invalid_output: {
    http: 502,
    exit: 65,
    means: "The model's answer does not have the shape that was asked for.",
    fix: "Use a model that is better at structured output; the raw text is in the details.",
  },
  llm_protocol: {
    http: 502,
    exit: 76,
    means: "The model server answered something that its protocol does not allow.",
    fix: "Update LM Studio, or use its OpenAI-compatible address with llm.backend: openai.",
  },
  llm_overloaded: {
    http: 503,
    exit: 75,
    means: "The model server has too much to do.",
    fix: "Try again in a moment, or lower llm.concurrency.",
  },
  llm_none: {
    http: 503,
    exit: 69,
    means: "No model is configured.",
    fix: "Set llm.backend in specloop.yaml; everything but model steps works without.",
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
  daemon_not_running: {
    http: 503,
    exit: 69,
    means: "No daemon runs for this repository.",
    fix: "Start it with `specloop up`.",
  },
  daemon_running: {
    http: 409,
    exit: 3,
    means: "A daemon already runs for this repository.",
    fix: "Use it, or stop it with `specloop stop`.",
  },
  daemon_stopping: { http: 503, exit: 75, means: "The daemon is stopping.", fix: "Start it again with `specloop up`." },
  daemon_start_failed: {
    http: 503,
    exit: 70,
    means: "The daemon did not start.",
    fix: "Run `specloop up` in a terminal to see why; the log is in .specloop/logs.",
  },
  too_many_clients: {
    http: 503,
    exit: 75,
    means: "As many clients or calls as the daemon serves at once are under way.",
    fix: "Close one or wait for it to end, then try again.",
  },
  port_in_use: {
    http: 409,
    exit: 69,
    means: "The port is taken by another program.",
    fix: "Choose another with --port, or leave it out and the next free one is taken.",
  },
  store_busy: {
    http: 503,
    exit: 75,
    means: "The database is locked by another process.",
    fix: "Call again; if it stays, `specloop doctor` names the process.",
  },
  store_full: {
    http: 507,
    exit: 74,
    means: "The disk is full or cannot be written; nothing was accepted.",
    fix: "Free space and call again; no restart is needed.",
  },
  store_corrupt: {
    http: 500,
    exit: 74,
    means: "The database is damaged.",
    fix: "Run `specloop doctor --rebuild`; the damaged file is kept beside the new one.",
  },
  state_unwritable: {
    http: 500,
    exit: 73,
    means: "The .specloop folder cannot be made or written.",
    fix: "Make the repository's .specloop folder writable for you, or free space on its disk; then start again.",
  },
  store_newer: {
    http: 500,
    exit: 78,
    means: "The database was written by a newer specloop.",
    fix: "Update specloop; nothing was changed.",
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
} as const satisfies Record<string, ErrorRow>;

interface ErrorRow {
  http: number;
  exit: number;
  means: string;
  fix: string;
}

export type ErrorCode = keyof typeof ERRORS;

/** One problem, in the shape that OpenSpec's agent contract uses, so that agents meet one dialect. */
export interface Diagnostic {
  severity: "error" | "warning" | "info";
  code: string;
  message: string;
  /** What it is about: a path, a path with line, an id. */
  target?: string;
  fix?: string;
}

interface ErrorOptions {
  target?: string;
  /** Replaces the table's advice where the caller knows better. */
  fix?: string;
  /** What a program needs to go on: the current revision, the candidates, the partial text. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** The one error that rooms and adapters throw on purpose; whatever else arrives at a door is `internal`. */
export class SpecloopError extends Error {
  override readonly name = "SpecloopError";
  readonly code: ErrorCode;
  readonly target: string | undefined;
  readonly fix: string;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.target = options.target;
    this.fix = options.fix ?? ERRORS[code].fix;
    this.details = options.details;
  }

  get http(): number {
    return ERRORS[this.code].http;
  }

  get exit(): number {
    return ERRORS[this.code].exit;
  }

  toDiagnostic(): Diagnostic {
    const target = this.target === undefined ? {} : { target: this.target };
    return { severity: "error", code: this.code, message: this.message, ...target, fix: this.fix };
  }
}

/** Any thrown value as a SpecloopError; what was not thrown on purpose becomes `internal` and keeps its cause. */
export function toSpecloopError(thrown: unknown): SpecloopError {
  if (thrown instanceof SpecloopError) return thrown;
  if (thrown instanceof Error && thrown.name === "AbortError") {
    return new SpecloopError("cancelled", "The call was cancelled.", { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new SpecloopError("internal", message, { cause: thrown });
}
