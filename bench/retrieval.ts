import { existsSync, globSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { join, relative, resolve } from "node:path";
import { type Figures, figuresOf } from "../src/question-router/evaluation/figures.ts";
import { type LabelledQuestion } from "../src/question-router/evaluation/labelled.ts";
import { measure, type Measured } from "../src/question-router/evaluation/measure.ts";
import { openDocumentSearch } from "../src/question-router/index.ts";
import { passagesOfFile } from "../src/question-router/sources/index.ts";
import { realRepositoriesMissing } from "../test/helpers/repository.ts";
import { halfOf, measureSet, questionOptions, type SetName, SETS } from "../test/retrieval/labelled.ts";
import { curvePicture } from "./retrieval-curve.ts";

const CURVE = resolve(import.meta.dirname, "../docs/retrieval-curve.svg");
/** Where the sources of Python's documentation are: Debian's package python3-doc brings them. */
const PYTHON = process.env["SPECLOOP_PYTHON_DOCS"] ?? "/usr/share/doc/python3.11/html/_sources";
/** A collection in SMART's form: cran.all.1400, cran.qry and cranqrel of Cranfield. */
const CRANFIELD = process.env["SPECLOOP_CRANFIELD"] ?? "";

/** What is found and answered on the labelled questions, and on public collections beside plain FTS5. */
export async function run(): Promise<void> {
  await labelled();
  await pythonQuestions();
  if (CRANFIELD === "") console.warn("SKIPPED: SPECLOOP_CRANFIELD names no folder with the Cranfield collection");
  else console.table([{ collection: "Cranfield", ...(await cranfield(CRANFIELD)) }]);
}

async function labelled(): Promise<void> {
  if (realRepositoriesMissing) console.warn(realRepositoriesMissing);
  const sets = (Object.keys(SETS) as SetName[]).filter((name) => SETS[name] === null || !realRepositoriesMissing);
  const measured: Measured[] = [];
  for (const name of sets) {
    const found = await measureSet(name);
    measured.push(...found);
    console.log(`${name}: ${line(figures(found))}`);
  }
  for (const half of ["dev", "test"] as const) {
    const part = figures(measured.filter(({ question }) => halfOf(question) === half));
    console.log(`\n### ${half}: ${line(part)}`);
    console.table(part.curve.filter((_row, at) => at % 2 === 0 || at === 11));
    console.table(part.reliability);
  }
  const parts = {
    dev: figures(measured.filter((one) => halfOf(one.question) === "dev")),
    test: figures(measured.filter((one) => halfOf(one.question) === "test")),
  };
  if (!realRepositoriesMissing) await writeFile(CURVE, curvePicture(parts));
}

function figures(measured: Measured[]): Figures {
  return figuresOf(measured, questionOptions().documents);
}

function line({ questions, answerable, recallAt1, recallAt5, mrr, ndcg, now }: Figures): string {
  const found = `R@1 ${recallAt1.toFixed(3)}, R@5 ${recallAt5.toFixed(3)}, MRR ${mrr.toFixed(3)}, nDCG ${ndcg.toFixed(3)}`;
  const { right, wrong, unfounded, declined } = now;
  return `n=${questions} (${answerable}), ${found}; right ${right}, wrong ${wrong}, unfounded ${unfounded}, declined ${declined}`;
}

/**
 * The questions of Python's FAQ as they stand there, each to be found by the text below it alone: its heading is taken
 * out of the document before that is indexed.
 */
async function pythonQuestions(): Promise<void> {
  if (!existsSync(PYTHON)) return console.warn(`SKIPPED: no sources of Python's documentation at ${PYTHON}`);
  const questions: LabelledQuestion[] = [];
  const documents = [];
  for (const file of globSync("**/*.rst.txt", { cwd: PYTHON })) {
    const path = relative(PYTHON, join(PYTHON, file)).replace(/\.txt$/, "");
    const text = await readFile(join(PYTHON, file), "utf8");
    documents.push({ path, revision: path, text: path.startsWith("faq/") ? hidden(path, text, questions) : text });
  }
  const rows = [
    { engine: "specloop", ...(await ours(documents, questions)) },
    { engine: "FTS5 bm25", ...plainFts(documents, questions) },
  ];
  console.log(`\n### Python's FAQ: ${questions.length} questions, ${documents.length} documents`);
  console.table(rows);
}

/** The text with every heading that asks replaced by a number, which is what is expected of its question. */
function hidden(path: string, text: string, questions: LabelledQuestion[]): string {
  return text.replaceAll(/^(\S.*\?)\r?\n([-=~^"]{3,})$/gm, (_all, question: string) => {
    const heading = `q${questions.length}`;
    questions.push({ question, expected: [{ path, heading }] });
    return `${heading}\n----`;
  });
}

interface Collected {
  path: string;
  revision: string;
  text: string;
}

async function ours(documents: Collected[], questions: LabelledQuestion[]): Promise<Record<string, string>> {
  await using search = openDocumentSearch(":memory:");
  await search.replaceDocuments(documents);
  return ranks(await measure(search, questions, questionOptions()));
}

/** What the search would be without us: one table, one bm25, any of the question's words. */
function plainFts(documents: Collected[], questions: LabelledQuestion[]): Record<string, string> {
  using db = new DatabaseSync(":memory:");
  db.exec("CREATE VIRTUAL TABLE p USING fts5(place UNINDEXED, text, tokenize='porter unicode61')");
  const insert = db.prepare("INSERT INTO p VALUES (?, ?)");
  db.exec("BEGIN");
  for (const { path, text } of documents)
    for (const passage of passagesOfFile(path, text))
      insert.run(`${path}\n${passage.headingPath.join("\n")}`, `${passage.headingPath.join(" ")}\n${passage.text}`);
  db.exec("COMMIT");
  const find = db.prepare("SELECT place FROM p WHERE p MATCH ? ORDER BY rank LIMIT 10");
  const measured = questions.map((question) => {
    const words = question.question.match(/[\p{L}\p{N}]+/gu) ?? [];
    const places = find
      .all(words.map((word) => `"${word}"`).join(" OR "))
      .map((row) => String(row["place"]).split("\n"));
    const hits = places.flatMap(([path, ...headings], at) =>
      question.expected.some((one) => one.path === path && (!one.heading || headings.includes(one.heading)))
        ? [at + 1]
        : [],
    );
    return { question, rank: hits[0] ?? null, ranks: hits, answer: null };
  });
  return ranks(measured);
}

function ranks(measured: Measured[]): Record<string, string> {
  const { recallAt1, recallAt5, mrr, ndcg } = figures(measured);
  const [r1, r5, m, n] = [recallAt1, recallAt5, mrr, ndcg].map((value) => value.toFixed(3));
  return { "R@1": r1!, "R@5": r5!, "MRR@10": m!, "nDCG@10": n! };
}

/** Documents of one passage each; relevance 1 to 4 counts, as in the collection's own description. */
async function cranfield(folder: string): Promise<Record<string, string>> {
  const [texts, queries, judged] = await Promise.all(
    ["cran.all.1400", "cran.qry", "cranqrel"].map((name) => readFile(join(folder, name), "utf8")),
  );
  const documents = smart(texts!).map(({ id, text }) => ({ path: `${id}.txt`, revision: id, text }));
  const expected = new Map<number, string[]>();
  for (const row of judged!.split("\n")) {
    const [query, id, relevance] = row.trim().split(/\s+/).map(Number);
    if (query && id && relevance && relevance > 0) expected.set(query, [...(expected.get(query) ?? []), `${id}.txt`]);
  }
  const questions = smart(queries!).map(({ text }, at) => ({
    question: text,
    expected: (expected.get(at + 1) ?? []).map((path) => ({ path })),
  }));
  return { ...(await ours(documents, questions)), ...prefixed("fts5 ", plainFts(documents, questions)) };
}

function prefixed(prefix: string, row: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [prefix + name, value]));
}

function smart(text: string): { id: string; text: string }[] {
  return text
    .split(/^\.I /m)
    .slice(1)
    .map((record) => {
      const title = /^\.T\r?\n([\s\S]*?)^\.[A-Z]/m.exec(record)?.[1] ?? "";
      const body = /^\.W\r?\n([\s\S]*)/m.exec(record)?.[1] ?? "";
      return { id: String(Number.parseInt(record, 10)), text: `${title}\n${body}`.trim() };
    });
}
