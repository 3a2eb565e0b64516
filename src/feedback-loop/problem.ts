import { canonicalJson, sha256 } from "../foundation/hash.ts";
import type { TunableRange } from "../foundation/options.ts";

/** One figure of a problem and, where it is about one row, that row's id. */
interface Evidence {
  label: string;
  value: string | number;
  ref?: string;
}

/** Something that may be done about a problem. The model picks one by number; it never writes a path or a key. */
export type Candidate =
  | {
      kind: "setting";
      /** `section.key`, one of the tunables. */
      key: string;
      from: number;
      range: TunableRange;
      /** The value that the detector's own evidence speaks for; null when it has none, and then only a model may pick. */
      suggested: number | null;
    }
  | { kind: "lesson"; title: string; text: string; question: string };

/** What a detector found. Figures are about the train split and live samples, never about the validation split. */
export interface Problem {
  /** Kind of problem, in snake_case: `documents_too_strict`. */
  code: string;
  /** Name of the metric that it is about. */
  metric: string;
  summary: string;
  evidence: Evidence[];
  candidates: Candidate[];
  /** Value of the metric as it is, and as the evidence says it could be; null when unknown. */
  baseline: number | null;
  expected: number | null;
}

/** The same for the same problem in every cycle: kind, metric and what it is about, without figures. */
export function problemFingerprint(problem: Problem): string {
  const about = problem.candidates.map((candidate) => (candidate.kind === "setting" ? candidate.key : candidate.title));
  return sha256(canonicalJson([problem.code, problem.metric, about])).slice(0, 16);
}
