import { z } from "zod";
import { loadsCode } from "../../tool-servers/loads-code.ts";
import type { Output } from "../output.ts";
import { time } from "./question.ts";

const texts = z.record(z.string(), z.string());
const launch = z.discriminatedUnion("kind", [
  z.looseObject({
    kind: z.literal("stdio"),
    command: z.string(),
    resolved: z.string(),
    args: z.array(z.string()),
    cwd: z.string(),
    env: texts,
    files: texts,
  }),
  z.looseObject({ kind: z.literal("http"), url: z.string(), headers: texts, network: z.string() }),
  z.looseObject({ kind: z.literal("socket"), path: z.string() }),
]);
const use = z.object({
  allow: z.array(z.string()),
  deny: z.array(z.string()),
  answers: z.array(z.object({ tool: z.string(), argument: z.string(), capabilities: z.array(z.string()) })),
});
const tool = z.object({
  name: z.string(),
  title: z.string(),
  description: z.string(),
  inputSchema: z.record(z.string(), z.unknown()),
  standing: z.string(),
  readOnly: z.boolean(),
  findings: z.array(z.string()),
  differences: z.array(z.string()),
});
export const serverShape = z.looseObject({
  name: z.string(),
  state: z.string(),
  reason: z.string(),
  launch: launch.and(z.looseObject({ use })).nullable(),
  launchHash: z.string().nullable(),
  launchApproved: z.boolean(),
  launchBefore: z.unknown(),
  warnings: z.array(z.string()),
  agents: z.string().nullable(),
  approvedBy: z.string().nullable(),
  approvedAt: z.number().nullable(),
  running: z.object({ pid: z.number().nullable(), protocol: z.string(), says: z.string() }).nullable(),
  tools: z.array(tool),
  toolsHash: z.string().nullable(),
});
export type ShownServer = z.output<typeof serverShape>;

const STATES = { ready: "green", off: "green", starting: "yellow", unapproved: "yellow", failing: "red" } as const;
const STANDINGS = { approved: "green", new: "yellow", changed: "red", gone: "dim", left_out: "dim" } as const;
/** At spaces, after at most so many letters; longer words are cut. */
const FOLD = /.{1,96}(?:\s|$)|.{1,96}/gu;
const MAX_LINES = 12;

export function serverTable(result: unknown, output: Output): string {
  const { servers } = z.object({ servers: z.array(serverShape) }).parse(result);
  if (servers.length === 0) return "No server is configured: `servers` in specloop.yaml, or `specloop server import`.";
  const rows = servers.map(({ name, state, reason, tools }) => {
    const approved = tools.filter(({ standing }) => standing === "approved").length;
    const changed = tools.some(({ standing }) => standing === "changed") ? output.style("red", " changed") : "";
    return [name, stated(state, output), `${approved} of ${tools.length}${changed}`, visible(reason)];
  });
  return output.table(["SERVER", "STATE", "TOOLS", "WHY"], rows);
}

/** Everything about one server. */
export function serverView(given: unknown, output: Output): string {
  const shown = serverShape.parse(given);
  const { name, state, reason, approvedBy, approvedAt, agents, running } = shown;
  return [
    `${output.style("bold", name)} ${stated(state, output)}: ${visible(reason)}`,
    ...(approvedBy
      ? [`  approved  by ${visible(approvedBy)}, ${time(approvedAt ?? 0)}; called by ${whoOf(agents)}`]
      : []),
    ...(running ? [`  running   ${visible(running.says)}, MCP ${running.protocol}${pidOf(running.pid)}`] : []),
    launchView(shown, output),
    ...(shown.tools.length > 0 ? ["", toolsView(shown, output)] : []),
  ].join("\n");
}

/** Exactly what would run, with everything that is odd about it. */
export function launchView({ launch: what, launchHash, launchBefore, warnings }: ShownServer, output: Output): string {
  if (!what) return "";
  const answers = what.use.answers.map(({ tool: answering }) => answering);
  return [
    ...linesOf(what),
    ...(answers.length > 0 ? [`  answers   questions with ${answers.map(visible).join(", ")}`] : []),
    `  hash      ${launchHash ?? ""}`,
    ...(launchBefore ? [`  approved before: ${visible(JSON.stringify(launchBefore))}`] : []),
    ...warnings.map((warning) => `  ${output.style("yellow", "warning")}   ${visible(warning)}`),
  ].join("\n");
}

function linesOf(what: NonNullable<ShownServer["launch"]>): string[] {
  if (what.kind === "socket") return [`  talks to  the socket ${quoted(what.path)}`];
  if (what.kind === "http") {
    return [
      `  talks to  ${visible(what.url)} (${what.network} network; redirects are refused)`,
      ...Object.entries(what.headers).map(([name, value]) => `  header    ${visible(name)}: ${masked(value)}`),
    ];
  }
  const link = what.resolved === what.command ? "" : ` -> ${quoted(what.resolved)}`;
  return [
    `  runs      ${quoted(what.command)}${link}`,
    ...what.args.map((argument) => `            ${quoted(argument)}`),
    `  in        ${quoted(what.cwd)}`,
    ...Object.entries(what.env).map(
      ([name, value]) => `  env       ${visible(name)}=${loadsCode(name) ? visible(value) : masked(value)}`,
    ),
    ...Object.entries(what.files).map(([path, hash]) => `  file      ${quoted(path)} sha256 ${hash.slice(0, 16)}`),
  ];
}

/** Every tool with its description, which is folded; what is not seen in it is made seen. */
export function toolsView({ name, tools }: ShownServer, output: Output): string {
  const head = `${tools.length} tools. Their words are the server's, not specloop's:`;
  return [head, ...tools.map((each) => toolView(name, each, output))].join("\n");
}

function toolView(server: string, each: z.output<typeof tool>, output: Output): string {
  const inputs = Object.keys(each.inputSchema["properties"] ?? {}).map(visible);
  const says = each.readOnly ? "says it only reads" : "may change things";
  const color = STANDINGS[each.standing as keyof typeof STANDINGS] ?? "dim";
  return [
    `  ${output.style("bold", `${server}.${visible(each.name)}`)} (${inputs.join(", ")}) ${output.style(color, each.standing.replace("_", " "))}, ${says}`,
    ...folded(seen(each.description)).map((line) => `      ${line}`),
    ...each.findings.map((finding) => `      ${output.style("yellow", "look")}: ${visible(finding)}`),
    ...each.differences.map(
      (difference) => `      ${output.style("red", "changed")} ${visible(difference.slice(0, 2000))}`,
    ),
  ].join("\n");
}

/** How a trial start went. */
export function testedView(given: unknown, output: Output): string {
  const { ms } = z.looseObject({ ms: z.number() }).parse(given);
  const { name, running, tools } = serverShape.parse(given);
  const count = (standing: string) => tools.filter((each) => each.standing === standing).length;
  const rest = ["new", "changed", "gone"].filter((standing) => count(standing) > 0);
  return [
    `${output.style("green", name)} answers: ${visible(running?.says ?? "")}, MCP ${running?.protocol ?? ""}, ${ms} ms`,
    `  ${count("approved")} tools approved${rest.map((standing) => `, ${count(standing)} ${standing}`).join("")}`,
  ].join("\n");
}

function stated(state: string, output: Output): string {
  return output.style(STATES[state as keyof typeof STATES] ?? "dim", state);
}

function whoOf(agents: string | null): string {
  return agents === "all" ? "every local agent" : "granted agents only";
}

function pidOf(pid: number | null): string {
  return pid === null ? "" : `, process ${pid}`;
}

/** A value that holds no reference may be a secret: its length is enough to know it again. */
function masked(value: string): string {
  return value.includes("${env:") || value.length <= 3 ? visible(value) : `(${value.length} characters in the file)`;
}

function quoted(text: string): string {
  return JSON.stringify(visible(text));
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]|\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}/gu;

/** The same on one line: what is quoted of somebody else never looks like a line of ours. */
function visible(text: string): string {
  return seen(text).replaceAll("\n", "<U+000A>");
}

/** A text of somebody else with every letter that is not seen, or that steers a terminal, written out. */
function seen(text: string): string {
  return text.replaceAll(
    UNSEEN,
    (letter) => `<U+${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}>`,
  );
}

function folded(text: string): string[] {
  const lines = text.split("\n").flatMap((line) => line.match(FOLD) ?? [""]);
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines: specloop server show NAME --json`];
}
