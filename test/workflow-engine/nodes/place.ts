import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeLmStudio, type FakeOptions, startFakeLmStudio } from "../../../src/adapters/llm/fake/index.ts";
import { type ControlClient, connectControl } from "../../../src/server/control-client.ts";
import type { Principal } from "../../../src/foundation/principal.ts";
import { type RunningDaemon, specloop, startDaemon } from "../../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../../helpers/repository.ts";

interface Run {
  id: string;
  state: string;
  reason: string | null;
  error: { key: string; message: string; kind: string } | null;
  output: { value: Record<string, unknown> } | null;
  nodes: { key: string; status: string; error: { kind: string; message: string } | null; shown: unknown }[];
}

/** A repository with a daemon of its own process and a model server that follows a script. */
export interface Place extends AsyncDisposable {
  repository: TemporaryRepository;
  model: FakeLmStudio;
  daemon: RunningDaemon;
  env: Record<string, string>;
  /** Ends the daemon and starts another one. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  call(tool: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The same tools as somebody else. */
  as(principal: Principal): Promise<ControlClient>;
  /** Runs a workflow until it ends or waits. */
  run(name: string, input?: Record<string, unknown>): Promise<Run>;
  /** The run as soon as it does not go on by itself. */
  settled(id: string): Promise<Run>;
  /** Writes `workflows/NAME.yaml`, and approves it where it is to. */
  define(name: string, text: string, more?: { approve?: boolean }): Promise<void>;
  cli(...args: string[]): ReturnType<typeof specloop>;
}

export interface PlaceOptions extends FakeOptions {
  files?: Record<string, string>;
  env?: Record<string, string>;
}

export const PERSON = { kind: "person", name: "ada" } as const;
/** Of a call; clients and tests are cut later. */
const WAIT_MS = 60_000;

export async function openPlace(options: PlaceOptions = {}): Promise<Place> {
  const stack = new AsyncDisposableStack();
  const model = stack.use(await startFakeLmStudio(options));
  const files = { "README.md": "# Example\n", ".gitignore": ".specloop/\n", ...options.files };
  const repository = stack.use(await temporaryRepository(files));
  const scratch = await mkdtemp(join(tmpdir(), "specloop-nodes-"));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const env = {
    XDG_CONFIG_HOME: join(scratch, "config"),
    HOME: scratch,
    LM_STUDIO_BASE_URL: model.url,
    ...options.env,
  };
  let daemon = await startDaemon(repository.path, { env });
  let client = await connectControl(daemon.status.socket, PERSON);
  stack.defer(async () => {
    await client.close();
    await daemon[Symbol.asyncDispose]();
  });
  const call: Place["call"] = async (tool, input = {}) => (await client.call(tool, input)).output;
  const settled = async (id: string) => (await call("run_get", { run: id, waitMs: WAIT_MS })) as unknown as Run;
  return {
    repository,
    model,
    env,
    call,
    settled,
    as: (principal) => connectControl(daemon.status.socket, principal),
    get daemon() {
      return daemon;
    },
    restart: async (signal = "SIGKILL") => {
      await client.close();
      await daemon.end(signal);
      daemon = await startDaemon(repository.path, { env });
      client = await connectControl(daemon.status.socket, PERSON);
    },
    run: async (name, input = {}) =>
      (await call("workflow_run", {
        name,
        input,
        waitMs: WAIT_MS,
      })) as unknown as Run,
    define: async (name, text, { approve = true } = {}) => {
      await repository.write(`workflows/${name}.yaml`, `name: ${name}\n${text}`);
      if (!approve) return;
      const { hash } = await call("workflow_reach", { name });
      await call("workflow_approve", {
        name,
        hash,
      });
    },
    cli: (...args) => specloop([...args, "--repo", repository.path], { env }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export function nodeOf(run: Run, key: string): Run["nodes"][number] | undefined {
  return run.nodes.find((node) => node.key === key);
}
