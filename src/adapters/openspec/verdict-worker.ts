import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import type { VerdictIssue } from "./port.ts";
import type { ThreadAnswer, ThreadRequest } from "./verdict-thread.ts";

/**
 * Runs in a thread of its own: OpenSpec reads files and YAML synchronously, which would stop the daemon for up to 200 ms
 * at a time. The module that is loaded is no public entry of the package, hence the self-test.
 */
interface Validating {
  validateChangeDeltaSpecs(
    changeDirectory: string,
    options: { mainSpecsDir: string; projectRoot: string },
  ): Promise<unknown>;
}
type Nested = { find: (changes: string, id: string) => Promise<unknown>; describe: (found: unknown) => string };

const reportSchema = z.object({
  issues: z.array(
    z.object({
      level: z.enum(["ERROR", "WARNING", "INFO"]),
      path: z.string(),
      message: z.string(),
      line: z.number().optional(),
    }),
  ),
});

const DELTA = "## ADDED Requirements\n\n### Requirement: A\nThe system SHALL do it.\n";
const SCENARIO = "\n#### Scenario: s\n- **WHEN** a\n- **THEN** b\n";
/** Changes whose verdict every version from 0.23 on gives: is there an error? */
const FIXTURES: Record<string, { delta: string | null; hasError: boolean }> = {
  "good-one": { delta: DELTA + SCENARIO, hasError: false },
  "no-scenario": { delta: DELTA, hasError: true },
  "no-delta": { delta: null, hasError: true },
};

await serve();

async function serve(): Promise<void> {
  const port = parentPort;
  if (!port) return;
  try {
    const { directory, scratch } = z.object({ directory: z.string(), scratch: z.string() }).parse(workerData);
    const judge = await load(directory);
    await selfTest(judge, scratch);
    port.on(
      "message",
      (request: ThreadRequest) => void answer(judge, request).then((result) => port.postMessage(result)),
    );
    port.postMessage({ kind: "ready" } satisfies ThreadAnswer);
  } catch (error) {
    port.postMessage({ kind: "unusable", reason: String(error) } satisfies ThreadAnswer);
  }
}

type Judge = (project: string, id: string) => Promise<VerdictIssue[]>;

async function load(directory: string): Promise<Judge> {
  const at = (path: string) => pathToFileURL(join(directory, "dist", path)).href;
  const module: unknown = await import(at("core/validation/validator.js"));
  const nested = await loadNested(at("utils/nested-change.js"));
  const create = constructorIn(module);
  return async (project, id) => {
    const changes = join(project, "openspec", "changes");
    const wrapped = nested ? await nested.find(changes, id) : null;
    if (nested && wrapped) return [{ level: "ERROR", path: "file", message: nested.describe(wrapped) }];
    const options = { mainSpecsDir: join(project, "openspec", "specs"), projectRoot: project };
    const { issues } = reportSchema.parse(await create().validateChangeDeltaSpecs(join(changes, id), options));
    return issues.map(({ line, ...issue }) => (line === undefined ? issue : { ...issue, line }));
  };
}

/** A validator in strict mode per change, as the command line makes it. */
function constructorIn(module: unknown): () => Validating {
  const { Validator } = z
    .object({ Validator: z.custom<new (strict: boolean) => Validating>(isFunction) })
    .parse(module);
  return () => new Validator(true);
}

/** Newer versions tell folders that wrap changes from changes; older ones have no such check. */
async function loadNested(url: string): Promise<Nested | null> {
  try {
    const shape = z.object({
      findNestedChangesIn: z.custom<Nested["find"]>(isFunction),
      describeNestedChange: z.custom<Nested["describe"]>(isFunction),
    });
    const { findNestedChangesIn, describeNestedChange } = shape.parse(await import(url));
    return { find: findNestedChangesIn, describe: describeNestedChange };
  } catch {
    return null;
  }
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

async function answer(judge: Judge, { id, project, change }: ThreadRequest): Promise<ThreadAnswer> {
  const started = performance.now();
  try {
    const issues = await judge(project, change);
    return { kind: "verdict", id, issues, ms: performance.now() - started };
  } catch (error) {
    return { kind: "failed", id, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Throws when the loaded code does not judge as OpenSpec does. */
async function selfTest(judge: Judge, project: string): Promise<void> {
  try {
    for (const [id, { delta, hasError }] of Object.entries(FIXTURES)) {
      const folder = join(project, "openspec", "changes", id);
      await mkdir(join(folder, "specs", "example"), { recursive: true });
      await writeFile(join(folder, ".openspec.yaml"), "schema: spec-driven\n");
      await writeFile(join(folder, "tasks.md"), "## 1. A\n\n- [ ] 1.1 b\n");
      if (delta !== null) await writeFile(join(folder, "specs", "example", "spec.md"), delta);
      const issues = await judge(project, id);
      if (issues.some(({ level }) => level === "ERROR") !== hasError)
        throw new Error(`judged the fixture ${id} wrongly`);
    }
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}
