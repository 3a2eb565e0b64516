import { readFrontMatter, scanSections, type Section } from "../adapters/markdown/reading.ts";
import type { Passage } from "../adapters/search/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { cutPart } from "./sources/cut.ts";

/**
 * Cuts a markdown document into passages: a requirement with its scenarios is one, every other section stands with its
 * own text. Sections without text of their own give none; their headings are in the paths of those below. The title in
 * the front matter stands above all headings where no heading says it.
 */
export function passagesOf(text: string): Passage[] {
  const passages: Passage[] = [];
  const sections = scanSections(text);
  const title = titleOf(text, sections);
  let coveredTo = 0;
  for (const section of sections) {
    if (section.start < coveredTo) continue;
    const whole = isRequirement(section);
    if (whole) coveredTo = section.end;
    const { heading, path, level, start, startLine } = section;
    const span = { start: section.bodyStart, end: whole ? section.end : section.ownEnd };
    passages.push(...cutPart(text, { heading, headingPath: [...title, ...path], level, start, startLine, span }));
  }
  return passages;
}

function isRequirement({ heading }: Section): boolean {
  return /^requirement:/i.test(heading);
}

/** Site generators take the title from the front matter and leave the first heading out. */
function titleOf(text: string, sections: Section[]): string[] {
  if (!/^\uFEFF?---[ \t]*\r?\n/.test(text) || sections.some(({ level }) => level === 1)) return [];
  try {
    const { title } = readFrontMatter(text, "").data;
    return typeof title === "string" && title.trim() !== "" ? [title.trim()] : [];
  } catch (error) {
    // What is wrong with front matter is said where documents are edited; questions are answered from the rest.
    if (error instanceof SpecloopError && error.code === "bad_front_matter") return [];
    throw error;
  }
}
