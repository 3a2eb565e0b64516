import type { Git, PathCommit } from "../../adapters/git/index.ts";
import { foldName, parseDelta, parseSpec, type ParsedDelta } from "../../adapters/openspec/index.ts";
import { SpecloopError } from "../../foundation/errors.ts";

/** What one commit did to a requirement. */
export interface RequirementEvent {
  /** `known_since`: the history of a shallow clone ends here, so it may be older. */
  kind: "added" | "modified" | "renamed" | "removed" | "known_since";
  /** Its name after this event; before it where it was removed. */
  name: string;
  /** Its name before, of a rename. */
  from: string | null;
  /** The change that was archived by the commit, null for an edit beside every change. */
  change: string | null;
  /** Folder below changes/archive. */
  archivedAs: string | null;
  commit: string;
  author: string;
  email: string;
  /** Epoch milliseconds. */
  at: number;
  subject: string;
}

export interface RequirementHistory {
  capability: string;
  /** Its name now, or the last one that it had. */
  requirement: string;
  exists: boolean;
  /** Newest first. */
  events: RequirementEvent[];
  /** The history is not whole: a shallow clone, or a blob that is not here. */
  truncated: boolean;
}

export interface HistoryRequest {
  git: Git;
  /** Path of the planning root. */
  root: string;
  capability: string;
  requirement: string;
}

/** One commit's version of the spec before and after, and what it archived. */
interface Step {
  commit: PathCommit;
  before: string | null;
  after: string | null;
  archived: { change: string; archivedAs: string; delta: ParsedDelta }[];
}

/**
 * Who added, changed, renamed and removed a requirement, from git's history of its spec and of the archive. A name that it
 * had once finds it, too. Throws `unknown_requirement` when no version of the spec has it.
 */
export async function requirementHistory(request: HistoryRequest): Promise<RequirementHistory> {
  const { git, root, capability } = request;
  const spec = `${root}/specs/${capability}/spec.md`;
  const commits = await git.pathHistory({ under: [spec, `${root}/changes/archive`] });
  const touching = commits.filter(({ changes }) => changes.some(({ path }) => path === spec));
  const shallow = await git.shallowCommits();
  const { steps, whole } = await readSteps({ ...request, spec, touching });
  const start = startOf(steps, request.requirement);
  if (!start) {
    throw new SpecloopError(
      "unknown_requirement",
      `No version of ${spec} has a requirement "${request.requirement}".`,
      {
        target: `${capability}/${request.requirement}`,
      },
    );
  }
  const split = start.goneAt ? start.index + 1 : start.index;
  const later = walkLater(steps.slice(0, split), start.name);
  const events = walk(steps.slice(split), start.name, shallow);
  const newest = [...later, ...events];
  const requirement = later[0]?.name ?? start.name;
  const exists = hasBlock(steps[0]?.after ?? null, requirement);
  const truncated = !whole || newest.some(({ kind }) => kind === "known_since");
  return { capability, requirement, exists, events: newest, truncated };
}

async function readSteps({
  git,
  root,
  capability,
  spec,
  touching,
}: HistoryRequest & { spec: string; touching: PathCommit[] }): Promise<{ steps: Step[]; whole: boolean }> {
  const deltaOf = new RegExp(`^${escape(`${root}/changes/archive/`)}([^/]+)/specs/${escape(capability)}/spec\\.md$`);
  const blobs = await git.readBlobs(
    touching.flatMap(({ changes }) =>
      changes
        .filter(({ path }) => path === spec || deltaOf.test(path))
        .flatMap(({ before, after }) => ids(before, after)),
    ),
  );
  let whole = true;
  const text = (id: string | null) => {
    if (id === null) return null;
    const content = blobs.get(id);
    if (!content) whole = false;
    return content?.toString("utf8") ?? null;
  };
  const steps = touching.map((commit): Step => {
    const own = commit.changes.find(({ path }) => path === spec);
    const archived = commit.changes.flatMap(({ path, before, after }) => {
      const archivedAs = deltaOf.exec(path)?.[1];
      const delta = archivedAs !== undefined && before === null ? text(after) : null;
      if (archivedAs === undefined || delta === null) return [];
      const change = archivedAs.replace(/^\d{4}-\d{2}-\d{2}-(?=.)/, "");
      return [{ change, archivedAs, delta: parseDelta(delta) }];
    });
    return { commit, before: text(own?.before ?? null), after: text(own?.after ?? null), archived };
  });
  return { steps, whole };
}

/**
 * The newest commit that has the requirement before or after it, under exactly this name or one that differs in case and
 * spaces. `goneAt`: the commit took it away or named it otherwise.
 */
function startOf(steps: Step[], wanted: string): { index: number; name: string; goneAt: boolean } | null {
  for (const same of [(name: string) => name === wanted, (name: string) => foldName(name) === foldName(wanted)]) {
    for (const [index, { before, after }] of steps.entries()) {
      const now = namesIn(after).find(same);
      const name = now ?? namesIn(before).find(same);
      if (name !== undefined) return { index, name, goneAt: now === undefined };
    }
  }
  return null;
}

/** From the newest version that has it back to its beginning. */
function walk(steps: Step[], start: string, shallow: Set<string>): RequirementEvent[] {
  const events: RequirementEvent[] = [];
  let name = start;
  for (const step of steps) {
    const [was, is] = [blockOf(step.before, name), blockOf(step.after, name)];
    if (is === null) {
      if (was !== null && successorOf(step, name) === null) events.push(event("removed", step, name));
    } else if (was === null) {
      const from = predecessorOf(step, name);
      if (from !== null) events.push({ ...event("renamed", step, name), from });
      else events.push(event(shallow.has(step.commit.commit) ? "known_since" : "added", step, name));
      name = from ?? name;
    } else if (was !== is) events.push(event("modified", step, name));
  }
  return events;
}

/** What became of it after the version in which it was found: a rename, and what followed. */
function walkLater(steps: Step[], start: string): RequirementEvent[] {
  const events: RequirementEvent[] = [];
  let name = start;
  for (const step of [...steps].reverse()) {
    const [was, is] = [blockOf(step.before, name), blockOf(step.after, name)];
    if (was === null && is !== null) events.unshift(event("added", step, name));
    if (was === null || was === is) continue;
    const to = is === null ? successorOf(step, name) : null;
    if (is !== null) events.unshift(event("modified", step, name));
    else if (to === null) events.unshift(event("removed", step, name));
    else {
      events.unshift({ ...event("renamed", step, to), from: name });
      name = to;
    }
  }
  return events;
}

/** What it was called before: as an archived delta says, or the one block that went away with the same body. */
function predecessorOf({ before, after, archived }: Step, name: string): string | null {
  const said = archived.flatMap(({ delta }) => delta.renamed).find(({ to }) => to === name)?.from;
  if (said !== undefined && hasBlock(before, said)) return said;
  const body = bodyOf(blockOf(after, name));
  const gone = namesIn(before).filter((other) => !hasBlock(after, other) && bodyOf(blockOf(before, other)) === body);
  return gone.length === 1 ? gone[0]! : null;
}

function successorOf({ before, after, archived }: Step, name: string): string | null {
  const said = archived.flatMap(({ delta }) => delta.renamed).find(({ from }) => from === name)?.to;
  if (said !== undefined && hasBlock(after, said)) return said;
  const body = bodyOf(blockOf(before, name));
  const came = namesIn(after).filter((other) => !hasBlock(before, other) && bodyOf(blockOf(after, other)) === body);
  return came.length === 1 ? came[0]! : null;
}

function event(kind: RequirementEvent["kind"], { commit, archived }: Step, name: string): RequirementEvent {
  const touches = archived.find(({ delta }) =>
    [
      ...delta.added,
      ...delta.modified,
      ...delta.removed,
      ...delta.renamed.flatMap(({ from, to }) => [{ name: from }, { name: to }]),
    ].some((target) => target.name === name),
  );
  const { author, email, at, subject } = commit;
  const change = touches?.change ?? commit.trailers["Specloop-Change"] ?? null;
  const archivedAs = touches?.archivedAs ?? null;
  return { kind, name, from: null, change, archivedAs, commit: commit.commit, author, email, at, subject };
}

function namesIn(content: string | null): string[] {
  return content === null ? [] : parseSpec(content).requirements.map(({ name }) => name);
}

function blockOf(content: string | null, name: string): string | null {
  if (content === null) return null;
  return parseSpec(content).requirements.find((block) => block.name === name)?.raw ?? null;
}

function hasBlock(content: string | null, name: string): boolean {
  return blockOf(content, name) !== null;
}

function bodyOf(raw: string | null): string {
  return raw === null ? "" : raw.slice(raw.indexOf("\n") + 1);
}

function ids(...blobs: (string | null)[]): string[] {
  return blobs.filter((id) => id !== null);
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
