import { statSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { isInside } from "../foundation/paths.ts";
import type { DownstreamTool } from "../adapters/mcp-client/index.ts";
import type { Launch } from "./launch.ts";
import { loadsCode } from "./loads-code.ts";

const SECRET_NAME = /token|secret|password|passwd|api[_-]?key|authorization|cookie/i;
const RUNNERS = /^(npx|bunx|pnpx|uvx|pipx|npm|pnpm|yarn|deno|docker)$/;

/** What a person should look at twice before this is started. Hints, no judgement: nothing is refused for them. */
export function launchWarnings(launch: Launch, repository: string): string[] {
  if (launch.kind === "http") return httpWarnings(launch);
  if (launch.kind === "socket") return [];
  const { resolved, args, cwd, env, files } = launch;
  return [
    ...unpinned(launch.command, args),
    ...Object.keys(files).map(
      (file) => `It runs ${file}, which comes with the repository; what that loads is not pinned.`,
    ),
    ...args
      .filter((argument) => isFolderIn(repository, resolve(cwd, argument)))
      .map(
        (argument) =>
          `It is given ${argument}, a folder of the repository: if it runs what lies there, that is not pinned.`,
      ),
    ...(isInside(repository, cwd)
      ? ["It runs inside the repository: programs read settings and packages from there."]
      : []),
    ...(/^\/(tmp|var\/tmp)\//.test(resolved) ? [`${resolved} lies where everybody may write.`] : []),
    ...(/^(ba|z|da|k)?sh$/.test(baseName(resolved)) ? ["It is a shell: what it starts is in its arguments."] : []),
    ...Object.keys(env)
      .filter(loadsCode)
      .map((name) => `${name} makes programs load other code.`),
    ...secretsIn("env", env),
  ];
}

function isFolderIn(repository: string, path: string): boolean {
  return isInside(repository, path) && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function httpWarnings({ url, headers, network }: Extract<Launch, { kind: "http" }>): string[] {
  const isPlain = url.startsWith("http:") && network !== "loopback";
  return [
    ...(isPlain ? ["The address is not encrypted: what is sent can be read and changed on the way."] : []),
    ...(network === "private" ? ["It lies in a private network."] : []),
    ...secretsIn("headers", headers),
  ];
}

function secretsIn(where: string, values: Record<string, string>): string[] {
  return Object.entries(values)
    .filter(([name, value]) => SECRET_NAME.test(name) && value !== "" && !value.includes("${env:"))
    .map(([name]) => `${where}.${name} looks like a secret that stands in the file; write \${env:NAME} instead.`);
}

/** `npx pkg` and `npx pkg@latest` fetch another program tomorrow. */
function unpinned(command: string, args: string[]): string[] {
  const runner = baseName(command);
  if (!RUNNERS.test(runner)) return [];
  const named = args.find((argument) => !argument.startsWith("-") && !["exec", "run", "dlx", "x"].includes(argument));
  if (named === undefined || isAbsolute(named)) return [];
  if (/@\d+\.\d+\.\d+[\w.+-]*$|==\d|@sha256:/.test(named)) return [];
  return [`${runner} fetches whatever "${named}" is then; name an exact version (name@1.2.3).`];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Phrases that speak to a model instead of describing a tool. */
const SPEAKING: [RegExp, string][] = [
  [/<\/?(important|system|instructions?|secret)>/i, "has marks that models take for orders"],
  [/\b(ignore|disregard|forget)\b.{0,40}\b(previous|prior|above|other|earlier)\b/i, "tells to ignore other texts"],
  [
    /\b(do not|don't|never)\b.{0,30}\b(tell|mention|inform|show|reveal)\b.{0,30}\b(user|human|person)\b/i,
    "tells to hide something from the person",
  ],
  [
    /\b(before|prior to|whenever)\b.{0,30}\b(using|calling|you (use|call))\b.{0,60}\b(tool|must|first)\b/i,
    "tells what to do before other tools",
  ],
  [/(\.ssh|id_rsa|\.env\b|credentials|\/etc\/passwd|mcp\.json|private key)/i, "speaks of credentials"],
  [/\byou (must|should always|have to)\b/i, "speaks to the reader in orders"],
];
/** Letters that are not seen: tags, joiners, directions. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}|\p{Bidi_Control}|[\u{E0000}-\u{E007F}]/u;
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;
const LONG = 2000;

/** What is odd about a tool's definition: hints for a person, never a reason to refuse or to trust. */
export function toolFindings(tool: DownstreamTool): string[] {
  const text = [tool.title, tool.description, JSON.stringify(tool.inputSchema), JSON.stringify(tool.outputSchema)].join(
    "\n",
  );
  const said = SPEAKING.filter(([pattern]) => pattern.test(text)).map(([, what]) => `its description ${what}`);
  return [
    ...said,
    ...(INVISIBLE.test(text) ? ["it holds letters that are not seen"] : []),
    ...(CONTROL.test(text) ? ["it holds control characters"] : []),
    ...(tool.description.length > LONG ? [`its description has ${tool.description.length} characters`] : []),
  ];
}
