import { existsSync, globSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { VerdictIssue } from "../../src/adapters/openspec/index.ts";
import { changeOf, derive, documentOf } from "../../src/orchestrator/index.ts";
import { roleInChange } from "../../src/orchestrator/document.ts";
import { withVerdict } from "../../src/orchestrator/mergeability.ts";
import { realRepositoriesMissing, realRepository } from "../helpers/repository.ts";
import { readRuleCases } from "../helpers/rule-cases.ts";
import { scenario } from "../helpers/scenario.ts";
import { projectRoot, SPEC } from "./setup.ts";

if (realRepositoriesMissing) console.warn(realRepositoriesMissing);

/** Inner parts of the development dependency's OpenSpec, the same that its command line runs. */
interface Openspec {
  ArchiveCommand: new () => {
    run(change: string, options: { yes: boolean }, root: object, json: boolean): Promise<unknown>;
  };
  Validator: new (strict: boolean) => {
    validateChangeDeltaSpecs(directory: string, options: object): Promise<{ valid: boolean; issues: VerdictIssue[] }>;
  };
}

async function loadOpenspec(): Promise<Openspec> {
  const load = async (path: string): Promise<object> =>
    import(pathToFileURL(join(projectRoot, "node_modules/@fission-ai/openspec/dist/core", path)).href);
  return { ...(await load("archive.js")), ...(await load("validation/validator.js")) } as Openspec;
}

type Files = Record<string, string>;
interface Case {
  name: string;
  /** By capability. */
  specs: Files;
  /** By path inside the change. */
  change: Files;
}

/** What specloop says of an archive, and whether OpenSpec archives the change. */
async function compared(
  { name, specs, change }: Case,
  openspec: Openspec,
): Promise<[string, said: string, did: string]> {
  const path = await mkdtemp(join(tmpdir(), "specloop-archive-agreement-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const [changesDir, specsDir] = [join(path, "openspec/changes"), join(path, "openspec/specs")];
  const archiveDir = join(changesDir, "archive");
  const put = async (file: string, text: string) => {
    await mkdir(dirname(join(path, "openspec", file)), { recursive: true });
    await writeFile(join(path, "openspec", file), text);
  };
  await mkdir(join(changesDir, name), { recursive: true });
  await put("config.yaml", "schema: spec-driven\n");
  for (const [capability, text] of Object.entries(specs)) await put(`specs/${capability}/spec.md`, text);
  for (const [file, text] of Object.entries(change)) await put(`changes/${name}/${file}`, text);
  const options = { mainSpecsDir: specsDir, projectRoot: path };
  const judged = await new openspec.Validator(true).validateChangeDeltaSpecs(join(changesDir, name), options);
  const said = withVerdict(filesSay({ name, specs, change }), { ...judged, version: "", source: "project", ms: 0 });
  const archive = new openspec.ArchiveCommand();
  const root = { path, changesDir, archiveDir, specsDir };
  await archive.run(name, { yes: true }, root, true).catch(() => null);
  const isArchived = !existsSync(join(changesDir, name));
  return [name, said.state === "would_refuse" ? "refused" : "archived", isArchived ? "archived" : "refused"];
}

function filesSay({ name, specs, change }: Case) {
  const document = (path: string, role: Parameters<typeof documentOf>[1], text: string) =>
    documentOf(path, role, Buffer.from(text));
  const documents = Object.entries(change).map(([file, text]) => {
    return [file, document(`openspec/changes/${name}/${file}`, roleInChange(file), text)] as const;
  });
  const common = { id: name, truncated: false, git: "committed" as const, branch: null };
  const state = derive({
    root: "openspec",
    config: { schema: null, context: null, store: null, problems: [] },
    schemas: new Map(),
    specs: new Map(
      Object.entries(specs).map(([capability, text]) => [
        capability,
        document(`openspec/specs/${capability}/spec.md`, "spec", text),
      ]),
    ),
    changes: new Map([[name, changeOf({ ...common, documents: new Map(documents) })]]),
    archived: [],
    archive: { tasks: new Map(), deadLock: null },
    approvals: new Map(),
  });
  return state.changes.get(name)!.mergeability;
}

function disagreeing(results: [string, string, string][]): string[] {
  return results.flatMap(([name, said, did]) => (said === did ? [] : [`${name}: said ${said}, OpenSpec ${did} it`]));
}

scenario("changes", "What is said about an archive is what OpenSpec does", async (context) => {
  context.skip(realRepositoriesMissing !== null, realRepositoriesMissing ?? "");
  const openspec = await loadOpenspec();
  const { cases } = readRuleCases();
  const auth = cases.find(({ kind, name }) => kind === "spec" && name === "auth")!.files["spec.md"]!;
  const changes = cases.filter(({ kind }) => kind === "change");
  const results = [];
  for (const { name, files } of changes)
    results.push(await compared({ name, specs: { auth }, change: files }, openspec));
  expect(disagreeing(results)).toEqual([]);
  const refused = results.filter(([, , did]) => did === "refused");
  expect([results.length > 60, refused.length > 30]).toEqual([true, true]);
});

const BLOCK = "### Requirement: It\nIt SHALL.\n\n#### Scenario: s\n- x\n";
const ADDED = `## ADDED Requirements\n\n${BLOCK}`;
const SECOND = `${SPEC}\n${BLOCK}`;
const MODIFIED = (name: string) =>
  `## MODIFIED Requirements\n\n### Requirement: ${name}\nIt SHALL.\n\n#### Scenario: s\n- y\n`;
const renamed = (from: string, to: string) =>
  `## RENAMED Requirements\n\n- FROM: \`### Requirement: ${from}\`\n- TO: \`### Requirement: ${to}\`\n`;
const removed = (name: string) => `## REMOVED Requirements\n\n### Requirement: ${name}\n**Reason**: x\n`;

/** Spec and delta; the name says what is special. */
const CASES: Record<string, [spec: string | null, delta: string, metadata?: string]> = {
  "remove-the-last": [SPEC, removed("Sign in")],
  "retire-the-last": [SPEC, removed("Sign in"), "schema: spec-driven\nretire_capabilities: true\n"],
  "remove-one-of-two": [SECOND, removed("It")],
  "remove-all-add-one": [SPEC, `${removed("Sign in")}\n${ADDED}`],
  "remove-a-near-miss": [SPEC, removed("sign in")],
  "remove-what-is-gone": [SECOND, removed("Nowhere")],
  "remove-in-a-new-capability": [null, removed("X")],
  "remove-then-add-in-another-case": [SPEC, `${removed("Sign in")}\n${ADDED.replace("It\n", "sign in\n")}`],
  "rename-in-case-alone": [SPEC, renamed("Sign in", "sign in")],
  "rename-to-a-near-miss": [SECOND, renamed("It", "sign  IN")],
  "rename-a-near-miss": [SPEC, renamed("sign in", "New")],
  "rename-done-already": [SPEC, renamed("Nowhere", "Sign in")],
  "rename-done-but-a-near-miss": [SECOND, renamed("it", "Sign in")],
  "rename-then-add-the-old-name": [SPEC, `${renamed("Sign in", "New")}\n${ADDED.replace("It\n", "Sign in\n")}`],
  "rename-in-a-chain": [SPEC, `${renamed("Sign in", "A")}\n${renamed("A", "B").split("\n\n")[1]}`],
  "rename-then-modify": [SECOND, `${renamed("It", "New")}\n${MODIFIED("New")}`],
  "add-what-is-there": [SECOND, ADDED],
  "add-with-other-white-space": [SECOND, ADDED.replace("SHALL.", "SHALL.  ")],
  "spec-without-purpose": [SPEC.replace(/## Purpose\n.*\n/, ""), ADDED],
  "spec-with-an-empty-purpose": [SPEC.replace(/(## Purpose\n).*\n/, "$1\n"), ADDED],
  "spec-with-a-requirement-without-scenario": [`${SPEC}\n### Requirement: Bad\nIt SHALL.\n`, ADDED],
  "spec-with-a-requirement-without-text": [`${SPEC}\n### Requirement: Bad\n\n#### Scenario: s\n- x\n`, ADDED],
  "spec-mended-by-the-delta": [SECOND.replace("#### Scenario: s\n- x\n", ""), MODIFIED("It")],
  "spec-with-a-requirement-twice": [`${SECOND}\n${BLOCK}`, ADDED.replace("It\n", "New\n")],
  "spec-with-a-delta-heading": [`${SPEC}\n${ADDED}`, ADDED],
  "spec-without-requirements": [SPEC.replace("## Requirements", "## Other"), ADDED],
  "spec-with-another-heading": [`${SPEC}\n### Notes\nText.\n`, ADDED],
  "spec-with-another-heading-and-text-below": [`${SPEC}\n### Notes\n\n#### More\nText.\n`, ADDED],
  "spec-with-requirements-in-code": [`${SPEC}\n\`\`\`\n### Requirement: Bad\n## ADDED Requirements\n\`\`\`\n`, ADDED],
  "spec-with-requirements-behind": [`${SPEC}\n## Notes\n\n### Requirement: Loose\nIt SHALL.\n`, ADDED],
  "spec-with-another-heading-that-goes-along": [
    `${SECOND}\n### Notes\nText.\n\n${BLOCK.replace("It\n", "Third\n")}`,
    removed("It"),
  ],
  "empty-spec": ["", ADDED],
};

test("an archive's refusals of specs, near misses, chains and emptied capabilities are known before", async () => {
  const openspec = await loadOpenspec();
  const results = [];
  for (const [name, [spec, delta, metadata = "schema: spec-driven\n"]] of Object.entries(CASES)) {
    const change = { ".openspec.yaml": metadata, "proposal.md": "# It\n\n## Why\nx\n", "specs/auth/spec.md": delta };
    results.push(await compared({ name, specs: spec === null ? {} : { auth: spec }, change }, openspec));
  }
  expect(disagreeing(results)).toEqual([]);
});

test("an addition to every spec of a real repository is refused by archive where specloop says so", async (context) => {
  context.skip(realRepositoriesMissing !== null, realRepositoriesMissing ?? "");
  const openspec = await loadOpenspec();
  const repository = await realRepository("Fission-AI-OpenSpec");
  onTestFinished(() => repository[Symbol.asyncDispose]());
  const results: [string, string, string][] = [];
  for (const file of globSync("openspec/specs/*/spec.md", { cwd: repository.path }).sort()) {
    const text = readFileSync(join(repository.path, file), "utf8");
    const change = { ".openspec.yaml": "schema: spec-driven\n", "specs/auth/spec.md": ADDED.replace("It\n", "Zz\n") };
    // As it is, and without its first scenario, which may have been the only one of its requirement.
    for (const auth of [text, text.replace(/#### [^\n]*\n(?:(?!#)[^\n]*\n)*/, "")]) {
      const [, said, did] = await compared({ name: "add-it", specs: { auth }, change }, openspec);
      results.push([file, said, did]);
    }
  }
  expect(disagreeing(results)).toEqual([]);
  const refused = results.filter(([, , did]) => did === "refused");
  expect([results.length > 60, refused.length > 5, refused.length < 40]).toEqual([true, true, true]);
});
