import type { Passage } from "../adapters/search/index.ts";

/** Whether what a document says holds: it does, a change proposes it, or a change that is archived proposed it once. */
export type Standing =
  | { standing: "in_force" }
  | { standing: "proposed"; change: string }
  | { standing: "archived"; change: string };

const CHANGE = /(?:^|\/)openspec\/changes\/(archive\/)?([^/]+)\//;

/** The standing of a document by where it lies. */
export function standingOf(path: string): Standing {
  const [, archive, change] = CHANGE.exec(path) ?? [];
  if (change === undefined) return { standing: "in_force" };
  return { standing: archive === undefined ? "proposed" : "archived", change };
}

/**
 * What stands before a quotation out of a change, so that nobody takes a proposal for what holds; null before one that is
 * in force. It is no line of the document.
 */
export function prefaceOf(path: string, { headingPath }: Pick<Passage, "headingPath">): string | null {
  const place = standingOf(path);
  if (place.standing === "in_force") return null;
  if (place.standing === "archived") return `From the archived change "${place.change}"; the specs say what holds now:`;
  const operation = headingPath.map((heading) => OPERATIONS.exec(heading)?.[1]?.toUpperCase()).find(Boolean);
  if (operation === "REMOVED") return `The change "${place.change}" proposes to remove this; until then it holds:`;
  return `Proposed in the change "${place.change}", not in force:`;
}

/** What stands before an answer in other words that rests on changes; null when every document is in force. */
export function restsOn(paths: string[]): string | null {
  const standings = paths.map(standingOf).filter(({ standing }) => standing !== "in_force");
  const changes = new Set(standings.flatMap((one) => ("change" in one ? [`"${one.change}"`] : [])));
  return changes.size === 0 ? null : `Rests on what a change says, which is not in force (${[...changes].join(", ")}):`;
}

const OPERATIONS = /^(ADDED|MODIFIED|REMOVED|RENAMED) Requirements$/i;
