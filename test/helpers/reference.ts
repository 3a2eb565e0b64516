import { z } from "zod";
import { buildProgram } from "../../src/cli/index.ts";
import { FRAGMENTS } from "../../src/config.ts";
import { METRICS } from "../../src/feedback-loop/index.ts";
import { ERRORS } from "../../src/foundation/errors.ts";
import type { OptionsFragment } from "../../src/foundation/options.ts";
import type { Tool } from "../../src/foundation/tool.ts";
import { allTools, type Rooms } from "../../src/mcp-tools.ts";

const MADE =
  "<!-- Made from the tables in the code by test/docs.test.ts; `npm test -- docs -u` writes it anew. -->\n\n";

interface JsonSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: JsonSchema | boolean;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  const?: unknown;
  default?: unknown;
}

/** Definitions only: no tool is run, so no room is needed. */
const definitions = (): Tool[] => allTools({} as Rooms);

export function toolsReference(): string {
  const parts = definitions().map((tool) => {
    const facts = [
      `toolset \`${tool.toolset}\``,
      `effect \`${tool.effect}\``,
      ...(tool.personOnly ? ["people only"] : []),
    ];
    const input = z.toJSONSchema(tool.input, { io: "input" }) as JsonSchema;
    const output = z.toJSONSchema(tool.output) as JsonSchema;
    return `## ${tool.name}\n${tool.description}\n\n${facts.join(", ")}\n\n**Input**\n\n${properties(input)}\n\n**Output**\n\n${properties(output)}\n`;
  });
  const intro = "# Tools\nThe same table serves MCP, `POST /api/tools/<name>` and `specloop call <name>`.\n\n";
  return `${MADE}${intro}${parts.join("\n")}`;
}

export function errorsReference(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, row]) => `| \`${code}\` | ${row.means} | ${row.fix} | ${row.http} | ${row.exit} |`,
  );
  const head = "| code | means | what to do | HTTP | exit |\n|---|---|---|--:|--:|\n";
  return `${MADE}# Errors\nEvery door answers with \`{severity, code, message, target, fix}\`.\n\n${head}${rows.join("\n")}\n`;
}

export function configurationReference(): string {
  const parts = Object.values(FRAGMENTS as Record<string, OptionsFragment>).map((fragment) => {
    const schema = z.toJSONSchema(fragment.schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
    const rows = flatten(schema, "").map(([key, option]) => {
      const variables = Object.entries(fragment.env).filter(
        ([, target]) => target === key || target.replace(/^[^.]+/, "NAME") === key,
      );
      const names = variables.map(([variable]) => `\`${variable}\``).join(", ");
      const range = fragment.tunable[key]
        ? ` Tunable, ${fragment.tunable[key].min} to ${fragment.tunable[key].max}.`
        : "";
      return `| \`${fragment.section}.${key}\` | ${typeOf(option)} | ${literal(option.default)} | ${option.description ?? ""}${range} | ${names} |`;
    });
    return `## ${fragment.section}\n| option | type | default | what | environment |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `${MADE}# Configuration\n\`specloop.yaml\` at the top of the repository; all options are optional. Defaults < file < environment < flags.\n\n${parts.join("\n")}`;
}

export function metricsReference(): string {
  const rows = METRICS.map(
    (metric) =>
      `| \`${metric.name}\` | ${metric.what} | ${metric.unit} | ${metric.better} | ${metric.labels.join(", ")} | ${metric.sources.map(({ event }) => `\`${event}\``).join(", ")} | ${metric.replay ? "yes" : ""} | ${metric.guard ? "yes" : ""} |`,
  );
  return `${MADE}# Metrics\n\`judges\`: replay can tell it, so an experiment can be judged by it. \`guards\`: trusted to undo an experiment when it becomes worse; today only what replay tells can.\n\n| metric | what | unit | better | labels | from events | judges | guards |\n|---|---|---|---|---|---|---|---|\n${rows.join("\n")}\n`;
}

export function commandsReference(): string {
  const program = buildProgram(() => async () => {}, process);
  const help = [program, ...program.commands.flatMap((command) => [command, ...command.commands])].map(
    (command) =>
      `## ${command === program ? "specloop" : title(command)}\n\`\`\`\n${command.helpInformation().trimEnd()}\n\`\`\`\n`,
  );
  return `${MADE}# Commands\n${help.join("\n")}`;
}

function title(command: { name(): string; parent: { name(): string; parent: unknown } | null }): string {
  const parent = command.parent?.parent ? `${command.parent.name()} ` : "";
  return `specloop ${parent}${command.name()}`;
}

function properties(schema: JsonSchema): string {
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0) return "nothing";
  return entries
    .map(([key, property]) => {
      const optional = schema.required?.includes(key) ? "" : ", optional";
      return `- \`${key}\` (${typeOf(property)}${optional})${property.description ? `: ${property.description}` : ""}`;
    })
    .join("\n");
}

function flatten(schema: JsonSchema, prefix: string): [string, JsonSchema][] {
  // A section whose keys the person names.
  const named = typeof schema.additionalProperties === "object" ? schema.additionalProperties : null;
  if (named?.properties) return flatten(named, `${prefix}NAME.`);
  return Object.entries(schema.properties ?? {}).flatMap(([key, property]) =>
    property.properties
      ? flatten(property, `${prefix}${key}.`)
      : [[`${prefix}${key}`, property] as [string, JsonSchema]],
  );
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(" or ");
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return [...new Set(choices.map(typeOf))].join(" or ");
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  return Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "any");
}

function literal(value: unknown): string {
  return value === undefined ? "" : `\`${JSON.stringify(value)}\``;
}
