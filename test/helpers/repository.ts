import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const projectRoot = resolve(import.meta.dirname, "../..");

/** A git repository in a temporary directory, removed on disposal. */
export interface TemporaryRepository extends AsyncDisposable {
  path: string;
  /** Runs git there and returns its stdout without the last line end. */
  git(...args: string[]): Promise<string>;
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Adds and commits everything; returns the commit id. */
  commitAll(message: string): Promise<string>;
}

/** A real repository on branch `main` with a configured author and these files committed. */
export async function temporaryRepository(files: Record<string, string> = {}): Promise<TemporaryRepository> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "specloop-test-")));
  const repository = handle(directory);
  await repository.git("init", "--quiet", "--initial-branch=main");
  await repository.git("config", "user.name", "Ada Example");
  await repository.git("config", "user.email", "ada@example.org");
  await repository.git("config", "commit.gpgsign", "false");
  for (const [path, content] of Object.entries(files)) await repository.write(path, content);
  if (Object.keys(files).length > 0) await repository.commitAll("Begin");
  return repository;
}

/** A repository with a copy of this project's own `openspec/`. */
export async function repositoryWithOwnOpenspec(): Promise<TemporaryRepository> {
  const repository = await temporaryRepository({ "README.md": "# Example\n" });
  await cp(join(projectRoot, "openspec"), join(repository.path, "openspec"), { recursive: true });
  await repository.commitAll("Add openspec");
  return repository;
}

/** Names of the archives of real repositories that lie beside the project; empty in a user's clone. */
export const REAL_REPOSITORIES = [
  "Fission-AI-OpenSpec",
  "liqiongyu-agentpack",
  "jixoai-openspecui",
  "AGIBuild-Modulus",
] as const;

const sharedData = resolve(projectRoot, "../shared/data");

/** Why tests over real repositories cannot run here, or null when they can. */
export const realRepositoriesMissing: string | null = existsSync(join(sharedData, "repositories"))
  ? null
  : `SKIPPED: the archives of real repositories are not beside this clone (${sharedData})`;

/** Path of a file of the shared test data. */
export function sharedDataFile(name: string): string {
  return join(sharedData, name);
}

/** A repository with the `openspec/` of one of the real ones, committed. */
export async function realRepository(name: (typeof REAL_REPOSITORIES)[number]): Promise<TemporaryRepository> {
  const repository = await temporaryRepository();
  await unpack(name, repository.path);
  await repository.commitAll("Begin");
  return repository;
}

/** A folder with the `openspec/` of a real repository for who only reads it: no git, which takes seconds there. */
export async function realFiles(name: (typeof REAL_REPOSITORIES)[number]): Promise<{ path: string } & AsyncDisposable> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "specloop-files-")));
  await unpack(name, path);
  return { path, [Symbol.asyncDispose]: () => removed(path) };
}

async function unpack(name: (typeof REAL_REPOSITORIES)[number], path: string): Promise<void> {
  await run("tar", ["-xzf", join(sharedData, "repositories", `${name}.tar.gz`), "--strip-components=1", "-C", path]);
}

function removed(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true, maxRetries: 5 });
}

function handle(path: string): TemporaryRepository {
  const git = async (...args: string[]) => {
    const { stdout } = await run("git", args, { cwd: path, maxBuffer: 256 * 1024 * 1024 });
    return stdout.replace(/\n$/, "");
  };
  return {
    path,
    git,
    write: async (file, content) => {
      await mkdir(dirname(join(path, file)), { recursive: true });
      await writeFile(join(path, file), content);
    },
    commitAll: async (message) => {
      await git("add", "--all");
      await git("commit", "--quiet", "--message", message);
      return git("rev-parse", "HEAD");
    },
    [Symbol.asyncDispose]: () => removed(path),
  };
}
