import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { allTools, type Rooms } from "../src/mcp-tools.ts";
import * as reference from "./helpers/reference.ts";

const root = resolve(import.meta.dirname, "..");
const pages = ["README.md", "AGENTS.md", "CONTRIBUTING.md", "SECURITY.md", ...globSync("docs/**/*.md", { cwd: root })];
const read = (page: string) => readFileSync(join(root, page), "utf8");

test.each([
  ["tools", reference.toolsReference],
  ["errors", reference.errorsReference],
  ["configuration", reference.configurationReference],
  ["metrics", reference.metricsReference],
  ["commands", reference.commandsReference],
])("docs/reference/%s.md says what the tables say", async (name, render) => {
  await expect(render()).toMatchFileSnapshot(join(root, `docs/reference/${name}.md`));
});

test("every relative link of the docs leads somewhere", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map((match) => match[1]!)
      .filter((target) => !existsSync(join(root, dirname(page), target)))
      .map((target) => `${page} -> ${target}`),
  );
  expect(broken).toEqual([]);
});

test("the default toolset is small: at most 12 tools, 600 characters a description, 2,000 tokens in all", () => {
  const tools = allTools({} as Rooms).filter((tool) => tool.toolset === "default");
  expect(tools.length).toBeLessThanOrEqual(12);
  expect(tools.filter((tool) => tool.description.length > 600).map((tool) => tool.name)).toEqual([]);
  const characters = tools.reduce((sum, tool) => {
    const { name, title, description } = tool;
    const inputSchema = z.toJSONSchema(tool.input, { io: "input" });
    return sum + JSON.stringify({ name, title, description, inputSchema }).length;
  }, 0);
  // JSON Schema comes to about four characters a token.
  expect(characters / 4).toBeLessThanOrEqual(2_000);
});

test("docs/what-can-go-wrong.md quotes messages that the code can say", () => {
  const headings = [...read("docs/what-can-go-wrong.md").matchAll(/^### `(.+)`$/gm)].map((match) => match[1]!);
  const source = globSync("src/**/*.ts", { cwd: root }).map(read).join("\n");
  const unknown = headings.filter((heading) => {
    // `…` stands for what differs from case to case; the longest fixed part has to stand in the source.
    const fixed = heading
      .split("…")
      .toSorted((a, b) => b.length - a.length)[0]!
      .trim();
    return !source.includes(fixed);
  });
  expect(headings.length).toBeGreaterThan(10);
  expect(unknown).toEqual([]);
});
