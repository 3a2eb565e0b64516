import { findSection } from "./find-section.ts";
import { frontMatterRange } from "./front-matter.ts";

/** Where to look for a part: the section that is named, or all of the document behind its front matter. */
export function scopeOf(text: string, section: string | undefined, path: string): { start: number; end: number } {
  if (section !== undefined) {
    const { bodyStart, end } = findSection(text, { section }, path);
    return { start: bodyStart, end };
  }
  return { start: frontMatterRange(text)?.bodyStart ?? 0, end: text.length };
}

export function within<T extends { start: number }>(all: T[], { start, end }: { start: number; end: number }): T[] {
  return all.filter((one) => one.start >= start && one.start < end);
}
