import { z } from "zod";
import { SpecloopError } from "../../foundation/errors.ts";
import { KINDS, MAX_ANSWER, MAX_QUESTION } from "../types.ts";

/** Questions of one file at most. */
export const MAX_LABELLED = 2000;
const MAX_PLACES = 20;

/** A section that answers: a path relative to the repository and a heading; without one, anything in the document. */
const expectedPlace = z.object({
  path: z.string().min(1).max(1000),
  heading: z.string().max(500).optional(),
});

/** A question of which somebody said where its answer stands. */
export const labelledQuestion = z.object({
  question: z.string().min(1).max(MAX_QUESTION),
  kind: z.enum(KINDS).optional(),
  /** Any of these answers it; none: the documents do not say it. */
  expected: z.array(expectedPlace).max(MAX_PLACES),
  /** The sentence that answers, where one does. */
  answer: z.string().min(1).max(MAX_ANSWER).optional(),
});

export type ExpectedPlace = z.output<typeof expectedPlace>;
export type LabelledQuestion = z.output<typeof labelledQuestion>;

/**
 * Labelled questions of a file: JSONL with one object a line (`{"question", "expected": ["path#heading"], "kind",
 * "answer"}`), or CSV whose first row names the columns `question,kind,expected,answer`. Several places are parted by
 * ` | ` in CSV; none means that the documents do not say it. Throws `bad_input` with the line that cannot be used.
 */
export function parseLabelled(text: string): LabelledQuestion[] {
  const content = text.replace(/^\uFEFF/, "");
  const rows = content.trim() === "" ? [] : content.trimStart().startsWith("{") ? jsonRows(content) : csvRows(content);
  if (rows.length === 0) throw new SpecloopError("bad_input", "The file holds no question.", { target: "questions" });
  if (rows.length > MAX_LABELLED) {
    const message = `The file holds ${rows.length} questions; ${MAX_LABELLED} can be measured at once.`;
    throw new SpecloopError("bad_input", message, { target: "questions" });
  }
  return rows.map(({ line, value }) => checked(line, value));
}

interface Row {
  line: number;
  value: unknown;
}

function checked(line: number, value: unknown): LabelledQuestion {
  const parsed = labelledQuestion.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw wrongLine(line, `${issue?.path.join(".") ?? "row"}: ${issue?.message ?? "cannot be used"}`);
}

function wrongLine(line: number, reason: string, cause?: unknown): SpecloopError {
  return new SpecloopError("bad_input", `Line ${line} of the labelled questions cannot be used: ${reason}`, {
    target: `line ${line}`,
    cause,
  });
}

const jsonRow = z.object({ expected: z.array(z.union([z.string(), expectedPlace])).default([]) }).loose();

function jsonRows(content: string): Row[] {
  return content.split("\n").flatMap((text, at) => {
    if (text.trim() === "") return [];
    const row = jsonRow.safeParse(parseJson(text, at + 1));
    if (!row.success) throw wrongLine(at + 1, "it is no object with a list `expected`");
    const expected = row.data.expected.map((place) => (typeof place === "string" ? toPlace(place) : place));
    return [{ line: at + 1, value: { ...row.data, expected } }];
  });
}

function parseJson(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrongLine(line, "it is not JSON", error);
  }
}

function csvRows(content: string): Row[] {
  const [header, ...records] = csvRecords(content);
  const columns = header?.fields.map((name) => name.trim().toLowerCase()) ?? [];
  if (!columns.includes("question") || !columns.includes("expected")) {
    throw wrongLine(1, "a CSV file begins with the names of its columns, `question` and `expected` among them");
  }
  return records.map(({ line, fields }) => {
    const row = Object.fromEntries(columns.map((name, at) => [name, fields[at]?.trim() ?? ""]));
    const places = (row["expected"] ?? "").split(" | ").filter((place) => place.trim() !== "");
    const { question, kind, answer } = row;
    const value = { question, expected: places.map(toPlace), ...(kind && { kind }), ...(answer && { answer }) };
    return { line, value };
  });
}

/** `docs/a.md#Heading` -> its parts; a heading may hold `#` itself. */
function toPlace(text: string): ExpectedPlace {
  const at = text.indexOf("#");
  return at === -1 ? { path: text.trim() } : { path: text.slice(0, at).trim(), heading: text.slice(at + 1).trim() };
}

interface CsvRecord {
  /** In which line of the file it begins. */
  line: number;
  fields: string[];
}

/** One field and what ends it. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y;

/** RFC 4180: fields in quotation marks may hold commas, line ends and doubled quotation marks. Empty lines are none. */
function csvRecords(content: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let [at, line, record]: [number, number, CsvRecord] = [0, 1, { line: 1, fields: [] }];
  while (at < content.length) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(content);
    if (!match) throw wrongLine(line, "a quotation mark is not closed, or stands in the middle of a field");
    const [whole, quoted, plain = "", end] = match;
    record.fields.push(quoted?.replaceAll('""', '"') ?? plain);
    at += whole.length;
    line += whole.split("\n").length - 1;
    if (end === "," && at < content.length) continue;
    if (record.fields.some((field) => field.trim() !== "")) records.push(record);
    record = { line, fields: [] };
  }
  return records;
}
