import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkFolder, checkRevision } from "./arguments.ts";
import type { GitPlaces, PathCommit, PathHistoryRequest } from "./port.ts";
import type { GitRunner } from "./run.ts";
import { TRAILERS, editsOf } from "./trailers.ts";

const FIELDS = ["%H", "%an", "%ae", "%at", "%s", `%(${TRAILERS})`];
/** Begins each commit in the output; no text of a commit holds NUL. */
const MARK = "specloop-commit";
const NO_BLOB = /^0+$/;
const MAX_COMMITS = 20_000;

/** See Git.pathHistory. Merges are left out: what they bring was done by the commits that they merge. */
export async function readPathHistory(run: GitRunner, request: PathHistoryRequest): Promise<PathCommit[]> {
  const { under, limit = MAX_COMMITS, revision = "HEAD" } = request;
  const folders = under.map((path) => checkFolder(path)).filter((path) => path !== null);
  const args = [
    "log",
    "-z",
    "--raw",
    "--no-abbrev",
    "--no-renames",
    "--no-show-signature",
    "--encoding=UTF-8",
    `--max-count=${Math.min(limit, MAX_COMMITS)}`,
    `--format=${[MARK, ...FIELDS].join("%x00")}`,
    checkRevision(revision),
    "--",
    ...folders,
  ];
  const { stdout, code } = await run.run(args, { kind: "read", allow: [128] });
  return code === 0 ? parse(stdout.toString("utf8")) : [];
}

/** Commits whose parents a shallow clone does not have: what they seem to add may be older. */
export async function readShallow(places: GitPlaces): Promise<Set<string>> {
  const text = await readFile(join(places.commonDirectory, "shallow"), "utf8").catch(() => "");
  return new Set(text.split("\n").filter(Boolean));
}

/** Contents of blobs by id, in one process; an id that is missing (a partial clone) is left out. */
export async function readBlobs(run: GitRunner, ids: Iterable<string>): Promise<Map<string, Buffer>> {
  const wanted = [...new Set(ids)].map(checkRevision);
  if (wanted.length === 0) return new Map();
  const { stdout } = await run.run(["cat-file", "--batch"], { kind: "read", input: `${wanted.join("\n")}\n` });
  const blobs = new Map<string, Buffer>();
  let at = 0;
  while (at < stdout.length) {
    const end = stdout.indexOf(0x0a, at);
    if (end === -1) break;
    const head = /^([0-9a-f]+) blob (\d+)$/.exec(stdout.subarray(at, end).toString("utf8"));
    at = end + 1;
    if (!head) continue;
    const size = Number(head[2]);
    blobs.set(head[1]!, stdout.subarray(at, at + size));
    at += size + 1;
  }
  return blobs;
}

/** See Git.dirty. */
export async function readDirty(run: GitRunner, folder: string): Promise<string[]> {
  const where = checkFolder(folder);
  const args = ["status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames"];
  const output = await run.read([...args, ...(where === null ? [] : ["--", where])]);
  return output
    .split("\0")
    .filter((line) => line.length > 3)
    .map((line) => line.slice(3));
}

/** With -z everything is separated by NUL: the fields, then `:modes blobs status` and the path of each change. */
function parse(output: string): PathCommit[] {
  const commits: PathCommit[] = [];
  const values = output.split("\0");
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]!.replace(/^\n/, "");
    if (value === MARK) {
      commits.push(commitFrom(values.slice(at + 1, at + 1 + FIELDS.length)));
      at += FIELDS.length;
    } else if (value.startsWith(":")) {
      const [, , before = "", after = ""] = value.split(" ");
      commits.at(-1)?.changes.push({ path: values[at + 1] ?? "", before: blob(before), after: blob(after) });
      at += 1;
    }
  }
  return commits;
}

function commitFrom(fields: string[]): PathCommit {
  const [commit = "", author = "", email = "", seconds = "0", subject = "", trailers = ""] = fields;
  const edits = editsOf(trailers);
  const at = Number(seconds) * 1000;
  return { commit, author, email, at, subject, trailers: edits.at(-1) ?? {}, edits, changes: [] };
}

function blob(id: string): string | null {
  return NO_BLOB.test(id) ? null : id;
}
