import { lstatSync } from "node:fs";
import { join } from "node:path";
import { SpecloopError } from "../../foundation/errors.ts";
import { checkFolder, checkPath, checkRevision } from "./arguments.ts";
import { readBlame, type BlamedLine, type BlameRequest } from "./blame.ts";
import { commitOnly, takeIntoIndex, type CommitSurroundings } from "./commit-only.ts";
import { commitToBranch, deleteBranch } from "./commit-to-branch.ts";
import { readHistory, type HistoryRequest } from "./history.ts";
import { OwnLocks } from "./own-locks.ts";
import { readBlobs, readDirty, readPathHistory, readShallow } from "./path-history.ts";
import type {
  BranchCommitRequest,
  CommitRequest,
  Git,
  GitPlaces,
  GitState,
  Head,
  HistoryEntry,
  PathCommit,
  PathHistoryRequest,
  RecordedBlobs,
} from "./port.ts";
import { readRefEntries, type RefEntry } from "./ref-entries.ts";
import { GitRunner, NO_PROGRAMS } from "./run.ts";
import { readHead, readState } from "./state.ts";

export interface RepositoryOptions {
  places: GitPlaces;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  lockWaitMs: number;
  timeoutMs: number;
}

/** A partial clone would fetch an object that it lacks from its remote; an edit waits for no network. */
const NO_TRANSPORT = ["-c", "protocol.allow=never"];

/** The port over the installed git; every answer is asked anew, nothing is cached. */
export class GitRepository implements Git {
  readonly places: GitPlaces;
  readonly #run: GitRunner;
  readonly #env: NodeJS.ProcessEnv;
  readonly #lockWaitMs: number;
  readonly #locks: OwnLocks;
  readonly #inVain = new Map<string, number>();

  constructor({ places, env, signal, lockWaitMs, timeoutMs }: RepositoryOptions) {
    this.places = places;
    this.#env = env;
    this.#lockWaitMs = lockWaitMs;
    this.#locks = new OwnLocks(places);
    this.#run = new GitRunner({ directory: places.worktree, env, signal, timeoutMs });
  }

  head(): Promise<Head> {
    return readHead(this.#run);
  }

  state(): Promise<GitState> {
    return readState(this.#run, this.places);
  }

  async resolve(revision: string): Promise<string | null> {
    const wanted = `${checkRevision(revision)}^{commit}`;
    const { stdout, code } = await this.#run.run(["rev-parse", "--verify", "--quiet", wanted], {
      kind: "read",
      allow: [1, 128],
    });
    return code === 0 ? stdout.toString("utf8").trim() : null;
  }

  async read(revision: string, path: string): Promise<Buffer | null> {
    const input = `${checkRevision(revision)}:${checkPath(path)}\n`;
    const { stdout } = await this.#run.run(["cat-file", "--batch"], { kind: "read", input });
    const head = stdout.subarray(0, stdout.indexOf(0x0a)).toString("utf8");
    const size = /^[0-9a-f]+ blob (\d+)$/.exec(head)?.[1];
    if (size === undefined) return null;
    const start = Buffer.byteLength(head) + 1;
    return stdout.subarray(start, start + Number(size));
  }

  async list(revision: string, under: string): Promise<Map<string, string>> {
    const folder = checkFolder(under);
    const args = [
      "ls-tree",
      "-r",
      "-z",
      "--full-tree",
      checkRevision(revision),
      ...(folder === null ? [] : ["--", folder]),
    ];
    const lines = (await this.#run.read(args)).split("\0").filter((line) => line.slice(7, 11) === "blob");
    return new Map(lines.map((line) => [line.slice(line.indexOf("\t") + 1), line.slice(12, line.indexOf("\t"))]));
  }

  async files(under: string): Promise<string[]> {
    const folder = checkFolder(under);
    const args = ["ls-files", "-z", "-t", "--cached", "--others", "--deleted", "--exclude-standard"];
    const lines = (await this.#run.read([...args, ...(folder === null ? [] : ["--", folder])]))
      .split("\0")
      .filter(Boolean);
    // "R" marks what was removed from the worktree; it is listed as cached too.
    const gone = new Set(lines.filter((line) => line.startsWith("R ")).map((line) => line.slice(2)));
    return [...new Set(lines.map((line) => line.slice(2)))].filter((path) => !gone.has(path)).sort();
  }

  async tracked(folder: string): Promise<string[]> {
    const pathspec = `:(top,icase)${checkPath(folder)}`;
    // Magic in pathspecs is what reads switch off.
    const args = [...NO_PROGRAMS, "ls-files", "-z", "--cached", "--full-name", "--", pathspec];
    const { stdout } = await this.#run.run(args, { kind: "write" });
    return stdout.toString("utf8").split("\0").filter(Boolean);
  }

  async pathState(path: string): Promise<"clean" | "staged" | "modified" | "untracked" | "absent"> {
    const args = [
      "status",
      "--porcelain=v2",
      "-z",
      "--untracked-files=all",
      "--ignored=matching",
      "--no-renames",
      "--",
      checkPath(path),
    ];
    const line = (await this.#run.read(args)).split("\0")[0] ?? "";
    if (line.startsWith("?") || line.startsWith("!")) return "untracked";
    if (line.startsWith("1")) return line[3] === "." ? "staged" : "modified";
    if (line !== "") return "modified";
    return lstatSync(join(this.places.worktree, path), { throwIfNoEntry: false }) ? "clean" : "absent";
  }

  async recorded(paths: string[]): Promise<Map<string, RecordedBlobs>> {
    const input = paths.map(checkPath).map((path) => `HEAD:${path}\n:0:${path}\n`);
    const args = [...NO_TRANSPORT, "cat-file", "--batch-check=%(objectname) %(objecttype)"];
    const { stdout } = await this.#run.run(args, { kind: "read", input: input.join("") });
    const blobs = stdout
      .toString("utf8")
      .split("\n")
      .map((line) => /^([0-9a-f]{40}) blob$/.exec(line)?.[1] ?? null);
    return new Map(paths.map((path, at) => [path, { head: blobs[2 * at] ?? null, index: blobs[2 * at + 1] ?? null }]));
  }

  async blobIdOf(path: string): Promise<string> {
    return (await this.#run.read(["hash-object", "--", checkPath(path)])).trim();
  }

  takeIntoIndex(paths: string[]): Promise<void> {
    return takeIntoIndex(this.#writing(), paths);
  }

  async isIgnored(path: string): Promise<boolean> {
    // check-ignore refuses to run with literal pathspecs; behind ./ nothing in a path is magic.
    const args = [...NO_PROGRAMS, "check-ignore", "--quiet", "--", `./${checkPath(path)}`];
    return (await this.#run.run(args, { kind: "write", allow: [1] })).code === 0;
  }

  commitOnly(request: CommitRequest): Promise<string> {
    return commitOnly(this.#writing(), request);
  }

  #writing(): CommitSurroundings {
    return {
      run: this.#run,
      places: this.places,
      locks: this.#locks,
      lockWaitMs: this.#lockWaitMs,
      inVain: this.#inVain,
    };
  }

  removeOwnLocks(): Promise<string[]> {
    return Promise.resolve(this.#locks.remove());
  }

  commitToBranch(request: BranchCommitRequest): Promise<string> {
    return commitToBranch(this.#run, request);
  }

  deleteBranch(ref: string, expected: string): Promise<void> {
    return deleteBranch(this.#run, ref, expected);
  }

  async isAncestor(ancestor: string, descendant: string): Promise<boolean> {
    const args = ["merge-base", "--is-ancestor", checkRevision(ancestor), checkRevision(descendant)];
    return (await this.#run.run(args, { kind: "read", allow: [1] })).code === 0;
  }

  async branches(prefix: string): Promise<Map<string, string>> {
    if (!prefix.startsWith("refs/"))
      throw new SpecloopError("bad_input", `"${prefix}" is not the beginning of a full ref name.`);
    const lines = (await this.#run.read(["for-each-ref", "--format=%(refname) %(objectname)", prefix]))
      .split("\n")
      .filter(Boolean);
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
  }

  refEntries(prefix: string): Promise<RefEntry[]> {
    return readRefEntries(this.#run, prefix);
  }

  async wouldConflict(ours: string, theirs: string): Promise<boolean> {
    const args = ["merge-tree", "--write-tree", "--no-messages", checkRevision(ours), checkRevision(theirs)];
    return (await this.#run.run(args, { kind: "read", allow: [1] })).code === 1;
  }

  blame(request: BlameRequest): Promise<BlamedLine[]> {
    return readBlame(this.#run, request);
  }

  history(options: HistoryRequest): Promise<HistoryEntry[]> {
    return readHistory(this.places.worktree, this.#env, options);
  }

  pathHistory(request: PathHistoryRequest): Promise<PathCommit[]> {
    return readPathHistory(this.#run, request);
  }

  readBlobs(ids: Iterable<string>): Promise<Map<string, Buffer>> {
    return readBlobs(this.#run, ids);
  }

  shallowCommits(): Promise<Set<string>> {
    return readShallow(this.places);
  }

  async rootCommits(): Promise<string[]> {
    if ((await this.shallowCommits()).size > 0 || (await this.resolve("HEAD")) === null) return [];
    return (await this.#run.read(["rev-list", "--max-parents=0", "HEAD"])).split("\n").filter(Boolean);
  }

  dirty(folder: string): Promise<string[]> {
    return readDirty(this.#run, folder);
  }

  diff(from: string, to: string, path?: string): Promise<string> {
    const where = path === undefined ? [] : [checkPath(path)];
    const args = [
      "-c",
      "core.quotePath=false",
      "diff",
      "--no-color",
      "--no-ext-diff",
      "--no-textconv",
      // An attribute of the repository (`*.md -diff`) would hide from a person what is to be approved.
      "--text",
      checkRevision(from),
      checkRevision(to),
      "--",
      ...where,
    ];
    return this.#run.read(args);
  }
}
