import { SpecloopError } from "../../foundation/errors.ts";
import type { ChangeDraft, DraftDelta } from "./port.ts";

/** OpenSpec's rule for the id of a new change. */
const ID = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const MAX_ID = 200;
const MAX_DEPTH = 8;

/**
 * The files of a change, paths relative to its folder. Throws `bad_input` for an id, a capability or a file name that
 * OpenSpec or git would not take. `today` is a local date, `2026-11-21`.
 */
export function writeChange(draft: ChangeDraft, today: string): Map<string, string> {
  refuseBadNames(draft);
  const files = new Map<string, string>();
  files.set(".openspec.yaml", metadata(draft, today));
  files.set("proposal.md", proposal(draft));
  if (draft.design !== undefined) files.set("design.md", closed(draft.design));
  files.set("tasks.md", tasks(draft));
  for (const capability of new Set(draft.deltas.map((delta) => delta.capability))) {
    const deltas = draft.deltas.filter((delta) => delta.capability === capability);
    files.set(`specs/${capability}/spec.md`, deltaSpec(deltas));
  }
  for (const [name, content] of Object.entries(draft.extraFiles)) files.set(name, content);
  return files;
}

/** Whether OpenSpec takes this id for a new change. */
export function isChangeId(id: string): boolean {
  return id.length <= MAX_ID && ID.test(id) && id !== "archive";
}

function refuseBadNames(draft: ChangeDraft): void {
  if (!isChangeId(draft.id)) {
    throw new SpecloopError("bad_input", `"${draft.id}" is no id for a change.`, {
      target: "id",
      fix: "Use lower-case words joined by hyphens, at most 200 characters, and not the word archive.",
    });
  }
  for (const { capability } of draft.deltas) {
    if (!isSafePath(capability))
      throw new SpecloopError("bad_input", `"${capability}" is no capability.`, { target: "deltas" });
  }
  for (const name of Object.keys(draft.extraFiles)) {
    if (!isSafePath(name))
      throw new SpecloopError("bad_input", `"${name}" is no file name inside a change.`, { target: "extraFiles" });
  }
}

/** Relative, downwards, without hidden folders or what Windows refuses. */
function isSafePath(path: string): boolean {
  const parts = path.split("/");
  return parts.length <= MAX_DEPTH && parts.every((part) => /^[^.\s\p{Cc}\\:*?"<>|][^\p{Cc}\\:*?"<>|]*$/u.test(part));
}

function metadata({ goal, skipSpecs }: ChangeDraft, today: string): string {
  const lines = ["schema: spec-driven", `created: ${today}`];
  // A JSON string is a YAML string, whatever it holds.
  if (goal) lines.push(`goal: ${JSON.stringify(goal)}`);
  if (skipSpecs) lines.push("skip_specs: true");
  return `${lines.join("\n")}\n`;
}

function proposal({ title, why, whatChanges, impact, deltas }: ChangeDraft): string {
  const parts = [`# ${oneLine(title)}`, "## Why", why.trim(), "## What Changes", bullets(whatChanges)];
  if (deltas.length > 0) {
    const names = [...new Set(deltas.map(({ capability }) => capability))];
    parts.push("## Capabilities", bullets(names.map((name) => `\`${name}\``)));
  }
  parts.push("## Impact", bullets(impact));
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function tasks(draft: ChangeDraft): string {
  const groups = draft.tasks.map(({ group, items }, index) => {
    const lines = items.map((item, order) => `- [ ] ${index + 1}.${order + 1} ${oneLine(item)}`);
    return `## ${index + 1}. ${oneLine(group)}\n\n${lines.join("\n")}`;
  });
  return `${["# Tasks", ...groups].join("\n\n")}\n`;
}

function deltaSpec(deltas: DraftDelta[]): string {
  const parts: string[] = [];
  for (const operation of ["ADDED", "MODIFIED", "REMOVED"] as const) {
    const mine = deltas.filter((delta) => delta.operation === operation);
    if (mine.length > 0) parts.push(`## ${operation} Requirements`, ...mine.map(requirement));
  }
  const renamed = deltas.filter(({ operation }) => operation === "RENAMED");
  if (renamed.length > 0) parts.push("## RENAMED Requirements", renamed.map(renaming).join("\n"));
  return `${parts.join("\n\n")}\n`;
}

function requirement({ operation, requirement, text, scenarios }: DraftDelta): string {
  const header = `### Requirement: ${oneLine(requirement)}`;
  if (operation === "REMOVED") return text.trim() === "" ? header : `${header}\n**Reason**: ${oneLine(text)}`;
  const blocks = scenarios.map((scenario) =>
    "raw" in scenario
      ? scenario.raw.trim()
      : `#### Scenario: ${oneLine(scenario.name)}\n${bullets(scenario.steps.map(step))}`,
  );
  return [`${header}\n${text.trim()}`, ...blocks].join("\n\n");
}

function renaming({ requirement, to = "" }: DraftDelta): string {
  const header = (name: string) => `\`### Requirement: ${oneLine(name)}\``;
  return `- FROM: ${header(requirement)}\n- TO: ${header(to)}`;
}

/** `WHEN a` and `- when a` become `**WHEN** a`. */
function step(text: string): string {
  const plain = withoutBullet(text);
  return plain.replace(
    /^\**(GIVEN|WHEN|THEN|AND|BUT)\b\**:?\s*/i,
    (_all, word: string) => `**${word.toUpperCase()}** `,
  );
}

function bullets(items: string[]): string {
  return items.map((item) => `- ${withoutBullet(item)}`).join("\n");
}

function withoutBullet(text: string): string {
  return oneLine(text).replace(/^[-*+]\s+/, "");
}

/** Line breaks would end the heading or list item that the text stands in. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

function closed(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
