export { readFrontMatter } from "./front-matter.ts";
export { scanSections } from "./sections.ts";
export { scanTasks } from "./tasks.ts";
export type { DocumentEdit, FrontMatter, Section, TaskItem } from "./port.ts";
