import { posix } from "node:path";
import type { Passage } from "../../adapters/search/index.ts";
import { passagesOf } from "../passages.ts";
import { asciidoc } from "./asciidoc.ts";
import { codePassages, isCode } from "./code/index.ts";
import { passagesBetween } from "./headings.ts";
import { restructuredText } from "./restructured-text.ts";

/** How a document is cut, by the end of its name; one line per format. */
const FORMATS: { extensions: string[]; passages: (text: string) => Passage[] }[] = [
  { extensions: ["md", "mdx", "markdown"], passages: passagesOf },
  { extensions: ["rst"], passages: restructuredText },
  { extensions: ["adoc", "asciidoc"], passages: asciidoc },
  { extensions: ["txt"], passages: (text) => passagesBetween(text, []) },
];
const BY_EXTENSION = new Map(
  FORMATS.flatMap(({ extensions, passages }) => extensions.map((extension) => [extension, passages] as const)),
);

export { isCode } from "./code/index.ts";
export { isPrivate } from "./private.ts";

/** Whether there is a way to cut such a file into passages. */
export function isReadable(path: string): boolean {
  return BY_EXTENSION.has(extensionOf(path)) || isCode(path);
}

/** The passages of a file as its kind is cut: a document by its headings, source code by what its comments are about. */
export function passagesOfFile(path: string, text: string): Passage[] {
  const cut = BY_EXTENSION.get(extensionOf(path));
  return cut ? cut(text) : codePassages(path, text);
}

function extensionOf(path: string): string {
  return posix.extname(path).slice(1).toLowerCase();
}
