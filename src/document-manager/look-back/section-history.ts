import type { Git, PathCommit } from "../../adapters/git/index.ts";
import { findSection, scanSections, type Section } from "../../adapters/markdown/index.ts";

/** What a commit did to one section. */
export interface SectionCommit extends Omit<PathCommit, "changes"> {
  what: "added" | "changed" | "renamed" | "removed";
  /** The section's heading path behind this commit (before it, for one that removed it). */
  section: string;
}

interface Version {
  section: Section;
  /** The section without its heading line, white space at the ends left out. */
  body: string;
}

type Address = Pick<Section, "path" | "occurrence">;

/**
 * The commits that made one section what it is, newest first. It is looked for under its heading path; a commit in which
 * that path appears while a section with the same text goes is a renaming, and it is followed under its older name.
 * `revision` undefined begins at HEAD.
 */
export async function sectionHistory(
  git: Git,
  { path, section, limit }: { path: string; section: string; limit: number },
): Promise<SectionCommit[]> {
  const commits = await git.pathHistory({ under: [path] });
  const steps = commits.flatMap((commit) =>
    commit.changes.filter((change) => change.path === path).map((change) => ({ commit, change })),
  );
  const newest = await lastText(
    git,
    steps.map(({ change }) => change),
  );
  if (newest === null) return [];
  let address: Address = findSection(newest, { section }, path);
  const found: SectionCommit[] = [];
  for (let from = 0; from < steps.length && found.length < limit; from += PAGE) {
    const page = steps.slice(from, from + PAGE);
    const blobs = await git.readBlobs(
      page.flatMap(({ change }) => [change.before, change.after]).filter((id) => id !== null),
    );
    const textOf = (id: string | null) => (id === null ? null : (blobs.get(id)?.toString("utf8") ?? null));
    for (const { commit, change } of page) {
      const step = compare(textOf(change.before), textOf(change.after), address);
      if (step.what !== null)
        found.push({ ...withoutChanges(commit), what: step.what, section: address.path.join(" > ") });
      address = step.address;
    }
  }
  return found.slice(0, limit);
}

/** Commits whose texts are read at once. */
const PAGE = 50;

async function lastText(git: Git, changes: PathCommit["changes"]): Promise<string | null> {
  const id = changes.find(({ after }) => after !== null)?.after ?? null;
  if (id === null) return null;
  return (await git.readBlobs([id])).get(id)?.toString("utf8") ?? null;
}

function compare(
  before: string | null,
  after: string | null,
  address: Address,
): { what: SectionCommit["what"] | null; address: Address } {
  const old = before === null ? null : version(before, address);
  const now = after === null ? null : version(after, address);
  if (now && old) return { what: now.body === old.body ? null : "changed", address };
  if (!now && !old) return { what: null, address };
  if (!now) return { what: "removed", address };
  const renamed = before === null ? null : sameText(before, after ?? "", now.body);
  return renamed ? { what: "renamed", address: renamed } : { what: "added", address };
}

function version(text: string, { path, occurrence }: Address): Version | null {
  const section = scanSections(text).find(
    (candidate) => candidate.occurrence === occurrence && isSamePath(candidate.path, path),
  );
  return section ? { section, body: bodyOf(text, section) } : null;
}

/** A section that had this text before and is not there any more under its name. */
function sameText(before: string, after: string, body: string): Address | null {
  if (body === "") return null;
  const left = new Set(scanSections(after).map(({ path, occurrence }) => JSON.stringify([path, occurrence])));
  const gone = scanSections(before).filter(({ path, occurrence }) => !left.has(JSON.stringify([path, occurrence])));
  return gone.find((section) => bodyOf(before, section) === body) ?? null;
}

function bodyOf(text: string, { bodyStart, end }: Section): string {
  const plain = text.replace(/^\uFEFF/, "");
  return plain.slice(bodyStart, end).replaceAll("\r\n", "\n").trim();
}

function isSamePath(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}

function withoutChanges(commit: PathCommit): Omit<PathCommit, "changes"> {
  const { changes: _changes, ...rest } = commit;
  return rest;
}
