import type { Diagnostic } from "../foundation/errors.ts";
import type { Document } from "./document.ts";

/** Problems of single files: what could not be read, merges left half done, requirements that OpenSpec passes over. */
export function documentFindings(documents: Iterable<Document>): Diagnostic[] {
  return [...documents].flatMap((document) => {
    const { path, problem, content } = document;
    const found: Diagnostic[] = [];
    if (problem) found.push(unread(document));
    if (content.conflictLine !== null) found.push(conflict(path, content.conflictLine));
    if (content.metadata?.problem) found.push(content.metadata.problem);
    return [...found, ...deltaFindings(document)];
  });
}

function unread({ path, problem, bytes }: Document): Diagnostic {
  const texts = {
    too_large: [
      `The file has ${bytes} bytes and is not read.`,
      "Split it, or raise openspec.maxFileBytes in specloop.yaml.",
    ],
    not_text: ["The file is not UTF-8 text and is not read.", "Save it as UTF-8."],
    unreadable: ["The file cannot be read.", "Check its permissions; symbolic links are not followed."],
  } as const;
  const code =
    problem === "too_large"
      ? "document_too_large"
      : problem === "not_text"
        ? "document_not_text"
        : "document_unreadable";
  const [message, fix] = texts[problem ?? "unreadable"];
  return { severity: "warning", code, message, target: path, fix };
}

function conflict(path: string, line: number): Diagnostic {
  return {
    severity: "error",
    code: "conflict_markers",
    message: "The file holds git's conflict markers; archive would write them into the spec.",
    target: `${path}:${line}`,
    fix: "Resolve the merge and remove the markers.",
  };
}

/** Older versions of OpenSpec drop these without a word. */
function deltaFindings({ path, content: { delta } }: Document): Diagnostic[] {
  if (!delta) return [];
  const outside = delta.orphaned.map(({ name, line, section }): Diagnostic => {
    const where = section === null ? "before every section" : `under "## ${section}"`;
    return {
      severity: "warning",
      code: "requirement_outside",
      message: `"${name}" stands ${where}, which is no delta section; archive passes over it.`,
      target: `${path}:${line}`,
      fix: 'Move it under "## ADDED Requirements" or another delta section.',
    };
  });
  const unpaired = delta.unpaired.map(({ side, name, line }): Diagnostic => {
    return {
      severity: "error",
      code: "rename_unpaired",
      message: `${side}: "${name}" has no ${side === "FROM" ? "TO" : "FROM"}; archive does not carry the rename out.`,
      target: `${path}:${line}`,
      fix: "Write FROM: and TO: on two lines, one directly below the other.",
    };
  });
  return [...outside, ...unpaired];
}
