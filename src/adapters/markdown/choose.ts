import { SpecloopError } from "../../foundation/errors.ts";

const SHOWN = 50;
/** A line of a document can be as long as the document; a refusal is not. */
const LABEL = 200;

export interface Wanted {
  /** `task`, `item`, `row` …, as a person calls it. */
  noun: string;
  wanted: string | undefined;
  occurrence?: number | undefined;
  path: string;
}

interface Labelled {
  label: string;
  line: number;
}

/**
 * The one of several that a text names. The first way of comparing that any of them fits decides. Throws
 * `unknown_section` with what there is and `ambiguous_target` with the places.
 */
export function choose<T extends Labelled>(all: T[], ways: ((one: T, wanted: string) => boolean)[], wish: Wanted): T {
  const { wanted, occurrence } = wish;
  let found = wanted === undefined ? all : [];
  for (const fits of wanted === undefined ? [] : ways) {
    found = all.filter((one) => fits(one, wanted!));
    if (found.length > 0) break;
  }
  const chosen = found[(occurrence ?? 1) - 1];
  if (!chosen) throw unknown(all, wish);
  if (occurrence === undefined && found.length > 1) throw ambiguous(found, wish);
  return chosen;
}

function unknown(all: Labelled[], { noun, wanted, occurrence, path }: Wanted): SpecloopError {
  const candidates = all.slice(0, SHOWN).map(({ label }) => shortened(label));
  const named = wanted === undefined ? "" : ` "${shortened(wanted)}"`;
  const which = occurrence === undefined ? "" : ` number ${occurrence}`;
  const listed = candidates.length > 0 ? `There is: ${candidates.slice(0, 10).join("; ")}.` : "There is none at all.";
  return new SpecloopError("unknown_section", `${path} has no ${noun}${named}${which}. ${listed}`, {
    target: path,
    details: { candidates },
  });
}

function ambiguous(found: Labelled[], { noun, wanted, path }: Wanted): SpecloopError {
  const places = found.slice(0, SHOWN).map(({ label, line }) => ({ [noun]: shortened(label), line }));
  const named = wanted === undefined ? `Which ${noun} is not said;` : `"${shortened(wanted)}" fits`;
  const count = wanted === undefined ? `there are ${found.length} in ${path}.` : `${found.length} ${noun}s of ${path}.`;
  const lines = places.slice(0, 10).map(({ line }) => String(line));
  return new SpecloopError("ambiguous_target", `${named} ${count.slice(0, -1)} (lines ${lines.join(", ")}).`, {
    target: path,
    details: { places },
  });
}

export function shortened(label: string): string {
  return label.length <= LABEL ? label : `${label.slice(0, LABEL - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

/** The given one of `before` and `after`, or null. Throws `bad_input` for both at once. */
export function besideOf(
  { kind, before, after }: { kind: string; before?: string | undefined; after?: string | undefined },
  path: string,
): { side: "before" | "after"; name: string } | null {
  if (before !== undefined && after !== undefined) {
    throw new SpecloopError("bad_input", `An edit of kind ${kind} takes "before" or "after", not both.`, {
      target: path,
    });
  }
  if (before !== undefined) return { side: "before", name: before };
  return after === undefined ? null : { side: "after", name: after };
}

/** Refuses content that has no text. */
export function requireText(content: string, kind: string, path: string): void {
  if (content.trim() !== "") return;
  throw new SpecloopError("bad_input", `An edit of kind ${kind} needs content with text in it.`, { target: path });
}
