import {
  parseDelta,
  parseSpec,
  parseTasks,
  readMetadata,
  splitLines,
  withoutTicks,
  type ChangeMetadata,
  type Lines,
  type ParsedDelta,
  type ParsedSpec,
  type ParsedTask,
} from "../adapters/openspec/index.ts";
import { gitBlobId, sha256 } from "../foundation/hash.ts";
import { readProposal, type ProposalText } from "./proposal-text.ts";
import { openQuestions, type AskedQuestion } from "./questions.ts";

/** What a file is to a planning root, by its place. */
export type Role = "text" | "delta" | "spec" | "metadata" | "other";

/** One file with what it says; its text is not kept. */
export interface Document {
  /** Relative to the repository. */
  path: string;
  /** Git blob id of the bytes; null when the file was not read. */
  revision: string | null;
  /** The same with `\n` line ends, where that differs: what git stores under `core.autocrlf`. */
  normalizedRevision: string | null;
  bytes: number;
  /** Why it was not parsed. */
  problem: "too_large" | "not_text" | "unreadable" | null;
  content: Content;
}

/** What was found in a text; parts that do not apply to its role are empty. */
interface Content {
  title: string | null;
  /** Line of the first of git's conflict markers. */
  conflictLine: number | null;
  tasks: ParsedTask[];
  questions: AskedQuestion[];
  delta: ParsedDelta | null;
  spec: ParsedSpec | null;
  metadata: ChangeMetadata | null;
  proposal: ProposalText | null;
  /** SHA-256 of the text with every task open. */
  planHash: string;
}

const MAX_LINE = 1000;
const MAX_TITLE = 200;
const OURS = "<<<<<<<";

const NO_CONTENT: Content = {
  title: null,
  conflictLine: null,
  tasks: [],
  questions: [],
  delta: null,
  spec: null,
  metadata: null,
  proposal: null,
  planHash: "",
};

/** The role of a file of a change, by its path inside the change folder. */
export function roleInChange(path: string): Role {
  if (path === ".openspec.yaml") return "metadata";
  if (/^specs\/.+\/spec\.md$/.test(path)) return "delta";
  return path.endsWith(".md") ? "text" : "other";
}

/** A document of these bytes. Pure. */
export function documentOf(path: string, role: Role, bytes: Uint8Array): Document {
  const text = role === "other" ? null : decode(bytes);
  const crlf = bytes.includes(13);
  return {
    path,
    revision: gitBlobId(bytes),
    normalizedRevision: crlf && text !== null ? gitBlobId(text.replaceAll("\r\n", "\n")) : null,
    bytes: bytes.byteLength,
    problem: text === null && role !== "other" ? "not_text" : null,
    content: text === null ? NO_CONTENT : contentOf(text, role, path),
  };
}

/** A file that is there and was not read. */
export function unreadDocument(path: string, bytes: number, problem: Document["problem"]): Document {
  return { path, revision: null, normalizedRevision: null, bytes, problem, content: NO_CONTENT };
}

/** UTF-8 without NUL, or null. The BOM stays, so that the text is the bytes. */
function decode(bytes: Uint8Array): string | null {
  if (bytes.includes(0)) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

function contentOf(text: string, role: Role, path: string): Content {
  if (role === "metadata") return { ...NO_CONTENT, metadata: readMetadata(text, path), planHash: sha256(text) };
  const lines = splitLines(text);
  const common = {
    ...NO_CONTENT,
    title: titleOf(lines),
    conflictLine: conflictIn(text, lines),
    planHash: sha256(withoutTicks(text)),
  };
  if (role === "delta") return { ...common, delta: parseDelta(lines) };
  if (role === "spec") return { ...common, spec: parseSpec(lines) };
  const proposal = path.endsWith("/proposal.md") ? readProposal(text, lines) : null;
  return { ...common, tasks: parseTasks(text), questions: openQuestions(lines), proposal };
}

function titleOf({ text, hashes }: Lines): string | null {
  const at = hashes.find((index) => /^#\s+\S/.test(text[index]!));
  const title = (at === undefined ? "" : text[at]!)
    .slice(1, MAX_LINE)
    .trim()
    .replace(/^(?:change|proposal|change proposal)\s*[:：]\s*/i, "");
  return title === "" ? null : title.slice(0, MAX_TITLE);
}

/** All three of git's markers in order; one alone is ordinary text (a setext heading, an example). */
function conflictIn(content: string, { text }: Lines): number | null {
  if (!content.includes(OURS)) return null;
  const ours = text.findIndex((line) => line.startsWith(OURS) && /^<{7}(?: |$)/.test(line));
  if (ours === -1) return null;
  const middle = text.findIndex((line, index) => index > ours && line === "=======");
  const theirs = text.findIndex((line, index) => index > middle && line.startsWith(">") && /^>{7}(?: |$)/.test(line));
  return middle !== -1 && theirs !== -1 ? ours + 1 : null;
}
