import type { DefinitionProblem, Plan, PlanNode, WorkflowRow, WorkflowVerdict } from "../../workflow-engine/index.ts";
import type { Output } from "../output.ts";

/** What checking came to, each mistake with its line. */
export function verdictsView(workflows: WorkflowVerdict[], output: Output): string {
  if (workflows.length === 0) return "There are no workflows here. Write one in workflows/NAME.yaml.";
  return workflows.map((verdict) => verdictText(verdict, output)).join("\n");
}

function verdictText({ valid, file, nodes, hash, problems }: WorkflowVerdict, output: Output): string {
  const told = problems.map((problem) => `${problemText(problem, output)}\n`);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const end = valid
    ? `${output.style("green", "valid")}    ${file}  ${counted(nodes ?? 0, "node")}, ${hash?.slice(0, 12) ?? ""}`
    : `${output.style("red", "invalid")}  ${file}  ${counted(errors, "mistake")}`;
  return [...told, end].join("\n");
}

function problemText(problem: DefinitionProblem, output: Output): string {
  const { target, severity, code, message, excerpt, fix } = problem;
  const word = output.style(severity === "error" ? "red" : "yellow", severity);
  const [line = "", carets = ""] = excerpt.split("\n");
  const shown = excerpt === "" ? [] : [output.style("dim", line), output.style("cyan", carets)];
  return [`${output.style("bold", target)} ${word} [${code}] ${message}`, ...shown, `         ${fix}`].join("\n");
}

export function workflowTable(workflows: WorkflowRow[], output: Output): string {
  if (workflows.length === 0) return "There are no workflows here. Write one in workflows/NAME.yaml.";
  const rows = workflows.map(({ name, version, hash, nodes, problems, file, description }) => [
    name,
    version ?? hash?.slice(0, 12) ?? "",
    problems > 0 ? output.style("red", counted(problems, "mistake")) : counted(nodes ?? 0, "node"),
    file,
    description.split("\n")[0] ?? "",
  ]);
  return output.table(["NAME", "VERSION", "STATE", "FILE", "WHAT IT DOES"], rows);
}

/** A checked workflow as its nodes will run. */
export function planView(plan: Plan, output: Output): string {
  const { name, version, hash, description, nodes, output: given } = plan;
  return [
    `${output.style("bold", name)}${version === null ? "" : ` ${version}`}  ${output.style("dim", hash.slice(0, 12))}`,
    ...(description === "" ? [] : [`  ${description.trimEnd().replaceAll("\n", "\n  ")}`]),
    ...inputLines(plan),
    ...limits(plan),
    "",
    output.table(
      ["NODE", "TYPE", "AFTER", "WHEN", "IF IT FAILS"],
      nodes.flatMap((node) => nodeRows(node, "")),
    ),
    ...(Object.keys(given).length === 0 ? [] : ["", "gives"]),
    ...Object.entries(given).map(([key, cel]) => `  ${key}: ${cel}`),
  ].join("\n");
}

function inputLines({ input }: Plan): string[] {
  const properties = Object.entries((input["properties"] ?? {}) as Record<string, Record<string, unknown>>);
  const required = (input["required"] ?? []) as string[];
  const lines = properties.map(([key, schema]) => {
    const { type, description, default: preset } = schema;
    const rest =
      preset === undefined
        ? required.includes(key)
          ? ""
          : ", may be absent"
        : `, ${JSON.stringify(preset)} by default`;
    const told = typeof description === "string" ? `: ${description}` : "";
    return `  ${key} (${typeof type === "string" ? type : "any"}${rest})${told}`;
  });
  return lines.length === 0 ? [] : ["", "takes", ...lines];
}

function limits({ budget, secrets }: Plan): string[] {
  const { usd, tokens, ms } = budget;
  const parts = [
    ...(usd === null ? [] : [`${usd} USD`]),
    ...(tokens === null ? [] : [`${tokens} tokens`]),
    ...(ms === null ? [] : [`${ms / 1000} s of running`]),
  ];
  return [
    ...(parts.length === 0 ? [] : ["", `may use at most ${parts.join(", ")}`]),
    ...(secrets.length === 0 ? [] : ["", `uses the secrets ${secrets.join(", ")}`]),
  ];
}

function nodeRows(node: PlanNode, indent: string): string[][] {
  const { key, type, needs, when, body } = node;
  const own = [`${indent}${key}`, type, needs.join(", "), when ?? "", atFailure(node)];
  return [own, ...(body?.nodes ?? []).flatMap((inner) => nodeRows(inner, `${indent}  `))];
}

function atFailure({ retry, fallback, undo }: PlanNode): string {
  return [
    ...(retry.max > 0 ? [`${retry.max} more ${retry.max === 1 ? "attempt" : "attempts"}`] : []),
    ...(fallback ? ["node" in fallback ? `${fallback.node.type} instead` : "a value instead"] : []),
    ...(undo ? ["can be undone"] : []),
  ].join(", ");
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
