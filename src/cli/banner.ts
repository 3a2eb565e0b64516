import type { AppStatus } from "../status.ts";
import type { Output } from "./output.ts";
import { dollars, grouped } from "./views/amounts.ts";
import { typed, type Reader } from "./wording.ts";

/** What `up` and `status` show: what is watched, the changes by stage, how to connect, where health is. */
export function banner(status: AppStatus, output: Output, reader: Reader): string {
  const bold = (text: string) => output.style("bold", text);
  const dim = (text: string) => output.style("dim", text);
  const stages = Object.entries(status.changes.byStage).map(([stage, count]) => `${count} ${stage}`);
  const roots =
    status.roots.length > 0 ? status.roots.join(", ") : `no openspec/ yet: run ${typed("specloop init", reader)}`;
  return [
    `${bold("specloop")} ${status.version} ${dim(`pid ${status.pid}`)}`,
    `  repository  ${status.repository}`,
    `  watching    ${roots}`,
    `  changes     ${status.changes.total === 0 ? "none" : `${status.changes.total} (${stages.join(", ")})`}`,
    `  questions   ${questionsLine(status, output)}`,
    `  approvals   ${approvalsLine(status, output)}`,
    `  loop        ${status.loop.open} open proposals, ${status.loop.measuring} being measured`,
    `  workflows   ${workflowsLine(status, output)}`,
    `  model       ${status.llm.message}`,
    `  access      ${accessLine(status.access)}`,
    `  health      ${status.url}/health`,
    "",
    `${bold("Connect an MCP client")} ${dim("with this line; all clients: README.md")}`,
    `  ${mcpLine(status.repository, status.command)}`,
    "",
    dim("Ctrl-C stops it."),
  ].join("\n");
}

/** Who may call, and how far the audit log is anchored. */
function accessLine({ agents, rate, audit, anchor }: AppStatus["access"]): string {
  const registered = `${agents} registered ${agents === 1 ? "agent" : "agents"}`;
  const others = rate === null ? "no others" : `others ${rate} calls a minute`;
  const minutes = anchor ? Math.max(0, Math.round((Date.now() - anchor.at) / 60_000)) : 0;
  const anchored = anchor ? `, anchored to ${anchor.seq} ${minutes} min ago` : "";
  return `${registered}, ${others}; ${audit} audit entries${anchored}`;
}

/** What waits, and how much of it for too long. */
function questionsLine({ questions: { pending, overdue } }: AppStatus, output: Output): string {
  const late = overdue === 0 ? "" : output.style("yellow", `, ${overdue} of them overdue`);
  return `${pending} waiting for an answer${late}`;
}

/** What waits, and loudly what went past the policy. */
function approvalsLine({ approvals }: AppStatus, output: Output): string {
  const { open, bypassed, policy } = approvals;
  const past =
    bypassed === 0 ? "" : output.style("red", `; ${bypassed} merged WITHOUT the approval that the policy asks for`);
  const weaker =
    policy === "weaker" ? output.style("yellow", "; specloop.yaml asks for less, the accepted rules hold") : "";
  return `${open} waiting for a person${past}${weaker}`;
}

/** Runs that have not ended, and budgets that are half used or more. */
function workflowsLine({ workflows: { runs, budgets } }: AppStatus, output: Output): string {
  const open = Object.entries(runs).map(([state, count]) => `${count} ${state}`);
  const limits = budgets.map(({ scope, per, unit, limit, used }) => {
    const say = unit === "usd" ? dollars : (amount: number) => `${grouped(amount)} tokens`;
    const text = `${say(used)} of ${say(limit)} for ${scope} this ${per}`;
    return output.style(used >= limit ? "red" : "yellow", text);
  });
  return [open.length === 0 ? "no run is open" : open.join(", "), ...limits].join("; ");
}

/** The configuration of an MCP client, on one line to copy. */
export function mcpLine(repository: string, command: string[]): string {
  const [program = "specloop", ...args] = command;
  return JSON.stringify({
    mcpServers: { specloop: { command: program, args: [...args, "mcp", "--repo", repository] } },
  });
}
