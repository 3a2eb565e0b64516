import { readFrontMatter, scanSections, scanTasks } from "../adapters/markdown/index.ts";
import { SpecloopError, type Diagnostic } from "../foundation/errors.ts";
import { readDocument } from "./document.ts";
import type { Located } from "./policy.ts";
import type { DocumentView } from "./types.ts";

/** A document with its parts. Broken front matter is told as a problem; the rest of the document is still read. */
export async function viewOf(located: Located, maxBytes: number): Promise<DocumentView> {
  const { path } = located;
  const content = await readDocument(located, maxBytes);
  if (!content) throw new SpecloopError("unknown_document", `There is no document "${path}".`, { target: path });
  const text = content.text.replace(/^\uFEFF/, "");
  const problems: Diagnostic[] = [];
  return {
    path,
    revision: content.revision,
    bytes: content.bytes.length,
    frontMatter: frontMatterOf(text, path, problems),
    sections: scanSections(text),
    tasks: scanTasks(text),
    content: text,
    problems,
  };
}

function frontMatterOf(text: string, path: string, problems: Diagnostic[]): Record<string, unknown> {
  try {
    return readFrontMatter(text, path).data;
  } catch (error) {
    if (!(error instanceof SpecloopError)) throw error;
    problems.push(error.toDiagnostic());
    return {};
  }
}
