import { readFileSync } from "node:fs";
import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

const SPECS = "openspec/specs/*/spec.md";
/** What is built before its change is archived is proved under the names of the delta. */
const DELTAS = "openspec/changes/!(archive)/specs/*/spec.md";

function declared(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).flatMap((file) => {
    const capability = file.split(/[\\/]/).at(-2);
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/^#### Scenario: (.+)$/gm)].map((match) => `${capability}: ${match[1]}`);
  });
}

function cited(): string[] {
  return globSync("test/**/*.ts", { cwd: root, exclude: ["**/node_modules"] }).flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    // A file may have a function of that name for something else.
    if (!text.includes('helpers/scenario.ts"')) return [];
    return [...text.matchAll(/\bscenario\(\s*"([^"]+)",\s*"([^"]+)"/g)].map((match) => `${match[1]}: ${match[2]}`);
  });
}

test("every scenario of our own specs is proved by a test that names it", () => {
  const proofs = new Set(cited());
  expect(declared(SPECS).filter((name) => !proofs.has(name))).toEqual([]);
});

test("every test that names a scenario names one that the specs or an active change have", () => {
  const scenarios = new Set([...declared(SPECS), ...declared(DELTAS)]);
  expect(cited().filter((name) => !scenarios.has(name))).toEqual([]);
});

test("no two scenarios have one name", () => {
  const names = declared(SPECS);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
