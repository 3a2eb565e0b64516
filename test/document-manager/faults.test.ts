import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, openRoom } from "./room.ts";

const run = promisify(execFile);
const child = join(import.meta.dirname, "children/stream.ts");
const path = (index: number) => `openspec/changes/c${index}/proposal.md`;
const documents = [0, 1, 2, 3].map(path);
const files: Record<string, string> = {
  ...Object.fromEntries(documents.map((document) => [document, "## Why\n\nstart\n\n## Notes\n\nnone\n"])),
  ".gitignore": ".specloop/\n",
};

/** `SPECLOOP_KILLS=200` for the whole drill. */
const KILLS = Number(process.env["SPECLOOP_KILLS"] ?? 25);

/** Starts the streams and kills them after a while: alone, or with the git that runs for them. */
async function killAfter(repository: string, { name, ms, all }: { name: string; ms: number; all: boolean }) {
  const process_ = spawn(process.execPath, [child, repository, name], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const ready = Promise.withResolvers<void>();
  process_.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (output.startsWith("ready\n")) ready.resolve();
  });
  const closed = once(process_, "close");
  await Promise.race([ready.promise, closed]);
  await wait(ms);
  process.kill(all ? -process_.pid! : process_.pid!, "SIGKILL");
  await closed;
  return output.split("\n").slice(1, -1);
}

/** Lets an orphaned git end, then takes up everything that waits. */
async function settle(repository: TemporaryRepository): Promise<void> {
  await using room = await openRoom(repository.path);
  const waiting = async () => {
    await room.manager.retryPending();
    const open = ["intent", "pending", "held"] as const;
    return room.store.read.selectFrom("document_edits").select(["state", "note"]).where("state", "in", open).execute();
  };
  await expect.poll(waiting, { timeout: 60_000, interval: 100 }).toEqual([]);
}

async function checkIntact(repository: TemporaryRepository): Promise<void> {
  expect(await repository.git("fsck", "--no-dangling")).toBe("");
  expect(await repository.git("status", "--porcelain")).toBe("");
  const names = readdirSync(repository.path, { recursive: true, encoding: "utf8" });
  const stray = (name: string) => name.endsWith(".tmp") && !name.startsWith(".git/");
  const lock = (name: string) => name.startsWith(".git/") && name.endsWith(".lock");
  expect(names.filter((name) => stray(name) || lock(name))).toEqual([]);
}

function contents(repository: TemporaryRepository): string {
  return documents.map((document) => readFileSync(join(repository.path, document), "utf8")).join("");
}

scenario(
  "documents",
  "Killed at random points a stream of edits loses none that was acknowledged",
  async () => {
    await using repository = await temporaryRepository(files);
    const acked: string[] = [];
    const refused: string[] = [];
    for (let turn = 0; turn < KILLS; turn += 1) {
      const ms = Math.random() * 1200;
      const lines = await killAfter(repository.path, { name: `t${turn}`, ms, all: turn % 2 === 0 });
      acked.push(...lines.filter((line) => !line.startsWith("refused")).map((line) => line.slice(line.indexOf("- "))));
      refused.push(...lines.filter((line) => line.startsWith("refused")));
      await settle(repository);
      await checkIntact(repository);
      const text = contents(repository);
      expect(acked.filter((line) => !text.includes(`${line}\n`))).toEqual([]);
    }
    expect(acked.length).toBeGreaterThan(KILLS);
    expect(refused).toEqual([]);
    const lines = contents(repository)
      .split("\n")
      .filter((line) => line.startsWith("- t"));
    expect(new Set(lines).size).toBe(lines.length);
    // Whole lines only, nothing else came or went.
    const rest = contents(repository)
      .replaceAll(/^- t\d+-\d+-\d+\.\n/gm, "")
      .replaceAll(/\n+/g, " ");
    expect(rest).toBe("## Why start ## Notes none ".repeat(4));
  },
  KILLS * 20_000,
);

const untraceable = tryTrace();
if (untraceable !== null) console.warn(`SKIPPED: failing system calls need strace (${untraceable})`);

test.skipIf(untraceable !== null).each([
  ["syncs", "fsync,fdatasync", "EIO", "when=20+9"],
  ["links and renames", "link,linkat,rename,renameat,renameat2", "EIO", "when=12+7"],
  ["opened files, as on a full disk", "openat", "ENOSPC", "when=900+61"],
])(
  "when single %s fail, what was acknowledged is in git and everything else is whole",
  async (_name, calls, error, when) => {
    await using repository = await temporaryRepository(files);
    const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}:${when}`];
    const command = [process.execPath, child, repository.path, "f", "2", "20"];
    const { stdout } = await run("strace", ["-f", "-qq", "-o", "/dev/null", ...inject, ...command]).catch(
      (failure: { stdout: string }) => failure,
    );
    const acked = stdout.split("\n").filter((line) => /^(committed|commit_pending) /.test(line));
    await settle(repository);
    await checkIntact(repository);
    const text = contents(repository);
    expect(acked.map((line) => line.slice(line.indexOf("- "))).filter((line) => !text.includes(line))).toEqual([]);
    const rest = text.replaceAll(/^- f-\d+-\d+\.\n/gm, "").replaceAll(/\n+/g, " ");
    expect(rest).toBe("## Why start ## Notes none ".repeat(4));
  },
  120_000,
);

const unmountable = tryMount();
if (unmountable !== null) console.warn(`SKIPPED: a full disk needs a tmpfs (${unmountable})`);

test.skipIf(unmountable !== null)(
  "on a full disk edits are refused and the documents stay whole; afterwards edits go on",
  async () => {
    const disk = await mkdtemp(join(tmpdir(), "specloop-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", disk]);
    try {
      const repository = join(disk, "repository");
      mkdirSync(repository);
      const git = (...args: string[]) => execFileSync("git", args, { cwd: repository, encoding: "utf8" });
      git("init", "--quiet", "--initial-branch=main");
      for (const setting of ["user.name=Ada Example", "user.email=ada@example.org", "commit.gpgsign=false"])
        git("config", ...(setting.split("=") as [string, string]));
      mkdirSync(join(repository, "openspec/changes/c0"), { recursive: true });
      writeFileSync(join(repository, path(0)), files[path(0)]!);
      writeFileSync(join(repository, ".gitignore"), ".specloop/\n");
      git("add", "--all");
      git("commit", "--quiet", "--message", "Begin");
      await using room = await openRoom(repository);
      const edit = async (line: string) => {
        const edits = [{ kind: "append_to_section" as const, section: "Why", content: line }];
        const request = { files: [{ path: path(0), edits }], reason: "Say", principal: agent };
        try {
          return (await room.manager.update(request)).status;
        } catch (error) {
          return error instanceof SpecloopError ? error.code : String(error);
        }
      };
      const outcomes = new Map<string, string>();
      const free = () =>
        Number(execFileSync("df", ["--output=avail", "-B1", disk], { encoding: "utf8" }).split("\n")[1]);
      // From nothing to enough, in steps smaller than what an edit writes.
      for (let spare = 0; spare <= 400_000; spare += 16_384) {
        rmSync(join(disk, "ballast"), { force: true });
        writeFileSync(join(disk, "ballast"), Buffer.alloc(Math.max(0, free() - spare)));
        const line = `- spare ${spare}. ${"x".repeat(6000)}`;
        outcomes.set(line, await edit(line));
        const text = readFileSync(join(repository, path(0)), "utf8");
        expect(text.startsWith("## Why\n\nstart\n") && text.endsWith("## Notes\n\nnone\n")).toBe(true);
      }
      rmSync(join(disk, "ballast"));
      expect([...outcomes.values()].filter((outcome) => outcome !== "committed").length).toBeGreaterThan(3);
      expect(await edit("- after.")).toBe("committed");
      await room.manager.retryPending();
      const text = readFileSync(join(repository, path(0)), "utf8");
      const acked = [...outcomes].filter(([, outcome]) => outcome === "committed" || outcome === "commit_pending");
      expect(acked.filter(([line]) => !text.includes(line)).map(([line]) => line.slice(0, 20))).toEqual([]);
      expect(git("show", `HEAD:${path(0)}`)).toBe(text);
      expect(git("status", "--porcelain")).toBe("");
      expect(git("fsck", "--no-dangling")).toBe("");
    } finally {
      execFileSync("umount", ["--lazy", disk]);
      await rm(disk, { recursive: true });
    }
  },
  120_000,
);

function tryMount(): string | null {
  const folder = join(tmpdir(), `specloop-mount-${process.pid}`);
  mkdirSync(folder);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { stdio: "pipe" });
    execFileSync("umount", [folder], { stdio: "pipe" });
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0] ?? "refused";
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tryTrace(): string | null {
  try {
    const probe = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "true"];
    execFileSync("strace", probe, { stdio: "pipe" });
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0] ?? "refused";
  }
}
