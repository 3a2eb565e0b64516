import { simpleGit } from "simple-git";
import { SpecloopError } from "../../foundation/errors.ts";
import { withoutRepositoryPath } from "../../foundation/paths.ts";
import { checkPath, checkRevision } from "./arguments.ts";
import type { HistoryEntry } from "./port.ts";
import { gitEnvironment } from "./run.ts";
import { TRAILERS, editsOf } from "./trailers.ts";

const FIELDS = ["%H", "%an", "%ae", "%at", "%s", "%b", `%(${TRAILERS})`];

export interface HistoryRequest {
  path?: string;
  limit: number;
  revision?: string;
}

/** See Git.history. The one command that goes through simple-git: rare, and nothing waits for it. */
export async function readHistory(
  directory: string,
  env: NodeJS.ProcessEnv,
  request: HistoryRequest,
): Promise<HistoryEntry[]> {
  const surroundings = withoutPrograms(gitEnvironment(withoutRepositoryPath(env, directory), "read"));
  const allowEnvironment = Object.keys(surroundings).filter((name) => name.startsWith("GIT_"));
  const unsafe = {
    allowUnsafeEditor: true,
    allowUnsafePager: true,
    allowUnsafeConfigPaths: true,
    allowUnsafeExec: true,
  };
  const git = simpleGit({ baseDir: directory, allowEnvironment, unsafe }).env(surroundings);
  const args = historyArguments(request);
  try {
    return parse(await git.raw(args));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.trim() : String(cause);
    if (/does not have any commits yet|bad revision 'HEAD'/.test(message)) return [];
    throw new SpecloopError("git_failed", `git log failed: ${message}`, { cause });
  }
}

/** What simple-git refuses in its surroundings (npm sets EDITOR for every script); reading history starts none of them. */
function withoutPrograms(env: Record<string, string>): Record<string, string> {
  const programs = /^(editor|visual|pager|prefix|ssh_askpass)$/i;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !programs.test(name)));
}

function historyArguments({ path, limit, revision = "HEAD" }: HistoryRequest): string[] {
  const count = Math.max(1, Math.min(Math.trunc(limit), 1000));
  const format = `--format=${FIELDS.join("%x00")}`;
  const where = path === undefined ? [] : [checkPath(path)];
  return [
    "log",
    "-z",
    `--max-count=${count}`,
    format,
    "--no-show-signature",
    "--encoding=UTF-8",
    checkRevision(revision),
    "--",
    ...where,
  ];
}

/** With -z the commits are separated by NUL as their fields are, so the number of fields tells them apart. */
function parse(output: string): HistoryEntry[] {
  const values = output.split("\0");
  const entries: HistoryEntry[] = [];
  for (let at = 0; at + FIELDS.length <= values.length; at += FIELDS.length) {
    const [commit = "", author = "", email = "", seconds = "0", subject = "", body = "", trailers = ""] =
      values.slice(at);
    const edits = editsOf(trailers);
    entries.push({
      commit,
      author,
      email,
      at: Number(seconds) * 1000,
      subject,
      body: body.trim(),
      trailers: edits.at(-1) ?? {},
      edits,
    });
  }
  return entries;
}
