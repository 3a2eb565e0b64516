import type { BlamedLine, Git, HistoryEntry } from "../../adapters/git/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";

/** Lines in a row that came with one commit. */
export interface BlamedPart {
  startLine: number;
  endLine: number;
  text: string;
  /** Null for lines that are not committed yet. */
  commit: string | null;
  author: string | null;
  at: number | null;
  subject: string | null;
  /** `Specloop-*`: principal, change, question, cycle. */
  trailers: Record<string, string>;
}

const MAX_LINES = 500;
const MAX_PLACES = 20;

/**
 * Who wrote a stretch of a document. `text` must occur once (`unknown_section`, `ambiguous_target` with the lines); lines
 * are 1-based and inclusive.
 */
export async function blameOf(
  git: Git,
  document: { path: string; content: string },
  wanted: { text: string } | { startLine: number; endLine: number },
): Promise<BlamedPart[]> {
  const range = "text" in wanted ? linesOf(document, wanted.text) : checked(document, wanted);
  const state = await git.pathState(document.path);
  if (state === "untracked") return [notCommitted(document, range)];
  const lines = await git.blame({ path: document.path, ...range });
  const commits = await entriesOf(git, lines);
  return group(lines).map((part) => partOf(part, commits));
}

interface Range {
  startLine: number;
  endLine: number;
}

function linesOf({ path, content }: { path: string; content: string }, text: string): Range {
  const wanted = text.trim();
  if (wanted === "") throw new SpecloopError("bad_input", "The text to look for is empty.", { target: path });
  const places = placesOf(content, wanted);
  const [start] = places;
  if (start === undefined) {
    throw new SpecloopError("unknown_section", `${path} does not contain "${brief(wanted)}".`, {
      target: path,
      fix: "Copy the text exactly as doc_read shows it.",
    });
  }
  const startLine = lineAt(content, start);
  if (places.length > 1) {
    const found = places.map((at) => ({ line: lineAt(content, at) }));
    const lines = found.map(({ line }) => line).join(", ");
    throw new SpecloopError("ambiguous_target", `"${brief(wanted)}" stands in ${path} at the lines ${lines}.`, {
      target: path,
      fix: "Give more of the text, or name the lines.",
      details: { places: found },
    });
  }
  return { startLine, endLine: Math.min(lineAt(content, start + wanted.length - 1), startLine + MAX_LINES - 1) };
}

function placesOf(content: string, text: string): number[] {
  const places: number[] = [];
  for (let at = content.indexOf(text); at !== -1 && places.length < MAX_PLACES; at = content.indexOf(text, at + 1)) {
    places.push(at);
  }
  return places;
}

function checked({ path, content }: { path: string; content: string }, { startLine, endLine }: Range): Range {
  const last = lineAt(content, Math.max(0, content.length - 1));
  if (startLine < 1 || endLine < startLine || startLine > last) {
    throw new SpecloopError("bad_input", `${path} has the lines 1 to ${last}, not ${startLine} to ${endLine}.`, {
      target: path,
    });
  }
  return { startLine, endLine: Math.min(endLine, last, startLine + MAX_LINES - 1) };
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line += 1;
  return line;
}

async function entriesOf(git: Git, lines: BlamedLine[]): Promise<Map<string, HistoryEntry>> {
  const ids = [...new Set(lines.map(({ commit }) => commit).filter((commit) => commit !== null))];
  const entries = await Promise.all(ids.map((revision) => git.history({ revision, limit: 1 })));
  return new Map(entries.flatMap(([entry]) => (entry ? [[entry.commit, entry] as const] : [])));
}

function group(lines: BlamedLine[]): BlamedLine[][] {
  const parts: BlamedLine[][] = [];
  for (const line of lines) {
    const last = parts.at(-1);
    if (last && last[0]!.commit === line.commit) last.push(line);
    else parts.push([line]);
  }
  return parts;
}

function partOf(lines: BlamedLine[], commits: Map<string, HistoryEntry>): BlamedPart {
  const { commit, line: startLine } = lines[0]!;
  const entry = commit === null ? undefined : commits.get(commit);
  return {
    startLine,
    endLine: lines.at(-1)!.line,
    text: lines.map(({ text }) => text).join("\n"),
    commit,
    author: entry?.author ?? null,
    at: entry?.at ?? null,
    subject: entry?.subject ?? null,
    trailers: entry?.trailers ?? {},
  };
}

function notCommitted({ content }: { content: string }, range: Range): BlamedPart {
  const text = content
    .split(/\r?\n/)
    .slice(range.startLine - 1, range.endLine)
    .join("\n");
  return { ...range, text, commit: null, author: null, at: null, subject: null, trailers: {} };
}

function brief(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
