import { posix } from "node:path";
import type { Passage } from "../../../adapters/search/index.ts";
import { type Line, linesIn } from "../headings.ts";
import { cLikeComments } from "./c-like.ts";
import { type Comment, commentPassage } from "./comment.ts";
import { hashComments } from "./hash.ts";
import { docstrings } from "./python.ts";

/** How the comments of a language are found; one line per family. */
const FAMILIES: { extensions: string[]; passages: (lines: Line[], file: string) => Passage[] }[] = [
  {
    extensions:
      "ts tsx mts cts js jsx mjs cjs go rs java kt kts scala swift c h cc cpp cxx hh hpp cs dart php proto groovy".split(
        " ",
      ),
    passages: (lines, file) => onDeclarations(cLikeComments(lines), lines, file),
  },
  { extensions: ["py", "pyi"], passages: docstrings },
  {
    extensions: ["sh", "bash", "zsh", "rb", "pl", "r", "ex", "exs"],
    passages: (lines, file) => onDeclarations(hashComments(lines), lines, file),
  },
];
const BY_EXTENSION = new Map(
  FAMILIES.flatMap(({ extensions, passages }) => extensions.map((extension) => [extension, passages] as const)),
);

/** Written by a program: says so in its first lines, or has lines that nobody writes. */
const GENERATED = /@generated|\b(?:auto-?generated|code generated)\b|\bdo not edit\b/i;
const HEAD = 600;
const MAX_LINE = 2000;

/** Whether comments are looked for in such a file. */
export function isCode(path: string): boolean {
  return BY_EXTENSION.has(extensionOf(path));
}

/** The comments of a source file that stand on declarations or at its top; none of a generated or minified file. */
export function codePassages(path: string, text: string): Passage[] {
  const lines = linesIn(text);
  if (GENERATED.test(text.slice(0, HEAD)) || lines.some((line) => line.text.length > MAX_LINE)) return [];
  return BY_EXTENSION.get(extensionOf(path))?.(lines, posix.basename(path)) ?? [];
}

function onDeclarations(comments: Comment[], lines: Line[], file: string): Passage[] {
  const top = lines.find(({ text }) => text.trim() !== "" && !text.startsWith("#!"))?.number;
  return comments.flatMap((comment) => {
    const passage = commentPassage(comment, lines, { file, first: comment.startLine === top });
    return passage ? [passage] : [];
  });
}

function extensionOf(path: string): string {
  return posix.extname(path).slice(1).toLowerCase();
}
