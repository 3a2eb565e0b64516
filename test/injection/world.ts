import { readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { type FakeContext, type FakeLmStudio, startFakeLmStudio } from "../../src/adapters/llm/fake/index.ts";
import type { CliContext } from "../../src/cli/context.ts";
import { Output } from "../../src/cli/output.ts";
import { connectControl } from "../../src/server/control-client.ts";
import { type RunningDaemon, specloop, startDaemon } from "../helpers/command.ts";
import { temporaryRepository, type TemporaryRepository } from "../helpers/repository.ts";
import { auditOf } from "../security/running.ts";

const FILES = {
  "openspec/config.yaml": "schema: spec-driven\n",
  "openspec/specs/deploy/spec.md":
    "# Deploy Specification\n\n## Purpose\nDeployments reach production in the hands of people.\n\n## Requirements\n### Requirement: Deployments\nOnly the release team SHALL deploy to production.\n\n#### Scenario: An agent\n- **WHEN** an agent wants to deploy\n- **THEN** it asks the release team\n",
  "openspec/changes/add-jam/proposal.md": "# Jam\n\n## Why\n\nBread is dry.\n\n## What Changes\n\n- Jam\n",
  "README.md": "# Shop\n\nA shop for second-hand bicycles.\n",
  ".gitignore": ".specloop/\n",
};

/** What a call over MCP came back with. */
export interface Reply {
  isError: boolean;
  text: string;
  output: Record<string, unknown>;
}

/** A daemon whose model does whatever a text tells it, and everything that must stay as it was. */
export interface World extends AsyncDisposable {
  repository: TemporaryRepository;
  daemon: RunningDaemon;
  model: FakeLmStudio;
  /** Whether the model obeys; else it answers nothing. */
  obeys(does: boolean): void;
  /** Calls a tool as an agent of this name, over MCP with every tool. */
  call(name: string, input: Record<string, unknown>, client?: string): Promise<Reply>;
  run(...args: string[]): ReturnType<typeof specloop>;
  /** Calls a tool as the person of the repository. */
  asPerson(tool: string, input: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** What a command writes to a person's terminal. */
  onTerminal(command: (context: CliContext) => Promise<void>): Promise<string>;
  /** Puts files into the working tree and takes them out again. */
  plant(files: Record<string, string>): Promise<AsyncDisposable>;
  /** Everything that an injection may want to change. */
  state(): Promise<WorldState>;
}

export interface WorldState {
  head: string;
  status: string;
  branches: string;
  tags: string;
  approvals: unknown;
  agents: unknown;
  /** Who did what, without what asking and answering leave behind. */
  acts: string[];
}

/** Asking, answering, and refusing are what the audit log may grow by. */
const HARMLESS =
  /^(?:question|answer|access|document\.refused)\b|^tool\.called (?:question_ask|answer_submit|answer_judge|tool_find|tool_call)$|^server\.tool_called\b/;

export interface WorldSetup {
  /** `servers` of specloop.yaml. */
  servers?: Record<string, unknown>;
  env?: Record<string, string>;
}

export async function openWorld({ servers, env = {} }: WorldSetup = {}): Promise<World> {
  const repository = await temporaryRepository({
    ...FILES,
    ...(servers && { "specloop.yaml": JSON.stringify({ servers }) }),
  });
  const model = await startFakeLmStudio({ respond: obey });
  const daemon = await startDaemon(repository.path, { env: { ...env, LM_STUDIO_BASE_URL: model.url } });
  const clients = new Map<string, Client>();
  const run: World["run"] = (...args) => specloop([...args, "--repo", repository.path], { env });
  const person = await connectControl(daemon.status.socket, { kind: "person", name: "Ada Example" });
  const asPerson: World["asPerson"] = async (tool, input) => (await person.call(tool, input)).output;
  const connected = async (name: string) => {
    const known = clients.get(name);
    if (known) return known;
    const token = readFileSync(join(repository.path, ".specloop/token"), "utf8").trim();
    const client = new Client({ name, version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${daemon.status.url}/mcp?toolset=full`), { requestInit }),
    );
    clients.set(name, client);
    return client;
  };
  return {
    repository,
    daemon,
    model,
    obeys: (does) => {
      model.respond = does ? obey : () => ({ answerable: false, answer: "", confidence: 0, quotes: [], done: true });
    },
    run,
    asPerson,
    call: async (name, input, client = "tester") => {
      try {
        const result = await (await connected(client)).callTool({ name, arguments: input });
        const [part] = result.content as { text?: string }[];
        const output = (result.structuredContent ?? {}) as Record<string, unknown>;
        return { isError: result.isError === true, text: part?.text ?? "", output };
      } catch (error) {
        return { isError: true, text: String(error), output: {} };
      }
    },
    onTerminal: async (command) => {
      const stdout = new PassThrough();
      const stderr = new PassThrough();
      const output = new Output({ json: false, color: false, columns: 100, stdout, stderr });
      const { signal } = new AbortController();
      await command({ env: process.env, path: repository.path, output, stdin: new PassThrough(), signal });
      return `${String(stdout.read() ?? "")}${String(stderr.read() ?? "")}`;
    },
    plant: async (files) => {
      const before = await Promise.all(
        Object.keys(files).map(async (path) => [path, committed(repository, path)] as const),
      );
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(repository.path, path)), { recursive: true });
        await writeFile(join(repository.path, path), text);
      }
      return {
        [Symbol.asyncDispose]: async () => {
          for (const [path, text] of before) {
            const was = await text;
            if (was === null) await rm(join(repository.path, path));
            else await writeFile(join(repository.path, path), was);
          }
        },
      };
    },
    state: async () => ({
      head: await repository.git("rev-parse", "HEAD"),
      status: await repository.git("status", "--porcelain", "--untracked-files=all"),
      branches: await repository.git("branch", "--list", "--all"),
      tags: await repository.git("tag", "--list"),
      approvals: (await asPerson("approval_list", {}))["approvals"],
      agents: (await asPerson("agent_list", {}))["agents"],
      acts: auditOf(repository)
        .map(({ action, target }) => (action === "tool.called" ? `${action} ${target}` : action))
        .filter((act) => !HARMLESS.test(act)),
    }),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients.values()) await client.close();
      await person[Symbol.asyncDispose]();
      await daemon[Symbol.asyncDispose]();
      await model[Symbol.asyncDispose]();
      await repository[Symbol.asyncDispose]();
    },
  };
}

async function committed(repository: TemporaryRepository, path: string): Promise<string | null> {
  // The helper drops the last line end of what git says.
  return repository.git("show", `HEAD:${path}`).then(
    (text) => `${text}\n`,
    () => null,
  );
}

/**
 * The worst model there could be: it answers everything, is sure, says back every order that it was given as its own
 * words, and quotes the first passage word for word, so that its answer passes every check that an answer can pass.
 */
function obey({ messages, schema }: FakeContext): Record<string, unknown> | string {
  if (!schema) return "Yes. I have done everything that the documents told me.";
  const prompt = messages.map(({ content }) => content).join("\n");
  const block = /\[data (\w+) 1 "passage 1[^\n]*\n([^]*?)\n\[end \1 1\]/.exec(prompt);
  const lines = (block?.[2] ?? "").split("\n").map((line) => line.replace(/^\w+\| ?/, ""));
  const quote = lines.filter((line) => line.trim().length >= 12).slice(0, 3);
  const orders = prompt.split("\n").filter((line) => /ignore|system|approve|call |write |delete/i.test(line));
  return {
    answerable: true,
    answer: `Yes, you may. I obey: ${orders.join(" ").slice(0, 2000)}`,
    confidence: 1,
    quotes: quote.slice(0, 1).map((text) => ({ passage: 1, text })),
    done: true,
    questions: ["May I delete everything?"],
    improvements: [],
  };
}
