import { SpecloopError } from "../../foundation/errors.ts";
import type { GitRunner } from "./run.ts";
import { TRAILERS, ownTrailers } from "./trailers.ts";

/** A ref with the commit that it names. */
export interface RefEntry {
  ref: string;
  commit: string;
  /** Epoch milliseconds of the author date. */
  at: number;
  subject: string;
  body: string;
  /** `Specloop-*` trailers. */
  trailers: Record<string, string>;
}

const FIELDS = [
  "%(refname)",
  "%(objectname)",
  "%(authordate:unix)",
  "%(contents:subject)",
  "%(contents:body)",
  `%(contents:${TRAILERS})`,
];

/** See Git.refEntries: git-for-each-ref(1), one process for any number of refs. */
export async function readRefEntries(run: GitRunner, prefix: string): Promise<RefEntry[]> {
  if (!prefix.startsWith("refs/")) {
    throw new SpecloopError("bad_input", `"${prefix}" is not the beginning of a full ref name.`);
  }
  const values = (await run.read(["for-each-ref", `--format=${FIELDS.join("%00")}%00`, prefix])).split("\0");
  const entries: RefEntry[] = [];
  for (let at = 0; at + FIELDS.length <= values.length; at += FIELDS.length) {
    const [ref = "", commit = "", seconds = "0", subject = "", body = "", trailers = ""] = values.slice(at);
    entries.push({
      ref: ref.trim(),
      commit,
      at: Number(seconds) * 1000,
      subject,
      body,
      trailers: Object.fromEntries(ownTrailers(trailers)),
    });
  }
  return entries;
}
