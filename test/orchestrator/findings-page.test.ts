import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
/** Where findings are made. */
const SOURCES =
  "src/{orchestrator/**/{*findings,findings,targets}.ts,adapters/openspec/{metadata,schema}.ts,orchestrator/elsewhere/find-places.ts}";
/** Words of the same form that are no codes: why a document was not read, and a folder that is passed by. */
const OTHERS = new Set(["too_large", "not_text", "node_modules"]);

test("docs/findings.md lists every finding, and none that is not made", () => {
  const page = readFileSync(resolve(root, "docs/findings.md"), "utf8");
  const listed = [...page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, codes]) =>
    codes!.replaceAll("`", "").split(", "),
  );
  const made = globSync(SOURCES, { cwd: root }).flatMap((file) => {
    const text = readFileSync(resolve(root, file), "utf8");
    return [...text.matchAll(/"([a-z]+(?:_[a-z]+)+)"|code: "([a-z]+)"/g)].map((match) => match[1] ?? match[2]!);
  });
  const codes = new Set(made.filter((code) => !OTHERS.has(code)));
  expect(codes.size).toBeGreaterThan(20);
  expect(listed.toSorted()).toEqual([...codes].toSorted());
});
