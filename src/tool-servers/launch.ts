import { accessSync, constants, readFileSync, realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { networkOfHost, type Network } from "../adapters/web/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { canonicalJson, sha256 } from "../foundation/hash.ts";
import { isInside, withoutRepositoryPath } from "../foundation/paths.ts";
import type { ServerOptions } from "./options.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What would run or be reached, and what it may be used for: the whole of what a person approves. Secrets stay names. */
export type Launch = {
  /** Which tools count, and which may answer questions. */
  use: { allow: string[]; deny: string[]; answers: ServerOptions["answers"] };
} & (
  | {
      kind: "stdio";
      /** As it was found on the PATH, absolute. */
      command: string;
      /** Behind all links. */
      resolved: string;
      args: string[];
      cwd: string;
      env: Record<string, string>;
      /** Files that the command line names in the repository or through a link of it, with the SHA-256 of their content. */
      files: Record<string, string>;
    }
  | { kind: "http"; url: string; headers: Record<string, string>; network: Network }
  | { kind: "socket"; path: string }
);

export interface LaunchPlace {
  /** Top of the worktree that is served. */
  repository: string;
  env: Env;
}

/** SHA-256 over the launch, in hex. */
export function launchHash(launch: Launch): string {
  return sha256(canonicalJson(launch));
}

/** Throws `bad_config` for what names no server or more than one, `tool_unavailable` for a program that is not there. */
export function launchOf(name: string, options: ServerOptions, place: LaunchPlace): Launch {
  const { command, url, socket, headers, tools, answers } = options;
  const ways = [command, url, socket].filter((way) => way !== undefined).length;
  if (ways !== 1) throw badServer(name, "names none or more than one of command, url and socket");
  const use = { allow: tools.allow, deny: tools.deny, answers };
  if (socket !== undefined) return { use, kind: "socket", path: resolve(place.repository, socket) };
  if (url !== undefined) return { use, kind: "http", ...addressOf(name, url, options.network), headers };
  return { use, kind: "stdio", ...programOf(name, { ...options, command: command! }, place) };
}

/** A name has to lead to the internet unless the configuration says otherwise; an address says itself where it lies. */
function addressOf(name: string, given: string, network: Network | undefined): { url: string; network: Network } {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (!url || !["http:", "https:"].includes(url.protocol)) throw badServer(name, "has a url that is no http address");
  if (url.username !== "" || url.password !== "") throw badServer(name, "has a password in its url; use headers");
  return { url: url.href, network: network ?? networkOfHost(url.hostname) };
}

function programOf(name: string, options: ServerOptions & { command: string }, { repository, env }: LaunchPlace) {
  // A link in the repository would lead elsewhere tomorrow.
  const cwd = options.cwd === undefined ? userInfo().homedir : realOr(resolve(repository, options.cwd));
  const command = findProgram(options.command, { cwd, repository, env });
  if (command === null) {
    throw new SpecloopError("tool_unavailable", `The program "${options.command}" of ${name} is not there.`, {
      target: name,
      fix: "Install it, or name it with its whole path; what the repository brings along is not looked up by name.",
    });
  }
  const resolved = realpathSync(command);
  if (isOurselves(resolved, options.args))
    throw badServer(name, "is specloop itself, which would call itself for ever");
  const words = [command, ...options.args, ...Object.values(options.env).flatMap((value) => value.split(/[\s:;,]+/))];
  const files = filesOf(words, { cwd, tops: [resolve(repository), realpathSync(repository)] });
  return { command, resolved, args: options.args, cwd, env: options.env, files };
}

/**
 * The files that these words name and that the repository can exchange: those in it, and those that a link in it leads
 * to, each behind all links and with the SHA-256 of its content.
 */
function filesOf(words: string[], { cwd, tops }: { cwd: string; tops: string[] }): Record<string, string> {
  const inside = (path: string) => tops.some((top) => isInside(top, path));
  // The whole repository is what servers are given to work on; what is run is named more closely.
  const places = words.flatMap((word) => pathsNamed(word, { cwd, whole: tops }));
  const named = places.flatMap((path) => fileAt(path).map((real) => ({ path, real })));
  const pinned = named.filter(({ path, real }) => inside(path) || inside(real)).map(({ real }) => real);
  return Object.fromEntries([...new Set(pinned)].map((file) => [file, sha256(readFileSync(file))]));
}

function realOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** By its path, or by name on the PATH without the entries that lie in the repository. */
function findProgram(command: string, place: { cwd: string; repository: string; env: Env }): string | null {
  if (command.includes("/")) {
    const path = isAbsolute(command) ? command : resolve(place.cwd, command);
    return isProgram(path) ? path : null;
  }
  const path = withoutRepositoryPath(place.env, place.repository)["PATH"] ?? "";
  const places = path.split(delimiter).filter((folder) => isAbsolute(folder));
  return places.map((folder) => join(folder, command)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What programs try when they are given a name without an ending, or a folder that is a package. */
const ENDINGS = ["", ".js", ".mjs", ".cjs", ".ts", ".py"];
const ENTRIES = ["package.json", "index.js", "index.mjs", "index.cjs", "index.ts", "__main__.py", "deno.json"];

/** The paths that an argument may name, also behind `--option=`, as a `file:` address, or as a folder that is run. */
function pathsNamed(argument: string, { cwd, whole }: { cwd: string; whole: string[] }): string[] {
  const bare = argument.replace(/^--?[\w-]+=/, "").replace(/^-[rI](?=[./])/, "");
  const given = /^file:\/\//i.test(bare) ? pathOfAddress(bare) : bare;
  if (given === "" || given.includes("\0")) return [];
  const path = resolve(cwd, given);
  const entries = whole.includes(path) ? [] : ENTRIES.map((entry) => join(path, entry));
  return [...ENDINGS.map((ending) => `${path}${ending}`), ...entries];
}

function pathOfAddress(address: string): string {
  try {
    return fileURLToPath(address);
  } catch {
    return "";
  }
}

/** The file at a path, behind all links; nothing for what is no file. */
function fileAt(path: string): string[] {
  try {
    const real = realpathSync(path);
    return statSync(real).isFile() ? [real] : [];
  } catch {
    return [];
  }
}

/** `specloop mcp`, however it is started: a client of ours as our own server would be a circle. */
export function isOurselves(program: string, args: readonly string[]): boolean {
  const words = [program, ...args];
  const at = words.findIndex((word) =>
    /(^|[/@])specloop(@[\w.^~-]+)?$|\/specloop\/(dist|src)\/main\.[jt]s$/.test(word),
  );
  const own = words.findIndex((word) => /\/(dist|src)\/(main|cli\/shim)\.[jt]s$/.test(word) && isOwnFile(word));
  const found = Math.max(at, own);
  return found !== -1 && words.slice(found + 1).includes("mcp");
}

function isOwnFile(path: string): boolean {
  const top = resolve(import.meta.dirname, "../..");
  try {
    return isInside(top, realpathSync(path));
  } catch {
    return false;
  }
}

function badServer(name: string, why: string): SpecloopError {
  return new SpecloopError("bad_config", `The server "${name}" ${why}.`, { target: `servers.${name}` });
}

/** Variables of the person's shell that a program needs to run at all; nothing else is handed on. */
const ORDINARY = ["HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER"];
const REFERENCE = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g;
/** Never handed on: what opens our own doors. */
const OURS = /^(SPECLOOP_|WORKFLOW_ORCHESTRATOR_)/;

/** The environment of a child: what every program needs, then what the configuration names. */
export function environmentOf(name: string, given: Record<string, string>, place: LaunchPlace): Record<string, string> {
  const safe = withoutRepositoryPath(place.env, place.repository);
  const ordinary = ORDINARY.flatMap((key) => (safe[key] === undefined ? [] : [[key, safe[key]] as const]));
  return { ...Object.fromEntries(ordinary), ...expanded(name, given, place.env) };
}

/** Values with their references replaced. Throws `bad_config` for a variable that is not set, or one of ours. */
export function expanded(name: string, given: Record<string, string>, env: Env): Record<string, string> {
  const replace = (text: string) =>
    text.replaceAll(REFERENCE, (_, variable: string) => {
      if (OURS.test(variable)) throw badServer(name, `asks for ${variable}, which opens our own doors`);
      const value = env[variable];
      if (value === undefined) throw badServer(name, `needs the variable ${variable}, which the daemon does not have`);
      return value;
    });
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, replace(value)]));
}
