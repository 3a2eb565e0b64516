export { applyEdit, applyEdits, planEdit } from "./edit.ts";
export type { Splice } from "./splice.ts";
export { findSection } from "./find-section.ts";
export { readFrontMatter } from "./front-matter.ts";
export { MarkdownParser, type ParsedHeading } from "./parser.ts";
export { scanSections } from "./sections.ts";
export { scanTasks } from "./tasks.ts";
export { changedHeadings } from "./verify.ts";
export type { DocumentEdit, FrontMatter, Section, TaskItem } from "./port.ts";
