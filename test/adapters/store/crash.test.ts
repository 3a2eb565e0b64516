import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempDisposableSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { findDamage, openSqliteStore } from "../../../src/adapters/store/index.ts";
import { scenario } from "../../helpers/scenario.ts";

const run = promisify(execFile);
const child = (name: string) => join(import.meta.dirname, "children", name);
const temporary = () => mkdtempDisposableSync(join(tmpdir(), "specloop-crash-"));

/** Ids in the database that are in `acked`, read over a connection of its own. */
function missing(path: string, acked: string[]): string[] {
  const database = new DatabaseSync(path);
  try {
    const there = new Set(
      database
        .prepare("SELECT id FROM rows")
        .all()
        .map((row) => row["id"]),
    );
    return acked.filter((id) => !there.has(id));
  } finally {
    database.close();
  }
}

const acks = (output: string) => [...output.matchAll(/^ack (\S+)\n/gm)].map((match) => match[1]!);
const failures = (output: string) => [...output.matchAll(/^fail (\S+)\n/gm)].map((match) => match[1]!);

/** Collects what a child prints until it is gone. */
async function outputOf(process: ChildProcess, onReady: () => void): Promise<string> {
  let output = "";
  process.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const wasReady = output.includes("ready\n");
    output += text;
    if (!wasReady && output.includes("ready\n")) onReady();
  });
  await new Promise((resolve) => process.on("close", resolve));
  return output;
}

scenario("store", "The process is killed while it writes", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const acked: string[] = [];
  for (let round = 0; round < 20; round++) {
    const writer = spawn(process.execPath, [child("writer.ts"), path, `r${round}`, "1000000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output = await outputOf(writer, () => void sleep(Math.random() * 120).then(() => writer.kill("SIGKILL")));
    expect(writer.signalCode).toBe("SIGKILL");
    acked.push(...acks(output));
    expect(missing(path, acked)).toEqual([]);
  }
  expect(acked.length).toBeGreaterThan(100);
  expect(findDamage(path)).toEqual([]);
});

scenario("store", "Several processes write at once", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  const each = 150;
  await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, [child("counter.ts"), path, String(each)])));
  const database = new DatabaseSync(path);
  expect(database.prepare("SELECT value FROM counter").get()).toEqual({ value: 4 * each });
  database.close();
});

scenario("store", "The disk is full", async () => {
  using folder = temporary();
  const path = join(folder.path, "core.db");
  // A limit on the size of files stands for the full disk: it needs no rights and works wherever there is a shell.
  const script = 'ulimit -f 2000; exec "$0" "$@"';
  const { stdout } = await run("sh", [
    "-c",
    script,
    process.execPath,
    child("writer.ts"),
    path,
    "w",
    "400",
    "20000",
    "4",
  ]);
  expect(new Set(failures(stdout))).toEqual(new Set(["store_full"]));
  const acked = acks(stdout);
  expect(acked.length).toBeGreaterThan(10);
  expect(missing(path, acked)).toEqual([]);
  const again = await run(process.execPath, [child("writer.ts"), path, "later", "20", "20000", "4"]);
  expect(acks(again.stdout)).toHaveLength(20);
  expect(missing(path, [...acked, ...acks(again.stdout)])).toEqual([]);
  expect(findDamage(path)).toEqual([]);
});

const mountRefused = tryMount();
if (mountRefused) console.warn(`SKIPPED: no small file system can be mounted here (${mountRefused})`);

test.skipIf(mountRefused)("a disk that fills up and is freed again needs no restart", async () => {
  using folder = temporary();
  const disk = join(folder.path, "disk");
  mkdirSync(disk);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]);
  try {
    const path = join(disk, "core.db");
    const acked: string[] = [];
    {
      await using store = openSqliteStore(path, "full").as<{ rows: { id: string; body: string } }>();
      await store.write((tx) =>
        tx.schema.createTable("rows").addColumn("id", "text").addColumn("body", "text").execute(),
      );
      const insert = async (id: string) => {
        await store.write((tx) =>
          tx
            .insertInto("rows")
            .values({ id, body: "x".repeat(9000) })
            .returning("id")
            .execute(),
        );
        acked.push(id);
      };
      const ballast = join(disk, "ballast");
      writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024));
      const results = await Promise.allSettled(Array.from({ length: 60 }, (_, index) => insert(`first-${index}`)));
      for (let index = 0; index < 400; index++) results.push(...(await Promise.allSettled([insert(`n${index}`)])));
      const refused = results
        .filter((result) => result.status === "rejected")
        .map(({ reason }) => reason as { code: string });
      expect(refused.length).toBeGreaterThan(50);
      expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(["store_full"]));
      const before = acked.length;
      expect(await store.read.selectFrom("rows").select("id").execute()).toHaveLength(before);
      rmSync(ballast);
      await insert("after");
      expect(await store.read.selectFrom("rows").select("id").execute()).toHaveLength(before + 1);
    }
    expect(missing(path, acked)).toEqual([]);
    expect(findDamage(path)).toEqual([]);
  } finally {
    execFileSync("umount", ["--lazy", disk]);
  }
});

const traceRefused = tryTrace();
if (traceRefused) console.warn(`SKIPPED: no faults can be injected into system calls here (${traceRefused})`);

test.skipIf(traceRefused)(
  "a disk whose fsync fails now and then: refused writes are told, acknowledged ones are there",
  async () => {
    using folder = temporary();
    const path = join(folder.path, "core.db");
    const inject = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=12+5"];
    const command = [process.execPath, child("writer.ts"), path, "w", "120", "200", "1"];
    const { stdout } = await run("strace", ["-f", "-qq", "-o", "/dev/null", ...inject, ...command]);
    expect(new Set(failures(stdout))).toEqual(new Set(["store_full"]));
    expect(acks(stdout).length).toBeGreaterThan(30);
    expect(acks(stdout).length + failures(stdout).length).toBe(120);
    expect(missing(path, acks(stdout))).toEqual([]);
    expect(findDamage(path)).toEqual([]);
  },
);

/** Why no tmpfs can be mounted, or null when one can. */
function tryMount(): string | null {
  using folder = temporary();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path], { stdio: "pipe" });
    execFileSync("umount", [folder.path], { stdio: "pipe" });
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0] ?? "refused";
  }
}

function tryTrace(): string | null {
  try {
    execFileSync("strace", ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "true"], {
      stdio: "pipe",
    });
    return null;
  } catch (error) {
    return (error as Error).message.split("\n")[0] ?? "refused";
  }
}
