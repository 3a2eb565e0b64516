import type { Principal } from "../../foundation/principal.ts";

/** A place in a document, as somebody names it. */
export type Place = { path: string; heading?: string | undefined };

type Edit = { kind: "append_to_section"; section: string; content: string } | { kind: "write"; content: string };

/** What became of an edit: `proposed` waits on a branch for a person, all others stand in the working tree. */
export interface WrittenEdit {
  status: "committed" | "commit_pending" | "proposed" | "written" | "unchanged";
  commit: string | null;
  branch: string | null;
  /** The approval that a proposed edit waits for. */
  approval?: string | undefined;
  message: string;
}

/** What the router needs of the room that reads and writes documents. */
export interface AnswerWriter {
  /** The document as it is in the working tree. Throws `unknown_document` and `path_*`. */
  read(path: string): Promise<{ path: string; revision: string; content: string; sections: { heading: string }[] }>;
  /** Writes as this principal may, with history and the detour over a branch for sensitive paths. */
  update(request: {
    files: { path: string; edits: Edit[]; baseRevision: string }[];
    reason: string;
    principal: Principal;
    origin: { question: string; change?: string };
  }): Promise<WrittenEdit>;
  /** Whether an agent's edit of this document waits for a person. */
  waitsForPerson(path: string): boolean;
}

/**
 * The document whose open question was asked under this id and that gets a person's answer by itself; null for a question
 * that stands in no document.
 */
export type OriginOf = (questionId: string) => Promise<{ path: string } | null>;

/** What git has of the documents that are in force. */
export interface CommittedDocuments {
  recorded(paths: string[]): Promise<Map<string, { head: string | null }>>;
}

/** Where an answer was put. */
export interface WrittenAnswer {
  path: string;
  /** `with_question`: the room of changes writes it below the question that the document asks. */
  status: WrittenEdit["status"] | "with_question";
  commit?: string;
  branch?: string;
  approval?: string;
  message: string;
}
