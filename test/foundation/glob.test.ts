import { expect, test } from "vitest";
import { globMatcher } from "../../src/foundation/glob.ts";

test.each([
  ["**/openspec/**", ["openspec/a.md", "x/openspec/b/c.md"], ["openspec", "x/openspecs/a", "openspec2/a.md"]],
  ["**/*.{yml,yaml}", ["a.yml", "x/.b.yaml"], ["a.yam", "a.yml/b"]],
  ["docs/**", ["docs/a", "docs/a/b"], ["docs", "adocs/a"]],
  ["a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c", "a/b/b/c"], ["a/c", "a/b/x", "b/c"]],
  ["*a*b?", ["ab1", "xaxbb1"], ["ab", "b1"]],
  ["{a,b/{c}}/d", [], ["a/x"]],
  ["[a]+(b).md", ["[a]+(b).md"], ["a.md"]],
])("%s fits %j and not %j", (glob, yes, no) => {
  const fits = globMatcher([glob]);
  expect([yes.filter(fits), no.filter(fits)]).toEqual([yes, []]);
});

test("case counts unless it is told not to", () => {
  expect(globMatcher(["**/Package.json"])("x/package.JSON")).toBe(false);
  expect(globMatcher(["**/Package.json"], { ignoreCase: true })("x/package.JSON")).toBe(true);
});

test("patterns that need years as an expression are done at once", () => {
  const names = ["a".repeat(255), "a/".repeat(1000) + "a", "a".repeat(4000)];
  const hostile = ["*a".repeat(20) + "b", "**/".repeat(30) + "b", "**/*a".repeat(20) + "/b", "{a,b}".repeat(50) + "*c"];
  for (const glob of hostile) for (const name of names) expect(globMatcher([glob])(name)).toBe(false);
});
