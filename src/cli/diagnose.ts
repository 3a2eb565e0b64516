import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { openGit } from "../adapters/git/index.ts";
import { findRoots } from "../adapters/openspec/index.ts";
import { checkStoreHonest } from "../adapters/store/index.ts";
import { findPlaces } from "../places.ts";
import { toSpecloopError } from "../foundation/errors.ts";
import { withoutRepositoryPath } from "../foundation/paths.ts";
import type { HealthResult } from "../foundation/health.ts";
import { connect, type CliContext } from "./context.ts";

export interface Finding extends HealthResult {
  name: string;
}

/** Oldest git that has `merge-tree --write-tree` (2.38). */
const OLDEST_GIT = [2, 38];

/** Every check of `specloop doctor`: the machine, the repository, the store, then what the running daemon says. */
export async function diagnose(context: CliContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = async (name: string, check: () => Promise<HealthResult>) => {
    const result = await check().catch((thrown: unknown): HealthResult => {
      const { message, fix } = toSpecloopError(thrown);
      return { status: "failing", message, fix };
    });
    findings.push({ name, ...result });
  };
  await look("node", async () => ({ status: "ok", message: process.version }));
  await look("git", () => checkGit(context));
  await look("repository", async () => {
    const { places } = await openGit(context.path);
    return { status: "ok", message: places.worktree };
  });
  await look("openspec", () => checkRoots(context.path));
  await look("configuration", () => checkConfig(context));
  await look("store", checkStoreHonest);
  const seen = new Set(findings.map(({ name }) => name));
  findings.push(...(await daemonFindings(context)).filter(({ name }) => !seen.has(name)));
  return findings;
}

async function checkGit({ env, path }: CliContext): Promise<HealthResult> {
  const { stdout } = await promisify(execFile)("git", ["--version"], { env: withoutRepositoryPath(env, path) });
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(stdout)?.slice(1) ?? []).map(Number);
  const [oldMajor = 0, oldMinor = 0] = OLDEST_GIT;
  const message = stdout.trim();
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return { status: "ok", message };
  return {
    status: "warning",
    message,
    fix: `Install git ${OLDEST_GIT.join(".")} or newer: conflicts cannot be foreseen without.`,
  };
}

async function checkRoots(path: string): Promise<HealthResult> {
  const { places } = await openGit(path);
  const { roots } = await findRoots(places.worktree);
  if (roots.length === 0) return { status: "warning", message: "no openspec/ folder", fix: "Run `specloop init`." };
  return { status: "ok", message: roots.map((root) => root.path).join(", ") };
}

async function checkConfig(context: CliContext): Promise<HealthResult> {
  const { loadConfig } = await import("../config.ts");
  const { repository } = await findPlaces(context.path);
  loadConfig({ repository, env: context.env, flags: {} });
  const there = existsSync(`${repository}/specloop.yaml`);
  return {
    status: "ok",
    message: there ? "specloop.yaml can be used" : "no specloop.yaml; every option has its default",
  };
}

async function daemonFindings(context: CliContext): Promise<Finding[]> {
  try {
    await using client = await connect(context);
    const health = await client.health();
    return [{ name: "daemon", status: "ok", message: "answers" }, ...health];
  } catch (thrown) {
    const { code, message, fix } = toSpecloopError(thrown);
    const status = code === "daemon_not_running" ? "warning" : "failing";
    return [{ name: "daemon", status, message, fix }];
  }
}
