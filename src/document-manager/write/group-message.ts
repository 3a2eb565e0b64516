import { principalLabel } from "../../foundation/principal.ts";
import type { Edit } from "../edit-rows.ts";
import { joined } from "./group.ts";

const MAX_LINE = 200;

/** Message and trailers of the commit of these edits; of one edit, its own. */
export function commitTexts(edits: Edit[]): { message: string; trailers: Record<string, string>[] } {
  const [only] = edits;
  if (only && edits.length === 1) return { message: only.message, trailers: [only.trailers] };
  const paths = joined(edits.map(({ files }) => files)).map(({ first }) => first.path);
  const what = paths.length === 1 ? (paths[0] ?? "").split("/").slice(-2).join("/") : `${paths.length} documents`;
  const lines = edits.map(({ principal, reason }) => `- ${cut(`${principalLabel(principal)}: ${reason}`)}`);
  return {
    message: `Edit ${what} (${edits.length} edits)\n\n${lines.join("\n")}`,
    trailers: edits.map(({ trailers, files }) => ({
      ...trailers,
      // Tells which of the commit's documents this edit is about.
      "Specloop-Files": JSON.stringify(files.map(({ path }) => path)),
    })),
  };
}

function cut(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length <= MAX_LINE ? line : `${line.slice(0, MAX_LINE - 1)}…`;
}
