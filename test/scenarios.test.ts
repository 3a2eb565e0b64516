import { readFileSync } from "node:fs";
import { globSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

function declared(): string[] {
  return globSync("openspec/specs/*/spec.md", { cwd: root }).flatMap((file) => {
    const capability = file.split(/[\\/]/)[2];
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/^#### Scenario: (.+)$/gm)].map((match) => `${capability}: ${match[1]}`);
  });
}

function cited(): string[] {
  return globSync("test/**/*.test.ts", { cwd: root }).flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/\bscenario\(\s*"([^"]+)",\s*"([^"]+)"/g)].map((match) => `${match[1]}: ${match[2]}`);
  });
}

test("every scenario of our own specs is proved by a test that names it", () => {
  const proofs = new Set(cited());
  expect(declared().filter((name) => !proofs.has(name))).toEqual([]);
});

test("every test that names a scenario names one that the specs have", () => {
  const scenarios = new Set(declared());
  expect(cited().filter((name) => !scenarios.has(name))).toEqual([]);
});

test("no two scenarios have one name", () => {
  const names = declared();
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});
