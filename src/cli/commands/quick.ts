import type { Command } from "commander";
import { SpecloopError } from "../../foundation/errors.ts";
import { parseJson } from "../../foundation/json.ts";
import type { QuickAction } from "../../workflow-engine/index.ts";
import type { Bind } from "../bind.ts";
import { callTool, type CliContext } from "../context.ts";
import { givenText } from "../given-text.ts";
import { runShape } from "../views/run.ts";
import { each } from "./run/given.ts";
import { finish } from "./run/follow.ts";

/** Options whose value is one text, a number, or a list. */
const TEXTS = ["topic", "audience", "work", "material", "standards", "resources", "tone", "language"];
const NUMBERS = ["minutes", "tasks"];
const LISTS = ["objectives", "kinds", "criteria"];

export function registerQuick(program: Command, bind: Bind): void {
  const quick = program
    .command("quick")
    .description("what is asked for most, by a model: lesson-plan, assessment, feedback (on a learner's work)")
    .argument("<action>", "lesson-plan, assessment or feedback");
  for (const name of TEXTS) quick.option(`--${name} <text>`, "also as @FILE, or - for stdin");
  for (const name of NUMBERS) quick.option(`--${name} <n>`);
  for (const name of LISTS) quick.option(`--${name} <text>`, "may be repeated", each, []);
  quick.action(
    bind(async (context, [action = ""], options) => {
      const { QUICK_ACTIONS } = await import("../../workflow-engine/index.ts");
      const found = isAction(action, QUICK_ACTIONS) ? QUICK_ACTIONS[action] : null;
      const known = Object.keys(QUICK_ACTIONS).join(", ");
      if (!found)
        throw new SpecloopError("bad_input", `There is no quick action "${action}".`, { fix: `There are: ${known}.` });
      const parsed = found.input.safeParse(await given(context, options));
      if (!parsed.success) {
        const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".") || action}: ${message}`);
        throw new SpecloopError("bad_input", `${faults.join("; ")}.`, {
          fix: `${action} takes: ${Object.keys(found.input.shape).join(", ")}.`,
        });
      }
      const call = { name: found.workflow, input: parsed.data };
      const begun = runShape.parse((await callTool(context, "workflow_run", call)).output);
      return finish(context, begun);
    }),
  );
}

function isAction(name: string, actions: Record<QuickAction, unknown>): name is QuickAction {
  return Object.hasOwn(actions, name);
}

async function given(context: CliContext, options: Record<string, unknown>): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = {};
  for (const name of TEXTS) {
    const text = options[name];
    if (typeof text === "string") input[name] = await givenText(context, text);
  }
  for (const name of NUMBERS) {
    const text = options[name];
    if (typeof text === "string") input[name] = parseJson(text) ?? text;
  }
  for (const name of LISTS) {
    const list = options[name];
    if (Array.isArray(list) && list.length > 0) input[name] = list as string[];
  }
  return input;
}
