import { normalise } from "../key.ts";

export interface Voice {
  label: string;
  text: string;
}

/** What several agents' answers come to. */
export type Count =
  | { outcome: "agreed"; text: string; by: string[]; against: number }
  /** Not all have spoken, and those to come may still decide. */
  | { outcome: "open" }
  | { outcome: "split" };

/**
 * More than half of all who are asked have to say the same: compared without case, punctuation at the end of words and
 * spacing. The first one's wording is kept. Ends early when the missing ones cannot change it.
 */
export function countVoices(voices: Voice[], quorum: number): Count {
  const needed = Math.floor(quorum / 2) + 1;
  const groups = new Map<string, Voice[]>();
  for (const voice of voices) {
    const same = normalise(voice.text);
    groups.set(same, [...(groups.get(same) ?? []), voice]);
  }
  const [largest = []] = [...groups.values()].toSorted((a, b) => b.length - a.length);
  if (largest.length >= needed) {
    const by = largest.map(({ label }) => label);
    return { outcome: "agreed", text: largest[0]!.text, by, against: voices.length - largest.length };
  }
  return largest.length + (quorum - voices.length) >= needed ? { outcome: "open" } : { outcome: "split" };
}

/** The choice that a text names, in its own spelling; null when it names none. */
export function chosen(choices: string[], text: string): string | null {
  const said = normalise(text);
  return choices.find((choice) => normalise(choice) === said) ?? null;
}
