import { splitLines, type Lines } from "../adapters/openspec/index.ts";

/** What a proposal says that can be held against the rest of the change. Lines are 1-based. */
export interface ProposalText {
  /** There is no text beside headings and comments. */
  empty: boolean;
  /** Line of a `## Why` with nothing below it; null when it says something or is not there. */
  emptyWhy: number | null;
  /** Capabilities that the section Capabilities names, in order; null when there is no such section. */
  capabilities: { name: string; line: number }[] | null;
}

const HEADING = /^(#{1,6})\s+(.*)$/;
/** As in OpenSpec's template: `` - `<name>`: what is new ``. */
const NAMED = /^[-*+]\s+`([^`\s]{1,300})`/;
const CAPABILITY = /^[\p{L}\p{N}][\p{L}\p{N}_-]*(?:\/[\p{L}\p{N}][\p{L}\p{N}_-]*)*$/u;

/** Reads a proposal by its headings of the second level. Never throws. */
export function readProposal(content: string, lines: Lines): ProposalText {
  const read = content.includes("<!--") ? splitLines(withoutComments(content)) : lines;
  const why = sectionOf(read, /^why$/i);
  const capabilities = sectionOf(read, /^capabilities$/i);
  return {
    empty: !hasText(read, 0, read.text.length),
    emptyWhy: why && !hasText(read, why.from + 1, why.to) ? why.from + 1 : null,
    capabilities: capabilities && namesIn(read, capabilities),
  };
}

/** Comments are the template's own words; their line ends stay. */
function withoutComments(content: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let open = content.indexOf("<!--"); open !== -1; open = content.indexOf("<!--", from)) {
    const close = content.indexOf("-->", open);
    if (close === -1) break;
    parts.push(content.slice(from, open), content.slice(open, close).replaceAll(/[^\r\n]/g, ""));
    from = close + "-->".length;
  }
  return parts.join("") + content.slice(from);
}

function sectionOf({ text, hashes }: Lines, title: RegExp): { from: number; to: number } | null {
  const headings = hashes.filter((index) => /^#{1,2}\s/.test(text[index]!));
  const order = headings.findIndex((index) => {
    const [, level, name] = HEADING.exec(text[index]!) ?? [];
    return level === "##" && title.test(name!.trim());
  });
  return order === -1 ? null : { from: headings[order]!, to: headings[order + 1] ?? text.length };
}

function hasText({ text, fenced }: Lines, from: number, to: number): boolean {
  for (let index = from; index < to; index += 1) {
    const line = text[index]!.trim();
    if (line !== "" && (fenced[index] || !HEADING.test(line))) return true;
  }
  return false;
}

function namesIn({ text, fenced }: Lines, { from, to }: { from: number; to: number }) {
  const names: { name: string; line: number }[] = [];
  for (let index = from + 1; index < to; index += 1) {
    const name = fenced[index] ? undefined : NAMED.exec(text[index]!)?.[1];
    if (name !== undefined && CAPABILITY.test(name)) names.push({ name, line: index + 1 });
  }
  return names;
}
