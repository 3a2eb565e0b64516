/** A part of a document under one heading. Offsets are UTF-16 units into the text without BOM; lines are 1-based. */
export interface Section {
  /** Heading texts from the top: `["Purpose"]`, `["Requirements", "Requirement: Fast answers"]`. Empty for the preamble. */
  path: string[];
  heading: string;
  /** 1..6, 0 for the text before the first heading. */
  level: number;
  /** 1 for the first section with this path, 2 for the second … */
  occurrence: number;
  /** Offset of the heading line. */
  start: number;
  /** Offset behind the heading line (with its line end). */
  bodyStart: number;
  /** Offset behind the section's own text, before its first subsection. */
  ownEnd: number;
  /** Offset behind the section with all its subsections. */
  end: number;
  startLine: number;
  endLine: number;
}

export interface FrontMatter {
  /** Parsed YAML mapping; empty when there is no front matter. */
  data: Record<string, unknown>;
  /** Offsets of the YAML between the fences; null when there is none. */
  range: { start: number; end: number } | null;
  /** Offset at which the markdown begins. */
  bodyStart: number;
}

export interface TaskItem {
  /** `1.2` where the text begins with a number, else null. */
  number: string | null;
  text: string;
  done: boolean;
  line: number;
  /** Offset of the character between the brackets, or of the closing bracket for `[]`. */
  markOffset: number;
  /** Characters between the brackets: 1, or 0 for `[]`. */
  markLength: number;
}

/** One edit of a document; several are applied in order as one. */
export type DocumentEdit =
  | { kind: "replace_section"; section: string; occurrence?: number | undefined; content: string }
  | { kind: "append_to_section"; section: string; occurrence?: number | undefined; content: string }
  | { kind: "set_task"; task: string; done: boolean }
  | { kind: "set_front_matter"; key: string; value: unknown }
  | { kind: "replace_text"; find: string; replace: string }
  | { kind: "write"; content: string };
