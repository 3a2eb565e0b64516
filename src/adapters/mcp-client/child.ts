import { spawn } from "node:child_process";
import type { Duplex, Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { SpecloopError } from "../../foundation/errors.ts";
import { LineReader } from "../../foundation/lines.ts";

/** A process that speaks on its pipes, in a process group of its own. */
export interface Child {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Process group, which is also the process id of its leader. */
  group: number;
  /** Resolves when nobody of the group is left, with why. */
  ended: Promise<string>;
  /** End of input, then SIGTERM to the server, then SIGKILL to the whole group; resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Leads the process group and holds the leash (fd 3), a socket whose other end only the daemon has. When that end closes,
 * for whatever reason (kill -9 included), the whole group is killed, and so it is when the server ends: nothing that it
 * started stays. Stdin and stdout are handed on and not kept, so that their ends are seen.
 */
const LEADER = `
exec 4<&0
"$@" 3<&- <&4 4<&- &
server=$!
exec 4<&- </dev/null >/dev/null
echo "started $server" >&3
trap : TERM
(read -r _ <&3; kill -KILL 0) 2>/dev/null &
while :; do
  wait "$server"
  code=$?
  kill -0 "$server" 2>/dev/null || break
done
echo "ended $code" >&3
kill -KILL 0
`;

/** How long a server may take to end by itself when its input ends, and again after SIGTERM. */
const GRACE_MS = 1500;
const MAX_LEASH_LINE = 100;

export function startChild(target: {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
}): Promise<Child> {
  const { command, args, cwd, env } = target;
  const child = spawn("/bin/sh", ["-c", LEADER, "specloop-server", command, ...args], {
    cwd,
    env,
    detached: true,
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Child>();
  child.once("error", (cause) => {
    reject(new SpecloopError("tool_unavailable", `${command} cannot be started: ${cause.message}`, { cause }));
  });
  child.once("spawn", () => {
    const leash = child.stdio[3] as Duplex;
    const news = follow(leash);
    const ended = Promise.withResolvers<string>();
    child.once("exit", () => ended.resolve(news.code === null ? "it was killed" : `it ended with code ${news.code}`));
    for (const stream of [child.stdin, child.stdout, child.stderr, leash]) stream.on("error", () => {});
    const group = child.pid!;
    const stop = () => stopChild({ group, ended: ended.promise, stdin: child.stdin, server: () => news.server });
    resolve({ stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, group, ended: ended.promise, stop });
  });
  return promise;
}

/** What the leader tells: the server's process id and how it ended. */
function follow(leash: Duplex): { server: number | null; code: string | null } {
  const news: { server: number | null; code: string | null } = { server: null, code: null };
  const lines = new LineReader(MAX_LEASH_LINE);
  leash.on("data", (chunk: Buffer) => {
    for (const line of lines.push(chunk)) {
      const [word, value = ""] = line.split(" ");
      if (word === "started") news.server = Number(value);
      if (word === "ended") news.code = value;
    }
  });
  return news;
}

async function stopChild(child: {
  group: number;
  ended: Promise<string>;
  stdin: Writable;
  server(): number | null;
}): Promise<void> {
  const gone = child.ended.then(() => true);
  const within = async (ms: number) => {
    const over = new AbortController();
    const time = wait(ms, false, { signal: over.signal }).catch(() => false);
    try {
      return await Promise.race([gone, time]);
    } finally {
      over.abort();
    }
  };
  child.stdin.end();
  if (await within(GRACE_MS)) return;
  const server = child.server();
  if (server !== null) signal(server, "SIGTERM");
  if (await within(GRACE_MS)) return;
  signal(-child.group, "SIGKILL");
  await gone;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
