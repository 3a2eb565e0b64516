import { access, constants, readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { isInside } from "../../foundation/paths.ts";

/** An OpenSpec that can give verdicts. */
export type Installation =
  /** Its package folder is known, so that it can be loaded. */
  | { kind: "package"; directory: string; version: string; source: "project" | "path" }
  /** A command that could not be followed to its package. */
  | { kind: "command"; executable: string };

export interface LocateRequest {
  /** Top of the repository: nothing inside it is used unless it is trusted. */
  worktree: string;
  /** Whether a person said that OpenSpec as installed in the repository may be run. */
  trustProjectInstallation: boolean;
  /** Folders outside the repository's say from which the package is looked for as node does. */
  searchFrom: string[];
  env: NodeJS.ProcessEnv;
}

const PACKAGE = "@fission-ai/openspec";

/**
 * The repository's own OpenSpec where a person trusts it, else the one on the PATH, else one found from `searchFrom`.
 * Entries of the PATH that lie in the repository (npm puts them there) count as the repository's own.
 */
export async function locate(request: LocateRequest): Promise<Installation | null> {
  if (request.trustProjectInstallation) {
    const own = await packageFrom(request.worktree, request.worktree, "project");
    if (own) return own;
  }
  const onPath = await fromPath(request);
  if (onPath) return onPath;
  for (const directory of request.searchFrom) {
    const found = await packageFrom(directory, null, "path");
    if (found) return found;
  }
  return null;
}

/** Looks in `node_modules` of this folder and of those above it, up to `top`. */
async function packageFrom(from: string, top: string | null, source: "project" | "path"): Promise<Installation | null> {
  for (let directory = from; ; directory = dirname(directory)) {
    const found = await packageAt(join(directory, "node_modules", PACKAGE), source);
    if (found) return found;
    if (directory === top || dirname(directory) === directory) return null;
  }
}

async function packageAt(directory: string, source: "project" | "path"): Promise<Installation | null> {
  try {
    const real = await realpath(directory);
    const manifest: unknown = JSON.parse(await readFile(join(real, "package.json"), "utf8"));
    if (typeof manifest !== "object" || manifest === null || !("name" in manifest) || !("version" in manifest))
      return null;
    if (manifest.name !== PACKAGE || typeof manifest.version !== "string") return null;
    return { kind: "package", directory: real, version: manifest.version, source };
  } catch {
    return null;
  }
}

async function fromPath({ worktree, trustProjectInstallation, env }: LocateRequest): Promise<Installation | null> {
  const top = await realpath(worktree).catch(() => worktree);
  for (const directory of (env["PATH"] ?? "").split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    const executable = await executableIn(directory);
    if (executable === null) continue;
    const inside = isInside(top, executable) || isInside(top, directory) || isInside(worktree, directory);
    if (inside && !trustProjectInstallation) continue;
    return (await packageAbove(executable, inside ? "project" : "path")) ?? { kind: "command", executable };
  }
  return null;
}

async function executableIn(directory: string): Promise<string | null> {
  try {
    const path = join(directory, "openspec");
    await access(path, constants.X_OK);
    return await realpath(path);
  } catch {
    return null;
  }
}

/** The command is `<package>/bin/openspec.js`, behind links. */
async function packageAbove(executable: string, source: "project" | "path"): Promise<Installation | null> {
  return packageAt(dirname(dirname(executable)), source);
}
