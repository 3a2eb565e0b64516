import type { Git } from "../../adapters/git/index.ts";
import { parseSpec } from "../../adapters/openspec/index.ts";
import type { ChangeFiles } from "../change-files.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Base } from "./base.ts";
import { baseKey } from "./base.ts";
import { basesFromGit } from "./from-git.ts";
import { inDelta, targetOf, type Modification } from "./modifications.ts";

/** A modification with the change that it stands in. */
export interface Placed {
  change: ChangeFiles;
  modification: Modification;
}

/** What a base is made of before it is one. */
export type Taken = Pick<Base, "text" | "commit" | "source">;

interface Around {
  git: Git;
  snapshot: Snapshot;
  /** The snapshot before; null at the first look. */
  last: Snapshot | null;
}

/**
 * What these blocks were written against, for those that have a target at all: from git where they are committed, else
 * from the spec beside them.
 */
export async function takeBases(fresh: Placed[], around: Around): Promise<Map<Placed, Taken>> {
  const { git, snapshot } = around;
  const committed = fresh.filter(({ change }) => change.git !== "untracked");
  const sought = new Map(committed.map((one) => [one, soughtOf(one, snapshot.root)]));
  const found = await basesFromGit(git, [...sought.values()]);
  const taken = new Map<Placed, Taken>();
  for (const one of fresh) {
    const place = sought.get(one);
    const inGit = place ? found.get(place)! : "uncommitted";
    const known = inGit === "uncommitted" ? await beside(one, around) : inGit;
    const base = known === "unknown" ? (fromSister(one, snapshot) ?? unknown(one, snapshot)) : known;
    if (base) taken.set(one, base);
  }
  return taken;
}

/** Whether there is a text that the block can have been written against: in a spec, or in another change. */
export function hasTarget(one: Placed, snapshot: Snapshot): boolean {
  return unknown(one, snapshot) !== null || fromSister(one, snapshot) !== null;
}

function soughtOf({ change, modification }: Placed, root: string) {
  const revision = change.branch === null ? "HEAD" : `refs/heads/${change.branch}`;
  return { modification, specPath: specPathOf(root, modification), revision };
}

function specPathOf(root: string, { capability }: Modification): string {
  return `${root}/specs/${capability}/spec.md`;
}

/**
 * A block that git does not have yet: the spec as it was before the batch of saves that brought it. At the first look,
 * when nobody watched, the spec of HEAD. A block that waited for its target was not written against what came.
 */
async function beside(one: Placed, { git, snapshot, last }: Around): Promise<Taken | "unknown"> {
  const { change, modification } = one;
  const now = targetOf(modification, snapshot.specs.get(modification.capability))?.raw;
  if (last === null) return seen((await atHead(git, snapshot.root, modification)) ?? now);
  const before = targetOf(modification, last.specs.get(modification.capability))?.raw;
  const waited = last.changes
    .get(change.id)
    ?.deltaFiles.some(({ capability, path, delta }) =>
      inDelta(delta, { capability, path }).some((known) => baseKey(known) === baseKey(modification)),
    );
  return before === undefined && waited ? "unknown" : seen(before ?? now);
}

function seen(text: string | undefined): Taken | "unknown" {
  return text === undefined ? "unknown" : { text, commit: null, source: "seen" };
}

async function atHead(git: Git, root: string, modification: Modification): Promise<string | undefined> {
  const bytes = await git.read("HEAD", specPathOf(root, modification));
  const requirements = bytes ? parseSpec(bytes.toString("utf8")).requirements : [];
  return requirements.find(({ name }) => name === modification.requirement)?.raw;
}

/** The text that one other change adds: what is modified before it is in a spec was read there. */
function fromSister({ change, modification }: Placed, { changes }: Snapshot): Taken | null {
  const texts = [...changes.values()].flatMap(({ id, deltaFiles }) =>
    id === change.id
      ? []
      : deltaFiles
          .filter(({ capability }) => capability === modification.capability)
          .flatMap(({ delta }) => delta.added.filter(({ name }) => name === modification.requirement)),
  );
  return texts.length === 1 ? { text: texts[0]!.raw, commit: null, source: "sister" } : null;
}

/** What the spec says now, so that at least what moves from here on is seen. */
function unknown({ modification }: Placed, { specs }: Snapshot): Taken | null {
  const text = targetOf(modification, specs.get(modification.capability))?.raw;
  return text === undefined ? null : { text, commit: null, source: "unknown" };
}
