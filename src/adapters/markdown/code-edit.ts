import { SpecloopError } from "../../foundation/errors.ts";
import { closesFence } from "./block-starts.ts";
import { choose } from "./choose.ts";
import { dominantLineEnd, lineStartAt, splitBom, withLineEnds } from "./lines.ts";
import type { DocumentEdit } from "./port.ts";
import { scanBlocks } from "./scan.ts";
import { scopeOf, within } from "./scope.ts";
import type { Splice } from "./splice.ts";

/** The lines between the fences of a code block; the fences stay. */
export function replaceCode(text: string, edit: Extract<DocumentEdit, { kind: "replace_code" }>, path: string): Splice {
  const codes = within(scanBlocks(text).codes, scopeOf(text, edit.section, path));
  const labelled = codes.map((code) => ({ code, label: code.info || "(without info)", line: code.line }));
  const ways: ((one: (typeof labelled)[number], wish: string) => boolean)[] = [
    ({ code }, wish) => code.info === wish,
    ({ code }, wish) => code.info.split(/\s/, 1)[0] === wish,
  ];
  const wish = { noun: "code block", wanted: edit.target?.trim(), occurrence: edit.occurrence, path };
  const { code } = choose(labelled, ways, wish);
  if (!code.closed) {
    const why = `The code block at line ${code.line} of ${path} is never closed.`;
    throw new SpecloopError("bad_input", why, {
      target: `${path}:${code.line}`,
      fix: "Close it first, with replace_text.",
    });
  }
  const lineEnd = dominantLineEnd(text);
  const lines = withLineEnds(splitBom(edit.content).rest, "\n").replace(/\n$/, "").split("\n");
  if (lines.some((line) => closesFence(line.trim(), code))) {
    throw new SpecloopError("bad_input", `The content has a line that would close the code block of ${path}.`, {
      target: path,
      fix: "Give the block a longer fence first, with replace_text.",
    });
  }
  const lead = text.slice(lineStartAt(text, code.start), code.start);
  const indent = lead.trim() === "" ? lead : " ".repeat(code.column);
  const body = edit.content === "" ? "" : lines.map((line) => (line === "" ? "" : indent + line) + lineEnd).join("");
  return { ...code.content, replacement: body };
}
