import { Option, type Command } from "commander";
import { EDIT_KINDS, fieldsOf } from "../../../document-manager/edit-kinds.ts";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";
import { givenText } from "../../given-text.ts";
import { updateView } from "../../views/update.ts";

/** `--replace-section` for `replace_section`; `--write` is its own word. */
const flagOf = (kind: string) => kind.replaceAll("_", "-");
const camel = (flag: string) => flag.replaceAll(/-([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** What the value of a kind's flag is; kinds that name nothing that is there already take the new text. */
const MAIN_FIELD: Record<string, string> = {
  insert_section: "content",
  add_item: "content",
  add_task: "content",
  add_row: "value",
  add_requirement: "content",
  add_scenario: "content",
  replace_text: "find",
  write: "content",
};

function mainFieldOf(kind: string): string {
  const given = MAIN_FIELD[kind];
  if (given !== undefined) return given;
  if (kind.endsWith("_task")) return "task";
  if (kind.endsWith("front_matter")) return "key";
  return kind.endsWith("section") ? "section" : "target";
}

export function registerEdit(doc: Command, bind: Bind): void {
  const command = doc
    .command("edit")
    .description("edits of one document, or with --edits of several, in one commit: one --KIND, or JSON")
    .argument("[path]", "relative to the repository")
    .option("--reason <why>", "why: goes into the commit; needed unless --dry-run")
    .option("--dry-run", "show what would change and write nothing")
    .option("--edits <json>", "edits as JSON, - for stdin or a file: a list, or {files: [{path, edits}]}")
    .option("--base <revision>", "refuse if the document is not at this revision")
    .option("--section <heading>", "where: the section; A > B for a nested one")
    .option("--occurrence <n>", "which of several, from 1")
    .option("--before <name>", "in front of this one")
    .option("--after <name>", "behind this one")
    .option("--target <name>", "the name of something new")
    .option("--to <name>", "the new name")
    .option("--content <text>", "the new text; - reads stdin, @FILE a file")
    .option("--append <text>", "text for the end of --section; - reads stdin, @FILE a file")
    .option("--task <task>", "a task's number or text, with --done or --open")
    .option("--done", "tick the task")
    .option("--open", "untick the task")
    .option("--key <key>", "a front matter key, or the column that names rows")
    .option("--value <json>", "the new value, or cells as {column: text}")
    .option("--find <text>", "exact text, found once")
    .option("--replace <text>", "what to put in its place");
  for (const kind of EDIT_KINDS) {
    const main = mainFieldOf(kind);
    command.addOption(new Option(`--${flagOf(kind)} <${main}>`, `takes ${fieldsOf(kind)}`).helpGroup("Kinds of edit:"));
  }
  command.action(
    bind(async (context, [path], given) => {
      const what = await whatToEdit(context, path, given);
      const base = given["base"] === undefined ? {} : { baseRevision: given["base"] };
      const input = {
        ...what,
        reason: reasonOf(given),
        ...base,
        ...(given["dryRun"] === true ? { dryRun: true } : {}),
      };
      const { output } = await callTool(context, "doc_update", input);
      context.output.result(output, () => updateView(output, context.output, context));
    }),
  );
}

type Given = Record<string, unknown>;

function reasonOf({ reason, dryRun }: Given): unknown {
  if (reason !== undefined || dryRun === true) return reason ?? "dry run";
  throw new SpecloopError("bad_input", "An edit needs a reason, which goes into its commit.", {
    target: "reason",
    fix: 'Add --reason "…", or --dry-run to see what would change.',
  });
}

async function whatToEdit(context: CliContext, path: string | undefined, given: Given): Promise<Given> {
  const json = given["edits"];
  if (typeof json !== "string") return { ...(path && { path }), edits: [await oneEdit(context, given)] };
  const text = await givenText(context, json === "-" || json.startsWith("@") ? json : `@${json}`);
  const parsed = parsedJson(text, json);
  if (Array.isArray(parsed)) return { ...(path && { path }), edits: parsed };
  const { files } = parsed;
  if (path === undefined && Array.isArray(files)) return { files };
  throw new SpecloopError("bad_input", `${json} is neither a list of edits nor {"files": […]}.`, {
    fix: 'Give [{"kind": "set_task", "task": "1.2"}] with a path, or {"files": [{"path": …, "edits": […]}]} without one.',
  });
}

function parsedJson(text: string, name: string): unknown[] | Given {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as unknown[] | Given;
  } catch (cause) {
    throw new SpecloopError("bad_input", `${name} is not JSON: ${(cause as Error).message}`, { cause });
  }
  throw new SpecloopError("bad_input", `${name} is not a list of edits.`);
}

/** The fields that are an edit's own, as the tool takes them. */
const FIELDS = ["section", "target", "to", "before", "after", "task", "key", "find", "replace"];

async function oneEdit(context: CliContext, given: Given): Promise<Given> {
  const kinds = EDIT_KINDS.filter((kind) => given[camel(flagOf(kind))] !== undefined);
  if (kinds.length > 1) {
    const flags = kinds.map((kind) => `--${flagOf(kind)}`).join(" and ");
    throw new SpecloopError("bad_input", `Name one edit, not ${flags}.`, { fix: "Several edits go into --edits." });
  }
  const kind = kinds[0] ?? shortKind(given);
  const fields: Given = Object.fromEntries(
    FIELDS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
  if (kinds[0]) fields[mainFieldOf(kind)] = given[camel(flagOf(kind))];
  const content = given["append"] ?? given["content"] ?? fields["content"];
  if (typeof content === "string") fields["content"] = await givenText(context, content);
  const value = given["value"] ?? fields["value"];
  if (typeof value === "string") fields["value"] = jsonOrText(value);
  if (given["occurrence"] !== undefined) fields["occurrence"] = Number(given["occurrence"]);
  if (given["done"] === true || given["open"] === true) fields["done"] = given["done"] === true;
  return { kind, ...fields };
}

/** The kinds that are used most have a short way to say them. */
function shortKind({ section, content, append, task, done, open, key, value, find, replace }: Given): string {
  if (section !== undefined && content !== undefined) return "replace_section";
  if (section !== undefined && append !== undefined) return "append_to_section";
  if (task !== undefined && (done === true || open === true)) return "set_task";
  if (key !== undefined && value !== undefined) return "set_front_matter";
  if (find !== undefined && replace !== undefined) return "replace_text";
  throw new SpecloopError(
    "bad_input",
    "Name one edit: a --KIND such as --rename-section, --section with --content or --append, --task with --done or --open, --key with --value, or --find with --replace.",
    { fix: "specloop doc edit --help lists the kinds and what each takes." },
  );
}

function jsonOrText(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
