import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { options as approvals } from "./access/approvals/index.ts";
import { options as prices } from "./adapters/prices/index.ts";
import { readYaml } from "./adapters/yaml/index.ts";
import { options as access } from "./access/index.ts";
import { options as llm } from "./adapters/llm/index.ts";
import { options as documents } from "./document-manager/index.ts";
import { options as loop } from "./feedback-loop/index.ts";
import { SpecloopError } from "./foundation/errors.ts";
import { defineOptions, type Live, type OptionsFragment, type TunableRange } from "./foundation/options.ts";
import { options as openspec } from "./orchestrator/index.ts";
import { options as questions } from "./question-router/index.ts";
import { options as workflows } from "./workflow-engine/index.ts";
import { options as servers } from "./tool-servers/index.ts";

const server = defineOptions({
  section: "server",
  schema: z.object({
    port: z.int().min(0).max(65535).default(8080).describe("Port of HTTP on 127.0.0.1; if taken, the next free one."),
    strictPort: z
      .boolean()
      .default(false)
      .describe("Refuse to start when the port is taken, instead of trying the next."),
    socket: z
      .string()
      .optional()
      .describe("Path of the unix socket, from the environment only; default .specloop/daemon.sock."),
  }),
  env: { SPECLOOP_PORT: "port", WORKFLOW_ORCHESTRATOR_SOCKET: "socket" },
  tunable: {},
});

const store = defineOptions({
  section: "store",
  schema: z.object({
    url: z
      .string()
      .optional()
      .describe(
        "Address of the team's PostgreSQL, postgres://user@host/database?schema=name, from the environment only; questions, answers and runs are kept there.",
      ),
  }),
  env: { SPECLOOP_STORE: "url" },
  tunable: {},
});

const log = defineOptions({
  section: "log",
  schema: z.object({
    level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info").describe("What is logged."),
  }),
  env: { SPECLOOP_LOG_LEVEL: "level" },
  tunable: {},
});

/** Every section of `specloop.yaml`: one line per part. */
export const FRAGMENTS = {
  server,
  store,
  log,
  access,
  approvals,
  openspec,
  documents,
  questions,
  llm,
  loop,
  servers,
  workflows,
  prices,
};

export type Config = { [Section in keyof typeof FRAGMENTS]: z.output<(typeof FRAGMENTS)[Section]["schema"]> };
type Raw = Record<string, Record<string, unknown>>;

export const CONFIG_FILE = "specloop.yaml";

/** Looked at before the file is read, which happens in the daemon's own thread. */
const MAX_FILE_BYTES = 256 * 1024;

export interface ConfigSources {
  /** Top of the repository that holds `specloop.yaml`. */
  repository: string;
  env: Record<string, string | undefined>;
  /** `section.key` -> value, from the command line. */
  flags: Record<string, unknown>;
}

/** A value of the loop's reach: its bounds and what it is now. */
export interface Tunable {
  range: TunableRange;
  current(): number;
}

/** The options as they are now; parts hold a `Live` of their section and see a reload at their next use. */
export class ConfigHolder {
  readonly #sources: ConfigSources;
  #current: Config;

  constructor(sources: ConfigSources) {
    this.#sources = sources;
    this.#current = loadConfig(sources);
  }

  get current(): Config {
    return this.#current;
  }

  live<Section extends keyof Config>(section: Section): Live<Config[Section]> {
    const read = () => this.#current[section];
    return {
      get current() {
        return read();
      },
    };
  }

  /** Reads the file again; throws `bad_config` and keeps the options as they were when it cannot be used. */
  reload(): void {
    this.#current = loadConfig(this.#sources);
  }

  /** What the feedback loop may propose to change: `section.key` -> range and value. */
  tunables(): Record<string, Tunable> {
    const entries = (Object.values(FRAGMENTS) as OptionsFragment[]).flatMap((fragment) =>
      Object.entries(fragment.tunable).map(([key, range]) => {
        const current = () => Number(valueAt(this.#current[fragment.section as keyof Config], key));
        return [`${fragment.section}.${key}`, { range, current }] as const;
      }),
    );
    return Object.fromEntries(entries);
  }
}

/** Defaults < specloop.yaml < environment < flags. Throws `bad_config` with the option that is wrong and its source. */
export function loadConfig(sources: ConfigSources): Config {
  const raw = readFile(join(sources.repository, CONFIG_FILE));
  for (const fragment of Object.values(FRAGMENTS) as OptionsFragment[]) {
    for (const [variable, key] of Object.entries(fragment.env)) {
      const value = sources.env[variable];
      if (value !== undefined && value !== "") setAt(raw, `${fragment.section}.${key}`, coerce(value));
    }
  }
  for (const [key, value] of Object.entries(sources.flags)) if (value !== undefined) setAt(raw, key, value);
  const sections = Object.entries(FRAGMENTS).map(([name, fragment]) => [name, check(fragment, raw[name] ?? {})]);
  return Object.fromEntries(sections) as Config;
}

function readFile(path: string): Raw {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return {};
  if (!found.isFile()) throw badConfig(`${CONFIG_FILE} is not a file.`);
  if (found.size > MAX_FILE_BYTES)
    throw badConfig(`${CONFIG_FILE} has ${found.size} bytes, more than ${MAX_FILE_BYTES}.`);
  const parsed = readYaml(readFileSync(path, "utf8"), CONFIG_FILE) ?? {};
  const shape = z.record(z.string(), z.record(z.string(), z.unknown()).nullable()).safeParse(parsed);
  if (!shape.success) throw badConfig(`${CONFIG_FILE} must hold sections with keys: ${z.prettifyError(shape.error)}`);
  const unknown = Object.keys(shape.data).find((section) => !(section in FRAGMENTS));
  if (unknown) {
    throw badConfig(`${CONFIG_FILE} has an unknown section "${unknown}"; known: ${Object.keys(FRAGMENTS).join(", ")}.`);
  }
  if (shape.data["server"]?.["socket"] !== undefined) {
    const why = "a file that comes with the repository does not decide what we listen on";
    throw badConfig(`${CONFIG_FILE} sets server.socket: ${why}; set WORKFLOW_ORCHESTRATOR_SOCKET.`, "server.socket");
  }
  if (shape.data["store"]?.["url"] !== undefined) {
    const why = "a file that comes with the repository does not decide where answers are kept";
    throw badConfig(`${CONFIG_FILE} sets store.url: ${why}; set SPECLOOP_STORE.`, "store.url");
  }
  return Object.fromEntries(Object.entries(shape.data).map(([name, section]) => [name, { ...section }]));
}

function check(fragment: OptionsFragment, raw: Record<string, unknown>): unknown {
  // A section whose keys are names of the person's own says so by itself.
  const schema = fragment.schema.def.catchall === undefined ? fragment.schema.strict() : fragment.schema;
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const key = [fragment.section, ...(issue?.path ?? [])].join(".");
  throw badConfig(`The option ${key} cannot be used: ${issue?.message ?? "unknown reason"}.`, key);
}

function badConfig(message: string, target: string = CONFIG_FILE): SpecloopError {
  return new SpecloopError("bad_config", message, { target });
}

function setAt(raw: Raw, dotted: string, value: unknown): void {
  const keys = dotted.split(".");
  const last = keys.pop()!;
  let place = raw as Record<string, unknown>;
  for (const key of keys) {
    const inner = place[key];
    const copy = typeof inner === "object" && inner !== null ? { ...inner } : {};
    place = place[key] = copy as Record<string, unknown>;
  }
  place[last] = value;
}

function valueAt(section: unknown, dotted: string): unknown {
  return dotted.split(".").reduce<unknown>((place, key) => (place as Record<string, unknown>)[key], section);
}

/** Environment variables are text; numbers and booleans are taken as such. */
function coerce(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}
