import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { EventBus } from "../../src/foundation/events.ts";
import { systemClock } from "../../src/foundation/clock.ts";
import { SpecloopError } from "../../src/foundation/errors.ts";
import { silentLogger } from "../../src/foundation/logger.ts";
import type { Principal } from "../../src/foundation/principal.ts";
import { approve } from "../../src/tool-servers/approving.ts";
import { DownstreamServers, options as section, type ServersOptions } from "../../src/tool-servers/index.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";

const root = resolve(import.meta.dirname, "../..");
const packages = join(root, "node_modules/@modelcontextprotocol");
export const HOSTILE = join(import.meta.dirname, "fixtures/hostile-server.mjs");
export const publicServer = (name: string): string => join(packages, `server-${name}/dist/index.js`);

export const PERSON: Principal = { kind: "person", name: "ada" };
export const AGENT: Principal = { kind: "agent", name: "claude-code" };

export interface World extends AsyncDisposable {
  room: DownstreamServers;
  repository: TemporaryRepository;
  /** Outside the repository; `XDG_CONFIG_HOME` is below it. */
  scratch: string;
  told: { name: string; payload: Record<string, unknown> }[];
  configure(servers: Record<string, unknown>): void;
  /** Both steps, to what is there now. */
  approve(name: string, more?: { only?: string[]; agents?: "all" | "granted" }): Promise<void>;
  call(
    id: string,
    input?: Record<string, unknown>,
    more?: { timeoutMs?: number; principal?: Principal; signal?: AbortSignal },
  ): Promise<{ text: string; structured: Record<string, unknown> | null }>;
  /** Another daemon of the same repository and person. */
  again(): DownstreamServers;
}

/** The room over a real repository, with approvals in a folder of its own. */
export async function openWorld(servers: Record<string, unknown>, env: Record<string, string> = {}): Promise<World> {
  const repository = await temporaryRepository({ "README.md": "# Example\n" });
  const scratch = await mkdtemp(join(tmpdir(), "specloop-servers-"));
  let current: ServersOptions = section.schema.parse(servers);
  const live = {
    get current() {
      return current;
    },
  };
  const events = new EventBus(silentLogger);
  const told: World["told"] = [];
  events.onAny((name, payload) => void told.push({ name, payload: payload as Record<string, unknown> }));
  const rights = {
    checkRight: (principal: Principal, { name, open }: { name: string; open: boolean }) => {
      if (principal.kind === "agent" && !open) throw new SpecloopError("forbidden", `${name} is not granted.`);
    },
  };
  const build = () =>
    new DownstreamServers({
      repository: repository.path,
      env: { ...process.env, ...env, XDG_CONFIG_HOME: join(scratch, "config") },
      options: live,
      rights,
      events,
      clock: systemClock,
      logger: silentLogger,
    });
  const rooms = [build()];
  const room = rooms[0]!;
  const signal = new AbortController().signal;
  return {
    room,
    repository,
    scratch,
    told,
    configure: (given) => void (current = section.schema.parse(given)),
    approve: async (name, more = {}) => {
      const { hash } = room.server(name).launch();
      const view = await approve(room, { name, launch: hash, by: PERSON }, signal);
      await approve(room, { name, launch: hash, tools: view.toolsHash!, by: PERSON, ...more }, signal);
    },
    call: (id, input = {}, more = {}) => room.call({ id, input, principal: PERSON, signal, ...more }),
    again: () => {
      const next = build();
      rooms.push(next);
      return next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of rooms) await each[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

export function hostile(fault: string, more: Record<string, unknown> = {}, file = ""): Record<string, unknown> {
  return {
    command: process.execPath,
    args: [HOSTILE, fault, ...(file ? [file] : [])],
    timeoutMs: 3000,
    startTimeoutMs: 5000,
    ...more,
  };
}

export async function fileIn(world: World, name: string, text = ""): Promise<string> {
  const path = join(world.scratch, name);
  await writeFile(path, text);
  return path;
}

/** Whether a process is there and no zombie. */
export async function lives(pid: number): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

export function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error: unknown) => (error instanceof SpecloopError ? error.code : String(error)),
  );
}
