import { SpecloopError } from "../../foundation/errors.ts";
import type { Section } from "./port.ts";
import { shortened } from "./choose.ts";
import { scanSections } from "./sections.ts";

const SHOWN = 50;
/** What OpenSpec writes before the name of a requirement or scenario. */
const KIND = /^(?:Requirement|Scenario):[ \t]*/;

/**
 * The one section that an address names: a heading (`Why`, `## Why`), the end of a heading path (`Requirements >
 * Requirement: Fast`) or the name of a requirement or scenario alone (`Fast`); and which of several equal ones. Throws
 * `unknown_section` with what there is, and `ambiguous_target` with the places.
 */
export function findSection(
  text: string,
  address: { section: string; occurrence?: number | undefined },
  path: string,
): Section {
  const sections = scanSections(text).filter(({ level }) => level > 0);
  const found = matching(sections, address.section);
  const { occurrence } = address;
  const chosen = occurrence === undefined ? found[0] : found[occurrence - 1];
  if (!chosen) throw unknown(sections, address, path);
  if (occurrence === undefined && found.length > 1) throw ambiguous(found, address.section, path);
  return chosen;
}

function matching(sections: Section[], address: string): Section[] {
  const plain = bare(address);
  const byHeading = sections.filter(({ heading }) => heading === plain);
  if (byHeading.length > 0) return byHeading;
  const wanted = address.split(/\s+>\s+/).map(bare);
  const byPath = sections.filter(
    ({ path }) => wanted.length <= path.length && wanted.every((part, at) => part === path.at(at - wanted.length)),
  );
  if (byPath.length > 0) return byPath;
  return sections.filter(({ heading }) => heading.replace(KIND, "") === plain);
}

function bare(heading: string): string {
  return heading.trim().replace(/^#{1,6}[ \t]+/, "");
}

function unknown(
  sections: Section[],
  { section, occurrence }: { section: string; occurrence?: number | undefined },
  path: string,
) {
  const candidates = sections.slice(0, SHOWN).map(({ path: names }) => named(names));
  const which = occurrence === undefined ? "" : ` number ${occurrence}`;
  const listed = candidates.length > 0 ? `It has: ${candidates.slice(0, 10).join("; ")}.` : "It has no headings.";
  return new SpecloopError("unknown_section", `${path} has no section "${shortened(section)}"${which}. ${listed}`, {
    target: path,
    details: { candidates },
  });
}

function ambiguous(found: Section[], address: string, path: string) {
  const places = found.slice(0, SHOWN).map((section) => ({ section: named(section.path), line: section.startLine }));
  return new SpecloopError("ambiguous_target", `"${shortened(address)}" fits ${found.length} sections of ${path}.`, {
    target: path,
    details: { places },
  });
}

/** A heading can be as long as the document; a refusal is not. */
function named(path: string[]): string {
  return shortened(path.map(shortened).join(" > "));
}
