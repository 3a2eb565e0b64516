import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Command } from "commander";
import { SpecloopError } from "../../../foundation/errors.ts";
import type { Bind } from "../../bind.ts";
import { callTool, type CliContext } from "../../context.ts";

export function registerEdit(doc: Command, bind: Bind): void {
  doc
    .command("edit")
    .description(
      "one surgical edit, committed alone: --section H --append TEXT, --task 1.2 --done, --find A --replace B",
    )
    .argument("<path>", "relative to the repository")
    .option("--section <heading>", "the section to edit; A > B for a nested one")
    .option("--content <text>", "its new content; - reads stdin, @FILE a file")
    .option("--append <text>", "text to append to it; - reads stdin, @FILE a file")
    .option("--task <task>", "a task's number or text")
    .option("--done", "tick the task")
    .option("--open", "untick the task")
    .option("--key <key>", "a front matter key")
    .option("--value <json>", "its new value")
    .option("--find <text>", "exact text, found once")
    .option("--replace <text>", "what to put in its place")
    .option("--base <revision>", "refuse if the document is not at this revision")
    .requiredOption("--reason <why>", "why: goes into the commit")
    .action(
      bind(async (context, [path], given) => {
        const options = given as unknown as EditOptions;
        const edits = [await toEdit(context, options)];
        const base = options.base ? { baseRevision: options.base } : {};
        const answer = await callTool(context, "doc_update", { path, edits, reason: options.reason, ...base });
        context.output.result(answer.output, () => answer.text);
      }),
    );
}

interface EditOptions {
  section?: string;
  content?: string;
  append?: string;
  task?: string;
  done?: boolean;
  open?: boolean;
  key?: string;
  value?: string;
  find?: string;
  replace?: string;
  base?: string;
  reason: string;
}

async function toEdit(context: CliContext, options: EditOptions): Promise<Record<string, unknown>> {
  const { section, content, append, task, key, value, find, replace } = options;
  if (section !== undefined && content !== undefined) {
    return { kind: "replace_section", section, content: await resolveText(context, content) };
  }
  if (section !== undefined && append !== undefined) {
    return { kind: "append_to_section", section, content: await resolveText(context, append) };
  }
  if (task !== undefined && (options.done || options.open))
    return { kind: "set_task", task, done: Boolean(options.done) };
  if (key !== undefined && value !== undefined) return { kind: "set_front_matter", key, value: parseValue(value) };
  if (find !== undefined && replace !== undefined) return { kind: "replace_text", find, replace };
  throw new SpecloopError(
    "bad_input",
    "Name one edit: --section with --content or --append, --task with --done or --open, --key with --value, or --find with --replace.",
  );
}

/** `-` is stdin, `@FILE` a file, anything else the text itself. */
async function resolveText(context: CliContext, given: string): Promise<string> {
  if (given === "-") return text(context.stdin);
  if (!given.startsWith("@")) return given;
  return readFile(given.slice(1), "utf8").catch((cause: unknown) => {
    const fix = "Name a file that can be read after @, or give the text itself.";
    throw new SpecloopError("bad_input", `The file ${given.slice(1)} cannot be read.`, { fix, cause });
  });
}

function parseValue(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
