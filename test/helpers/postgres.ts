import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A PostgreSQL of its own for a test file: data and socket in a temporary folder, no port. */
export interface PostgresServer extends AsyncDisposable {
  url: string;
  folder: string;
  /** Stops it at once, as a crash does (SIGQUIT), and starts it again. */
  crash(): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const WHY = "PostgreSQL is not installed (apt-get install postgresql)";

/** Folder of the newest installed server's programs; null, loudly, where there is none. */
export function postgresPrograms(): string | null {
  const found = globSync("/usr/lib/postgresql/*/bin").toSorted(
    (a, b) => Number(b.split("/")[4]) - Number(a.split("/")[4]),
  );
  const [folder] = found.filter((path) => existsSync(join(path, "initdb")));
  if (!folder) console.warn(`SKIPPED: tests of the store on PostgreSQL, because ${WHY}.`);
  return folder ?? null;
}

/** Makes and starts one. The server refuses to run as root, so for root it runs as the user `postgres` of its package. */
export async function startPostgres(programs: string): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), "specloop-postgres-"));
  const owner = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : {};
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid!);
  const data = join(folder, "data");
  execFileSync(
    join(programs, "initdb"),
    ["-D", data, "-U", "specloop", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
    {
      ...owner,
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let server = run();
  function run() {
    // prettier-ignore
    const options = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"];
    return spawn(join(programs, "postgres"), options, { ...owner, cwd: folder, stdio: "ignore" });
  }
  const ready = async () => {
    for (const until = performance.now() + 30_000; performance.now() < until; await sleep(50)) {
      try {
        execFileSync(join(programs, "pg_isready"), ["-h", folder, "-U", "specloop", "-d", "postgres"], {
          stdio: "ignore",
        });
        return;
      } catch {
        // Not yet.
      }
    }
    throw new Error("PostgreSQL did not start within 30 seconds");
  };
  const end = async (signal: "SIGINT" | "SIGQUIT") => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, "exit");
  };
  const start = async () => {
    server = run();
    await ready();
  };
  await ready();
  return {
    url: `postgres://specloop@localhost/postgres?host=${folder}`,
    folder,
    start,
    stop: () => end("SIGINT"),
    crash: async () => {
      await end("SIGQUIT");
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await end("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function idOf(which: "-u" | "-g"): number {
  return Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));
}
