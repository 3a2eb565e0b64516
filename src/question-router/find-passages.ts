import { z } from "zod";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import { defineTool, type Tool } from "../foundation/tool.ts";
import type { QuestionOptions } from "./options.ts";
import type { DocumentSearch } from "./search/port.ts";
import type { ReadScope } from "./session/conversations.ts";
import { standingOf } from "./standing.ts";

const MAX_PASSAGES = 8;
/** Of one passage, characters. */
const MAX_CHARACTERS = 4000;

interface PassageParts {
  index: DocumentSearch;
  /** Resolves when everything that was saved is in the index. */
  settled: () => Promise<void>;
  scopeOf: (principal: Principal) => ReadScope | null;
  options: Live<QuestionOptions>;
}

/** Passages of documents by what they are about, for those who want to read instead of asking. */
export class Passages {
  readonly #parts: PassageParts;

  constructor(parts: PassageParts) {
    this.#parts = parts;
  }

  /** Best first, of what this principal may read. */
  async find(text: string, principal: Principal) {
    const { index, settled, scopeOf, options } = this.#parts;
    await settled();
    const scope = scopeOf(principal);
    const mayRead = scope === null ? undefined : (path: string) => scope.reads(path);
    const candidates = await index.candidates({ text, change: null, mayRead }, options.current);
    return candidates
      .filter(({ evidence }) => evidence > 0)
      .slice(0, MAX_PASSAGES)
      .map(({ hit: { path, heading, passage } }) => ({
        path,
        heading,
        startLine: passage.startLine,
        endLine: passage.endLine,
        standing: standingOf(path).standing,
        passage: passage.text.slice(0, MAX_CHARACTERS),
      }));
  }
}

export function passagesTool(passages: Passages): Tool {
  return defineTool({
    name: "doc_find",
    title: "Find passages",
    description:
      "Passages of documents that are about something, best first, each with its place; nothing is answered.",
    input: z.object({ text: z.string().min(1).max(4000) }),
    output: z.object({
      passages: z.array(
        z.looseObject({ path: z.string(), heading: z.string(), startLine: z.int(), passage: z.string() }),
      ),
    }),
    effect: "read",
    toolset: "full",
  }).handle({
    run: async ({ text }, { principal }) => ({ passages: await passages.find(text, principal) }),
    render: ({ passages: found }) =>
      found.length === 0
        ? "No passage is about this."
        : found
            .map(({ path, heading, startLine, passage }) => `${path}:${startLine} ${heading}\n${passage}`)
            .join("\n\n"),
  });
}
