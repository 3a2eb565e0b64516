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
  | SectionEdit
  | ItemEdit
  | TaskEdit
  | RowEdit
  | RequirementEdit
  | ScenarioEdit
  | { kind: "replace_code"; target?: Optional; section?: Optional; occurrence?: Nth; content: string }
  | { kind: "set_front_matter"; key: string; value: unknown }
  | { kind: "delete_front_matter"; key: string }
  | { kind: "replace_text"; find: string; replace: string }
  | { kind: "write"; content: string };

type Optional = string | undefined;
/** Which of several that fit, 1 for the first. */
type Nth = number | undefined;

/** Where something new goes, or something old moves: in front of one that is there, or behind it. */
interface Beside {
  before?: Optional;
  after?: Optional;
}

/** A section is named by its heading, or by the end of its heading path: `A > B`. Its subsections belong to it. */
interface SectionAddress {
  section: string;
  occurrence?: Nth;
}

export type SectionEdit =
  | (SectionAddress & { kind: "replace_section"; content: string })
  | (SectionAddress & { kind: "append_to_section"; content: string })
  | (SectionAddress & { kind: "rename_section"; to: string })
  | (SectionAddress & { kind: "delete_section" })
  | (SectionAddress & Beside & { kind: "move_section" })
  | (Beside & { kind: "insert_section"; content: string });

/** `target` is the item's first line, or the beginning of it; without one `occurrence` counts the items at the top. */
export type ItemEdit =
  | { kind: "replace_item"; target?: Optional; section?: Optional; occurrence?: Nth; content: string }
  | { kind: "delete_item"; target?: Optional; section?: Optional; occurrence?: Nth }
  | (Beside & { kind: "add_item"; section?: Optional; content: string });

/** `task` is its number or its text. */
export type TaskEdit =
  | { kind: "set_task"; task: string; done: boolean }
  | { kind: "reword_task"; task: string; content: string }
  | { kind: "delete_task"; task: string }
  | (Beside & { kind: "add_task"; section?: Optional; content: string; done?: boolean | undefined });

/** `target`, `before` and `after` are texts of the first column, or of the one that `key` names. */
export type RowEdit =
  | { kind: "set_row"; target: string; key?: Optional; section?: Optional; value: RowValue }
  | { kind: "delete_row"; target: string; key?: Optional; section?: Optional }
  | (Beside & { kind: "add_row"; key?: Optional; section?: Optional; value: RowValue });

/** Texts of cells by the name of their column; for a new row also all of them in order. */
export type RowValue = Record<string, string> | string[];

/** In a delta these write what the change does to the requirement; in a main spec they do it. */
export type RequirementEdit =
  | (Beside & { kind: "add_requirement"; target?: Optional; content: string })
  | { kind: "modify_requirement"; target: string; content: string }
  | { kind: "remove_requirement"; target: string; content?: Optional }
  | { kind: "rename_requirement"; target: string; to: string };

/** `section` is the requirement's name; it may be left out where only one has such a scenario. */
export type ScenarioEdit =
  | (Beside & { kind: "add_scenario"; section: string; target?: Optional; content: string })
  | { kind: "modify_scenario"; section?: Optional; target: string; content: string }
  | { kind: "remove_scenario"; section?: Optional; target: string }
  | { kind: "rename_scenario"; section?: Optional; target: string; to: string };
