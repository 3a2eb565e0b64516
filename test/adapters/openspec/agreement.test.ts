import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished } from "vitest";
import { changeOf, derive, documentOf } from "../../../src/orchestrator/index.ts";
import { documentFindings } from "../../../src/orchestrator/document-findings.ts";
import { roleInChange } from "../../../src/orchestrator/document.ts";
import { compareTexts, EXPLANATION_NAMES, type Agreement } from "../../helpers/agreement.ts";
import {
  loadOpenspec,
  OPENSPEC_VERSIONS,
  openspecVersionsMissing,
  type OpenspecVersion,
} from "../../helpers/openspec-versions.ts";
import { REAL_REPOSITORIES, realRepositoriesMissing, realFiles } from "../../helpers/repository.ts";
import { readRuleCases, writeRuleCases, type RuleCase, type RuleCases } from "../../helpers/rule-cases.ts";
import { scenario } from "../../helpers/scenario.ts";

const page = resolve(import.meta.dirname, "../../../docs/openspec-agreement.md");
const missing = openspecVersionsMissing ?? realRepositoriesMissing;
if (missing) console.warn(missing);

type Texts = [name: string, text: string][];

scenario(
  "changes",
  "Several versions of OpenSpec read the same files",
  async (context) => {
    context.skip(missing !== null, missing ?? "");
    const versions = await Promise.all(OPENSPEC_VERSIONS.map(loadOpenspec));
    const cases = readRuleCases();
    const sets: [string, Texts][] = [
      ["four real repositories", await realTexts()],
      ["rule cases", caseTexts(cases)],
    ];
    const agreements = sets.flatMap(([set, texts]) =>
      versions.map((version) => ({ set, version: version.version, agreement: compareTexts(texts, version) })),
    );
    expect(agreements.flatMap(({ agreement }) => agreement.unexplained)).toEqual([]);
    expect(agreements[0]!.agreement.texts).toBeGreaterThan(1_500);
    const newest = agreements.filter(({ version }) => version.startsWith("1.13."));
    expect(newest.map(({ agreement }) => Object.values(agreement.differing))).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    const verdicts = await verdictsOf(cases, versions);
    for (const { rule, words } of verdicts)
      if (rule.openspec_1_13_2)
        expect([rule.name, words.at(-1)]).toEqual([rule.name, wordOf(rule.openspec_1_13_2.issues)]);
    await expect(written(agreements, verdicts, versions)).toMatchFileSnapshot(page);
  },
  120_000,
);

async function realTexts(): Promise<Texts> {
  const texts: Texts = [];
  for (const name of REAL_REPOSITORIES) {
    const repository = await realFiles(name);
    onTestFinished(() => repository[Symbol.asyncDispose]());
    const files = globSync("openspec/**/*.md", { cwd: repository.path }).sort();
    for (const file of files) texts.push([`${name}/${file}`, readFileSync(join(repository.path, file), "utf8")]);
  }
  return texts;
}

function caseTexts({ cases }: RuleCases): Texts {
  return cases.flatMap(({ name, files }) =>
    Object.entries(files).flatMap(([file, text]): Texts => (file.endsWith(".md") ? [[`${name}/${file}`, text]] : [])),
  );
}

interface Verdicts {
  rule: RuleCase;
  /** One per version. */
  words: string[];
  /** Codes of our own findings. */
  ours: string[];
}

async function verdictsOf(cases: RuleCases, versions: OpenspecVersion[]): Promise<Verdicts[]> {
  const project = await mkdtemp(join(tmpdir(), "specloop-rules-"));
  onTestFinished(() => rm(project, { recursive: true, force: true }));
  await writeRuleCases(project, cases);
  const options = { mainSpecsDir: join(project, "openspec/specs"), projectRoot: project };
  const found: Verdicts[] = [];
  for (const rule of cases.cases) {
    const words: string[] = [];
    for (const { Validator } of versions) {
      const judge = new Validator(true);
      const { issues } =
        rule.kind === "change"
          ? await judge.validateChangeDeltaSpecs(join(project, "openspec/changes", rule.name), options)
          : await judge.validateSpec(join(project, "others", rule.name, "spec.md"));
      words.push(wordOf(issues));
    }
    found.push({ rule, words, ours: ourFindings(rule, cases) });
  }
  return found;
}

function wordOf(issues: { level: string }[]): string {
  if (issues.some(({ level }) => level === "ERROR")) return "no";
  return issues.some(({ level }) => level === "WARNING") ? "warns" : "yes";
}

function ourFindings({ kind, name, files }: RuleCase, { cases }: RuleCases): string[] {
  const document = (path: string, role: Parameters<typeof documentOf>[1], text: string) =>
    documentOf(path, role, Buffer.from(text));
  if (kind === "spec") return codes(documentFindings([document("spec.md", "spec", files["spec.md"] ?? "")]));
  const auth = cases.find((rule) => rule.kind === "spec" && rule.name === "auth")!;
  const documents = Object.entries(files).map(([file, text]) => {
    return [file, document(`openspec/changes/${name}/${file}`, roleInChange(file), text)] as const;
  });
  const files_ = changeOf({
    id: name,
    documents: new Map(documents),
    truncated: false,
    git: "committed",
    branch: null,
  });
  const state = derive({
    root: "openspec",
    config: { schema: "spec-driven", context: null, store: null, problems: [] },
    schemas: new Map(),
    specs: new Map([["auth", document("openspec/specs/auth/spec.md", "spec", auth.files["spec.md"]!)]]),
    changes: new Map([[name, files_]]),
    archived: [],
    archive: { tasks: new Map(), deadLock: null },
    approvals: new Map(),
  });
  return codes(state.changes.get(name)!.findings);
}

function codes(findings: { code: string }[]): string[] {
  return [...new Set(findings.map(({ code }) => code))];
}

function written(
  agreements: { set: string; version: string; agreement: Agreement }[],
  verdicts: Verdicts[],
  versions: OpenspecVersion[],
): string {
  const row = (cells: (string | number)[]) => `| ${cells.join(" | ")} |`;
  const head = (cells: string[]) => [row(cells), row(cells.map(() => "---"))];
  const names = versions.map(({ version }) => version);
  const counts = names.map((_name, index) => verdicts.filter(({ words }) => words[index] !== "no").length);
  return [
    "# How specloop's reading agrees with OpenSpec's",
    "",
    "Written and checked by `test/adapters/openspec/agreement.test.ts` (`-u` writes it anew), which loads each version of OpenSpec and lets it read the same texts.",
    "",
    "## Texts",
    "",
    "Six things are compared per text: the requirements that a delta adds and modifies (names and whole blocks), those that it removes and renames, the requirements of a main spec (names and whole blocks), and the tasks, done and in all.",
    "",
    ...head(["texts", "OpenSpec", "texts", "comparisons", "agree", ...EXPLANATION_NAMES, "unexplained"]),
    ...agreements.map(({ set, version, agreement: { texts, comparisons, differing, unexplained } }) => {
      const differences = EXPLANATION_NAMES.map((name) => differing[name]);
      const agree = comparisons - differences.reduce((sum, count) => sum + count, 0) - unexplained.length;
      return row([set, version, texts, comparisons, agree, ...differences, unexplained.length]);
    }),
    "",
    "Ours are the rules of 1.13, with which there is no disagreement. One with an earlier version counts as explained only if both read the same once what the rule is about is taken out of the text:",
    "",
    "- **code is read**: until 1.6 headers inside fenced code count as headers; since then they are text.",
    "- **few task marks**: until 1.6 a task is `-` or `*` at the margin with a blank or an x in its box; 1.10 counts indented ones, too. Since then numbered and `+` items count, and boxes with other marks, `[~]`, are open tasks.",
    "- **last section counts**: until 1.10 a second section with the same title, two `## ADDED Requirements`, replaces the first.",
    "- **BOM is kept**: until 1.6 a byte order mark hides the header on the first line.",
    "",
    "## Verdicts on the rule cases",
    "",
    "`yes`: valid. `warns`: valid, and refused by the strict check. `no`: invalid. Beside them the findings of specloop's own, which are no verdict: what OpenSpec accepts may still be wrong, and what OpenSpec says is not said twice.",
    "",
    ...head(["case", ...names, "specloop finds"]),
    ...verdicts.map(({ rule, words, ours }) =>
      row([`${rule.kind} ${rule.name}`, ...words, ours.join(", ") || "nothing"]),
    ),
    row(["**valid**", ...counts, ""]),
    "",
  ].join("\n");
}
