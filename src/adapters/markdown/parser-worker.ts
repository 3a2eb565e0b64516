import { parentPort } from "node:worker_threads";
import remarkParse from "remark-parse";
import { unified } from "unified";
import type { ParseAnswer, ParseRequest } from "./parser.ts";

/** The other side of MarkdownParser: parses what it is handed and answers with positions only. */
const processor = unified().use(remarkParse);

parentPort?.on("message", ({ id, text }: ParseRequest) =>
  parentPort?.postMessage({ id, headings: headingsOf(text) } satisfies ParseAnswer, []),
);
parentPort?.postMessage({ id: 0, headings: [] } satisfies ParseAnswer, []);

function headingsOf(text: string): ParseAnswer["headings"] {
  return processor.parse(text).children.flatMap((node) => {
    const start = node.position?.start;
    const end = node.position?.end.offset;
    if (node.type !== "heading" || start?.offset === undefined || end === undefined) return [];
    // A heading may be indented by up to three spaces; sections begin at the beginning of the line.
    return [{ level: node.depth, start: start.offset - (start.column - 1), end }];
  });
}
