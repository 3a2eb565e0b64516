/** What a person types for a tool, as a table of words: messages are written for agents, which call tools. */
const COMMANDS: Record<string, string> = {
  question_ask: 'specloop ask "…"',
  question_get: "specloop questions ID",
  question_list: "specloop questions",
  answer_submit: 'specloop answer ID "…"',
  inbox_list: "specloop inbox",
  change_list: "specloop changes",
  change_get: "specloop changes ID",
  change_check: "specloop changes ID --check",
  change_merge: "specloop change merge ID",
  change_archive: "specloop change archive ID",
  change_unarchive: "specloop change unarchive ID",
  change_graph: "specloop change graph",
  requirement_history: 'specloop change history --requirement "…"',
  proposal_create: "specloop change propose TITLE",
  answer_judge: "specloop judge ID useful|wrong|outdated",
  doc_read: "specloop doc read PATH",
  doc_update: "specloop doc edit PATH",
  doc_history: "specloop doc history PATH",
  doc_blame: "specloop doc blame PATH",
  doc_diff: "specloop doc diff PATH",
  doc_undo: "specloop doc undo EDIT",
  backup_create: "specloop doc backup PATH",
  backup_list: "specloop doc backups",
  backup_restore: "specloop doc restore BACKUP",
  change_process: "specloop change questions ID",
  agent_add: "specloop agent add NAME",
  agent_list: "specloop agent list",
  agent_revoke: "specloop agent revoke NAME",
  audit_list: "specloop audit list",
  audit_verify: "specloop audit verify",
  loop_status: "specloop loop",
  loop_run: "specloop loop run",
  proposal_list: "specloop loop list",
  approval_get: "specloop approvals show ID",
  approval_list: "specloop approvals",
  approval_review: "specloop approvals show ID",
  approval_decide: "specloop approve ID",
  server_list: "specloop server list",
  server_show: "specloop server show NAME",
  server_approve: "specloop server approve NAME",
  server_revoke: "specloop server revoke NAME",
  workflow_reach: "specloop workflow approve NAME",
  workflow_approve: "specloop workflow approve NAME",
  workflow_revoke: "specloop workflow revoke NAME",
  workflow_run: "specloop run NAME",
  run_get: "specloop run show ID",
  run_list: "specloop runs",
  run_node: "specloop run show ID NODE",
  run_approve: "specloop run approve ID NODE",
  run_resolve: "specloop run resolve ID NODE done|retry|fail",
  run_resume: "specloop run resume ID",
  run_fork: "specloop run fork ID",
  question_ask_on_terms: 'specloop ask "…" --deadline 2h',
  question_stats: "specloop questions stats",
  question_evaluate: "specloop questions evaluate FILE",
  question_decline: "specloop call question_decline",
  agent_register: "specloop call agent_register",
  agent_heartbeat: "specloop call agent_heartbeat",
  agent_workers: "specloop agent workers",
  doc_find: "specloop call doc_find",
  workflow_list: "specloop workflow list",
  workflow_get: "specloop workflow show NAME",
  workflow_validate: "specloop workflow validate NAME",
  workflow_forecast: "specloop run NAME --dry-run",
  workflow_stats: "specloop workflow stats",
  run_events: "specloop call run_events",
  run_signal: "specloop run signal ID NAME",
  run_cancel: "specloop run cancel ID",
  run_pause: "specloop run pause ID",
  run_undo: "specloop run undo ID",
  tool_find: "specloop call tool_find",
  tool_call: "specloop call tool_call",
  metric_list: "specloop metrics",
  metric_get: "specloop metrics NAME",
  metric_why: "specloop metrics why NAME",
};
/** A tool, and what it is called with: `Call change_merge with the id add-login`. */
const TOOL = new RegExp(
  `\\b(?:[Cc]all )?(${Object.keys(COMMANDS).join("|")})\\b(?: with (?:the id )?([\\w.-]*[\\w]))?`,
  "g",
);

/** Where a hint is read: how specloop was started, and for which path. */
export interface Reader {
  env: Record<string, string | undefined>;
  path: string;
}

/** A hint of ours in a person's words: commands instead of tools, and as they can be typed here. */
export function forPeople(hint: string, reader?: Reader): string {
  // A list of names, as an unknown tool gets it, stays a list of names.
  const worded = hint.startsWith("The tools are:") ? hint : hint.replaceAll(TOOL, inCommands);
  return worded.replaceAll(/`(specloop [^`]+)`/g, (_, command: string) => `\`${typed(command, reader)}\``);
}

function inCommands(said: string, tool: string, id: string | undefined): string {
  const pattern = COMMANDS[tool] ?? "";
  const takesId = id !== undefined && / ID\b/.test(pattern);
  const command = `\`${takesId ? pattern.replace(/\bID\b/, id) : pattern}\``;
  const rest = id === undefined || takesId ? "" : said.slice(said.indexOf(tool) + tool.length);
  if (said.startsWith(tool)) return command + rest;
  return `${said.startsWith("C") ? "Run" : "run"} ${command}${rest}`;
}

/** From a clone the command is an npm script (`scripts/setup.mjs` says so); elsewhere than here it needs the path. */
export function typed(command: string, reader: Reader | undefined): string {
  if (!reader) return command;
  const calledAs = reader.env["SPECLOOP_CALLED_AS"] ?? "specloop";
  const elsewhere = reader.path === process.cwd() ? "" : ` --repo ${quoted(reader.path)}`;
  return `${calledAs}${command.slice("specloop".length)}${elsewhere}`;
}

/** An argument as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The tool behind a command is none of the person's business; the field that is wrong is named all the same. */
export function withoutToolName(message: string): string {
  return message.replace(/^The input of \w+ is wrong: /, "Wrong input: ");
}
