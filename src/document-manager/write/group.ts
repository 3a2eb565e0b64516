import type { RecordedBlobs } from "../../adapters/git/index.ts";
import type { Content } from "../document.ts";
import type { Edit } from "../edit-rows.ts";
import type { PreparedFile } from "../prepare.ts";
import type { UpdateRequest } from "../types.ts";

/** So many documents at most share a commit: what a refused commit takes back stays small, and its message readable. */
const MAX_DOCUMENTS = 100;
const MAX_MEMBERS = 200;

/** A worked-out edit on its way into the working tree. */
export interface Member {
  edit: Edit;
  files: PreparedFile[];
  /** What to do again later; null if it cannot be. */
  request: UpdateRequest | null;
  /** Of the monotonic clock. */
  started: number;
  /** Said in the result, for instance that it was merged. */
  remark: string;
}

/** Where the members of a group go: into one commit; into the tree behind an edit whose commit waits; or only into the tree. */
export type Destination = { kind: "commit" } | { kind: "wait"; why: string } | { kind: "tree"; why: string };

/**
 * Edits that waited at the same moment and end in one commit. Each is worked out on what those before it made of the
 * document, so that only the last content of a document is ever written.
 */
export class Group {
  readonly members: Member[] = [];
  readonly #blobs: Promise<Map<string, RecordedBlobs>>;
  readonly #contents = new Map<string, Content>();
  #destination: Destination = { kind: "commit" };

  /** `blobs`: what git has of the documents; asked while they are parsed. */
  constructor(blobs: Promise<Map<string, RecordedBlobs>>) {
    this.#blobs = blobs;
    blobs.catch(() => {}); // Who needs it gets the error.
  }

  get destination(): Destination {
    return this.#destination;
  }

  async blobs(path: string): Promise<RecordedBlobs> {
    return (await this.#blobs).get(path) ?? { head: null, index: null };
  }

  /** What the members make of a document, undefined where none has it. */
  content(path: string): Content | undefined {
    return this.#contents.get(path);
  }

  /** Whether a request may be looked at while this group is open. */
  admits(request: UpdateRequest): boolean {
    if (this.members.length === 0) return true;
    const { principal, idempotencyKey } = request;
    const same = this.members.some(
      ({ edit }) =>
        edit.idempotencyKey !== null &&
        edit.idempotencyKey === idempotencyKey &&
        edit.principal.name === principal.name,
    );
    return !same && !isAlone(request) && !this.members.some((member) => member.request && isAlone(member.request));
  }

  /** Whether an edit may join: a document that came back to what git has would not be in the commit. */
  fits(files: PreparedFile[], destination: Destination): boolean {
    if (this.members.length === 0) return true;
    if (destination.kind !== "commit" || this.#destination.kind !== "commit") return false;
    const first = new Map(this.documents().map(({ path, base }) => [path, base]));
    const size = new Set([...first.keys(), ...files.map(({ path }) => path)]).size;
    const comesBack = files.some(({ path, next }) => first.has(path) && first.get(path) === next);
    return size <= MAX_DOCUMENTS && this.members.length < MAX_MEMBERS && !comesBack;
  }

  add(member: Member, destination: Destination): void {
    this.members.push(member);
    this.#destination = destination;
    for (const { path, after, next, mode } of member.files) {
      if (after !== null && next !== null)
        this.#contents.set(path, { bytes: after, text: after.toString("utf8"), revision: next, mode });
    }
  }

  /** Each document once: from what it was before the first member to what it is after the last. */
  documents(): PreparedFile[] {
    return joined(this.members.map(({ files }) => files)).map(({ first, last }) => {
      const { before, base } = first;
      return { ...last, before, base };
    });
  }
}

/** First and last change of each path, in the order in which the paths appear. */
export function joined<File extends { path: string }>(edits: File[][]): { first: File; last: File }[] {
  const found = new Map<string, { first: File; last: File }>();
  for (const file of edits.flat()) found.set(file.path, { first: found.get(file.path)?.first ?? file, last: file });
  return [...found.values()];
}

/** Edits that have a document of these, or share one with such an edit. */
export function connected<Entry extends { files: { path: string }[] }>(entries: Entry[], paths: string[]): Set<Entry> {
  const [reached, found] = [new Set(paths), new Set<Entry>()];
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const entry of entries) {
      if (!entry.files.some(({ path }) => reached.has(path))) continue;
      found.add(entry);
      for (const { path } of entry.files) reached.add(path);
    }
  }
  return found;
}

/** What the loop or an approval writes is reverted as a commit of its own. */
function isAlone({ approved, origin }: UpdateRequest): boolean {
  return approved === true || origin?.proposal !== undefined || origin?.cycle !== undefined;
}
