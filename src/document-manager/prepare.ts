import { setImmediate } from "node:timers/promises";
import type { Git } from "../adapters/git/index.ts";
import {
  applyEdit,
  changedHeadings,
  planEdit,
  scanSections,
  type DocumentEdit,
  type MarkdownParser,
  type Splice,
} from "../adapters/markdown/index.ts";
import { SpecloopError } from "../foundation/errors.ts";
import { gitBlobId } from "../foundation/hash.ts";
import type { Live } from "../foundation/options.ts";
import type { Principal } from "../foundation/principal.ts";
import { decode, readDocument, tooLarge, type Content } from "./document.ts";
import type { DocumentOptions } from "./options.ts";
import type { FileChange } from "./place.ts";
import type { Located, PathPolicy } from "./policy.ts";
import type { UpdateRequest } from "./types.ts";

/** A change of one document that is worked out but not written. */
export interface PreparedFile extends FileChange {
  base: string | null;
  next: string | null;
  edits: number;
}

export interface Wanted extends Located {
  edits: DocumentEdit[];
  baseRevision?: string | undefined;
}

interface Dependencies {
  git: Git;
  parser: MarkdownParser;
  options: Live<DocumentOptions>;
}

/** Works out what edits make of documents, in the working tree or at HEAD. Writes nothing. */
export class Preparer {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** Against what is in the working tree. */
  async inWorktree(file: Wanted, principal: Principal): Promise<PreparedFile> {
    const content = await readDocument(file, this.#deps.options.current.maxBytes);
    requireBase(file, content, principal);
    if (!content && (await this.#deps.git.isIgnored(file.path))) {
      throw new SpecloopError("path_protected", `"${file.path}" is ignored by git, so it cannot be committed.`, {
        target: file.path,
      });
    }
    return this.apply(file, content);
  }

  /** Against the last commit: what the person has not committed yet is neither seen nor touched. */
  async atHead(file: Wanted, principal: Principal, head: string): Promise<PreparedFile> {
    const committed = await this.#atRevision(file.path, head);
    const worktree = await readDocument(file, this.#deps.options.current.maxBytes);
    const clean = (await this.#deps.git.pathState(file.path)) === "clean";
    // With line end conversion the same document has other bytes in the working tree than in the commit.
    const asRead = clean && file.baseRevision !== undefined && file.baseRevision === worktree?.revision;
    requireBase(asRead ? { ...file, baseRevision: committed?.revision } : file, committed, principal);
    return this.apply(file, committed);
  }

  async #atRevision(path: string, revision: string): Promise<Content | null> {
    const bytes = await this.#deps.git.read(revision, path);
    const { maxBytes } = this.#deps.options.current;
    if (bytes && bytes.length > maxBytes) throw tooLarge(path, bytes.length, maxBytes);
    return bytes && { bytes, text: decode(bytes, path), revision: gitBlobId(bytes), mode: 0o644 };
  }

  /** What the edits make of this content, whatever revision they name. */
  async apply(file: Wanted, content: Content | null): Promise<PreparedFile> {
    const { maxBytes } = this.#deps.options.current;
    let text = content?.text ?? "";
    for (const edit of file.edits) {
      const after = applyEdit(text, edit, file.path);
      if (VERIFIED.has(edit.kind)) await this.#verify(text, after, { edit, path: file.path });
      // Two hundred edits of a large document are minutes of work; others are served in between.
      if (after.length > LARGE) await setImmediate();
      text = after;
    }
    const after = Buffer.from(text, "utf8");
    if (after.length > maxBytes) throw tooLarge(file.path, after.length, maxBytes);
    if (text.includes("\0"))
      throw new SpecloopError("document_not_text", "The new content holds a NUL character.", { target: file.path });
    const { path, absolute, edits } = file;
    const before = content?.bytes ?? null;
    const next = gitBlobId(after);
    return {
      path,
      absolute,
      before,
      after,
      mode: content?.mode ?? 0o644,
      base: content?.revision ?? null,
      next,
      edits: edits.length,
    };
  }

  /** Refuses an edit that changes what is a heading elsewhere: an unclosed fence can swallow the rest of a document. */
  async #verify(before: string, after: string, { edit, path }: { edit: DocumentEdit; path: string }): Promise<void> {
    const [old, now] = [withoutBom(before), withoutBom(after)];
    const splice = planEdit(old, edit, path);
    refuseChanged(scanned(old), scanned(now), { splice, path });
    if (Math.max(old.length, now.length) > this.#deps.options.current.verifyMaxBytes) return;
    const { parser } = this.#deps;
    const [parsedBefore, parsedAfter] = await Promise.all([parser.headings(old, path), parser.headings(now, path)]);
    refuseChanged(parsedBefore, parsedAfter, { splice, path });
  }
}

/** Edits that put in text of several lines, which could swallow what follows. */
const VERIFIED = new Set<DocumentEdit["kind"]>([
  "replace_section",
  "append_to_section",
  "insert_section",
  "move_section",
  "delete_section",
  "rename_section",
  "replace_item",
  "add_item",
  "add_requirement",
  "modify_requirement",
  "add_scenario",
  "modify_scenario",
]);
/** Characters from which on an edit is noticed by others. */
const LARGE = 100_000;

/** Documents of a request where they lie. Throws `path_*`, and `bad_input` for one that is named twice. */
export function locateAll(policy: PathPolicy, files: UpdateRequest["files"]): Wanted[] {
  const wanted = files.map(({ path, edits, baseRevision }) => ({ ...policy.locate(path), edits, baseRevision }));
  const paths = wanted.map(({ path }) => path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new SpecloopError("bad_input", `"${twice}" is named twice.`, { target: twice });
  return wanted;
}

function withoutBom(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

type Headings = Parameters<typeof changedHeadings>[0];

function scanned(text: string): Headings {
  const headings = scanSections(text).filter(({ level }) => level > 0);
  return headings.map(({ level, start, bodyStart }) => ({ level, start, end: bodyStart }));
}

function refuseChanged(before: Headings, after: Headings, { splice, path }: { splice: Splice; path: string }): void {
  const { lost, appeared } = changedHeadings(before, after, splice);
  if (lost.length + appeared.length === 0) return;
  throw new SpecloopError(
    "bad_input",
    `The content would change what is a heading elsewhere in ${path} (${lost.length} would vanish).`,
    {
      target: path,
      fix: "Close every code fence and HTML comment in the content.",
    },
  );
}

/** The revision that an edit names must be the one it meets; a new document is made by one `write`. */
export function requireBase(file: Wanted, content: Content | null, principal: Principal): void {
  const [first] = file.edits;
  if (!content) {
    if (first?.kind === "write" && file.baseRevision === undefined) return;
    throw new SpecloopError("unknown_document", `There is no document "${file.path}".`, {
      target: file.path,
      fix: "Check the path; a new document is made with one edit of kind write and no revision.",
    });
  }
  const blind =
    file.baseRevision === undefined && file.edits.some(({ kind }) => kind === "write") && principal.kind !== "system";
  if (!blind && (file.baseRevision === undefined || file.baseRevision === content.revision)) return;
  const why = blind
    ? `"${file.path}" exists; replacing all of it needs the revision that you read.`
    : `"${file.path}" changed since revision ${file.baseRevision}.`;
  throw new SpecloopError("stale_revision", why, {
    target: file.path,
    details: { revision: content.revision, content: content.text },
  });
}
