import type { ErrorRow } from "./row.ts";

/** Documents and paths. */
export const documents = {
  unknown_document: {
    http: 404,
    exit: 65,
    means: "No document has this path.",
    fix: "Give a path relative to the repository root.",
  },
  unknown_section: {
    http: 404,
    exit: 65,
    means: "The document has no such section, task, key or text.",
    fix: "Read the document with doc_read and use a heading, task or text that it lists.",
  },
  ambiguous_target: {
    http: 409,
    exit: 65,
    means: "More than one place in the document fits.",
    fix: "Give the heading path, or more of the text, so that one place fits.",
  },
  stale_revision: {
    http: 409,
    exit: 65,
    means: "The document changed since the revision that the edit was made against.",
    fix: "Read the document again and repeat the edit against the revision it has now.",
  },
  document_busy: {
    http: 409,
    exit: 75,
    means: "Somebody else kept saving the document while the edit was made.",
    fix: "Call again in a moment; nothing was changed.",
  },
  document_too_large: {
    http: 413,
    exit: 65,
    means: "The document is larger than what is parsed or edited.",
    fix: "Split the document, or raise documents.maxBytes in specloop.yaml.",
  },
  document_not_text: {
    http: 415,
    exit: 65,
    means: "The file is not UTF-8 text.",
    fix: "Only UTF-8 markdown and YAML are read and edited; nothing was changed.",
  },
  document_too_complex: {
    http: 422,
    exit: 65,
    means: "The document takes longer to parse than the limit.",
    fix: "Use the exact-text edit, which needs no parsing, or simplify the document.",
  },
  bad_front_matter: {
    http: 422,
    exit: 65,
    means: "The front matter is not YAML that can be read.",
    fix: "Correct the YAML between the --- lines at the named place.",
  },
  path_outside_root: {
    http: 403,
    exit: 77,
    means: "The path leads outside the repository.",
    fix: "Give a path inside the repository, without symbolic links that leave it.",
  },
  path_protected: {
    http: 403,
    exit: 77,
    means: "This path is never edited through specloop.",
    fix: "Edit it yourself and commit it.",
  },
} as const satisfies Record<string, ErrorRow>;
