// The way in for who only reads: a thread that loads all of index.ts holds 10 MB of what edits and checks for nothing.
export { readFrontMatter } from "./front-matter.ts";
export type { Section } from "./port.ts";
export { scanSections } from "./sections.ts";
