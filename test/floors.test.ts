import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { expect, test } from "vitest";

const src = resolve(import.meta.dirname, "../src");

/** From the ground up. Parts on one floor do not import each other, except that adapters may. */
const FLOORS: string[][] = [
  ["foundation"],
  ["adapters"],
  ["access"],
  ["orchestrator", "question-router", "document-manager", "feedback-loop", "tool-servers", "workflow-engine"],
  ["mcp-tools.ts"],
  ["server"],
  ["config.ts", "places.ts", "stores.ts", "workflows.ts", "worktrees.ts"],
  ["own-tools.ts", "rooms.ts", "status.ts"],
  ["app.ts"],
  ["daemon.ts"],
  ["cli"],
  ["main.ts", "index.ts"],
];
const ROOMS = FLOORS[3]!;
/**
 * Approvals are a part of the access with a door of their own; a command loads the client and words and nothing of the
 * servers and rooms, and the search thread what reads documents and nothing of what edits them.
 */
const SIDE_DOORS = [
  "access/approvals/index.ts",
  "server/control-client.ts",
  "adapters/markdown/reading.ts",
  "document-manager/edit-kinds.ts",
  "orchestrator/overlap-line.ts",
  "tool-servers/loads-code.ts",
];

/** Packages of the outside world, and who alone may import them. */
const OUTSIDE: [RegExp, RegExp][] = [
  [/^(node:sqlite|chokidar|simple-git|unified|remark|@lmstudio\/sdk|ws$|yaml$|@marcbachmann\/cel-js$)/, /^adapters\//],
  [/^node:child_process$/, /^(adapters|daemon\.ts|cli)/],
  [/^@modelcontextprotocol\/(server|node)/, /^server\//],
  [/^@modelcontextprotocol\/client/, /^adapters\/mcp-client\//],
];

interface Import {
  from: string;
  to: string;
}

const sources = globSync("**/*.ts", { cwd: src }).map((file) => file.split(sep).join("/"));
const partOf = (file: string) => file.split("/")[0]!;
const floorOf = (part: string) => FLOORS.findIndex((parts) => parts.includes(part));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const pattern = /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2]!);
}

const inner: Import[] = sources.flatMap((from) =>
  importsOf(from)
    .filter((name) => name.startsWith("."))
    .map((name) => ({
      from,
      to: relative(src, resolve(src, dirname(from), name))
        .split(sep)
        .join("/"),
    })),
);

test("every part of src stands on a floor", () => {
  expect([...new Set(sources.map(partOf))].filter((part) => floorOf(part) === -1)).toEqual([]);
});

test("imports go down, never up and never sideways", () => {
  const wrong = inner.filter(({ from, to }) => {
    const [here, there] = [partOf(from), partOf(to)];
    return here !== there && floorOf(there) >= floorOf(here);
  });
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("a room, an adapter, the access and the server are entered only through their index.ts", () => {
  const wrong = inner.filter(({ from, to }) => {
    const door = doorOf(to);
    return door !== null && !from.startsWith(`${dirname(door)}/`) && to !== door && !SIDE_DOORS.includes(to);
  });
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("the command line loads no room, no database and no door before a command needs it", () => {
  const loaded = new Set<string>();
  const load = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    loadedBy(file).forEach(load);
  };
  load("cli/index.ts");
  const heavy = /^((access|server|config|mcp-tools|app|daemon|adapters\/store)\b|[a-z-]+\/index\.ts$)/;
  const light = ["cli/index.ts", "adapters/git/index.ts", "server/wire-error.ts", ...SIDE_DOORS.slice(1)];
  const below = [...loaded].filter(
    (file) => !light.includes(file) && (ROOMS.includes(partOf(file)) || heavy.test(file)),
  );
  expect(below).toEqual([]);
});

/** What is loaded with a file: neither types alone nor what is imported when it is needed. */
function loadedBy(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const pattern = /(?:^|\n)(?:import|export) (?!type\b)[^;'"]*?from\s+"(\.[^"]+)"/g;
  return [...text.matchAll(pattern)].map(([, name]) => relative(src, resolve(src, dirname(file), name!)));
}

function doorOf(file: string): string | null {
  const [part = "", inside = ""] = file.split("/");
  if (part === "adapters") return `adapters/${inside}/index.ts`;
  return [...ROOMS, "access", "server"].includes(part) ? `${part}/index.ts` : null;
}

test("only adapters import the outside world, and only two places the MCP SDK", () => {
  const wrong = sources.flatMap((file) =>
    importsOf(file)
      .filter((name) => OUTSIDE.some(([pack, allowed]) => pack.test(name) && !allowed.test(file)))
      .map((name) => `${file} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});
