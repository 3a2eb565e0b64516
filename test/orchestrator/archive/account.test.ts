import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { accountFor } from "../../../src/orchestrator/archive/account.ts";
import { projectRoot, SPEC, stateFolder } from "../setup.ts";
import { delta, requirement } from "./fixture.ts";

const codes = (before: string | null, text: string, after: string | null) =>
  accountFor({ capability: "auth", before, delta: text, after }).map(({ code }) => code);

test("what the delta says and nothing else is no doubt", () => {
  const added = delta("ADDED", requirement("Sign out"));
  expect(codes(SPEC, added, `${SPEC}\n${requirement("Sign out")}`)).toEqual([]);
  expect(codes(SPEC.replaceAll("\n", "\r\n"), added, `\uFEFF${SPEC}\n${requirement("Sign out")}`)).toEqual([]);
  expect(codes(null, added, `# auth\n\n## Purpose\nTBD\n\n## Requirements\n${requirement("Sign out")}`)).toEqual([]);
});

test("each kind of difference is a doubt of its own", () => {
  const added = delta("ADDED", requirement("Sign out"));
  const good = `${SPEC}\n${requirement("Sign out")}`;
  expect(codes(SPEC, added, SPEC)).toEqual(["text_lost"]);
  expect(codes(SPEC, added, good.replace("The system SHALL let people sign in.\n", ""))).toEqual(["text_lost"]);
  expect(codes(SPEC, added, good.replace("## Purpose", "## Sense"))).toEqual(["text_lost"]);
  expect(codes(SPEC, added, `${good}\n${requirement("Stranger")}`)).toEqual(["text_unexpected"]);
  expect(codes(SPEC, added, good.replace("SHALL do it.", "SHALL do it.\nAnd more."))).toEqual(["text_unexpected"]);
  expect(codes(SPEC, added, good.replace("- **WHEN** a\n- **THEN** b", "- **THEN** b\n- **WHEN** a"))).toEqual([
    "text_reordered",
  ]);
  expect(codes(SPEC, delta("MODIFIED", requirement("Nobody")), SPEC)).toEqual(["text_not_applied"]);
  expect(codes(SPEC, delta("ADDED", requirement("Sign in")), SPEC)).toEqual(["text_not_applied"]);
  expect(codes(SPEC, added, null)).toEqual(["text_lost", "text_lost", "text_lost"]);
});

interface Case {
  main: string[];
  rename: boolean;
  remove: boolean;
  modify: boolean;
  added: number;
  eol: string;
}

/** A spec with these requirements, and a delta that does one thing of each kind to some of them. */
function build({ main, rename, remove, modify, added, eol }: Case): { spec: string; text: string } {
  const names = main.map((sentence, index) => ({ name: `R${index} ${sentence.slice(0, 3)}`.trim(), sentence }));
  const spec = `# auth Specification\n\n## Purpose\nPeople sign in with their own names and nobody else's at any time.\n\n## Requirements\n\n${names
    .map(({ name, sentence }) => requirement(name, `The system SHALL ${sentence}.`, ["a", "b"]))
    .join("\n")}`;
  const parts: string[] = [];
  if (rename)
    parts.push(
      `## RENAMED Requirements\n\n- FROM: \`### Requirement: ${names[0]!.name}\`\n- TO: \`### Requirement: New name\`\n`,
    );
  if (remove && names.length > 2)
    parts.push(`## REMOVED Requirements\n\n### Requirement: ${names[1]!.name}\n**Reason**: gone\n`);
  if (modify)
    parts.push(delta("MODIFIED", requirement(names.at(-1)!.name, "The system MUST do otherwise.", ["a", "b", "c"])));
  const news = Array.from({ length: added }, (_, index) =>
    requirement(`Added ${index}`, "The system SHALL add.", ["x"]),
  );
  if (added > 0 || parts.length === 0) parts.push(delta("ADDED", ...(news.length > 0 ? news : [requirement("Only")])));
  return { spec: spec.replaceAll("\n", eol), text: parts.join("\n").replaceAll("\n", eol) };
}

test("over random specs and deltas the account and OpenSpec's own merge agree, and every lost line is seen", async () => {
  const root = await stateFolder();
  const modules = join(projectRoot, "node_modules/@fission-ai/openspec/dist/core/specs-apply.js");
  const script = `
    import { findSpecUpdates, buildUpdatedSpec, writeUpdatedSpec } from ${JSON.stringify(modules)};
    import { readdirSync } from "node:fs";
    for (const name of readdirSync(".").filter((n) => n.startsWith("case-"))) {
      const base = process.cwd() + "/" + name + "/openspec";
      for (const update of await findSpecUpdates(base + "/changes/x", base + "/specs")) {
        const built = await buildUpdatedSpec(update, "x", { silent: true });
        await writeUpdatedSpec(update, built.rebuilt, built.counts, { silent: true });
      }
    }`;
  const words = fc.stringMatching(/^[a-zäß漢字]{3,12}( [a-z]{2,8}){0,3}$/u);
  const cases = fc.sample(
    fc.record({
      main: fc.array(words, { minLength: 2, maxLength: 6 }),
      rename: fc.boolean(),
      remove: fc.boolean(),
      modify: fc.boolean(),
      added: fc.integer({ min: 0, max: 3 }),
      eol: fc.constantFrom("\n", "\r\n"),
    }),
    { numRuns: 150, seed: 20261121 },
  );
  const built = cases.map(build);
  for (const [index, { spec, text }] of built.entries()) {
    const base = join(root, `case-${index}`, "openspec");
    await mkdir(join(base, "specs/auth"), { recursive: true });
    await mkdir(join(base, "changes/x/specs/auth"), { recursive: true });
    await writeFile(join(base, "specs/auth/spec.md"), spec);
    await writeFile(join(base, "changes/x/specs/auth/spec.md"), text);
  }
  execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: root });
  for (const [index, { spec, text }] of built.entries()) {
    const after = readFileSync(join(root, `case-${index}`, "openspec/specs/auth/spec.md"), "utf8");
    expect([index, accountFor({ capability: "auth", before: spec, delta: text, after })]).toEqual([index, []]);
    const lines = after.split("\n");
    const filled = lines.flatMap((line, at) => (line.trim() === "" ? [] : [at]));
    const cut = filled[index % filled.length]!;
    const without = lines.filter((_, at) => at !== cut).join("\n");
    expect([index, lines[cut], codes(spec, text, without).length > 0]).toEqual([index, lines[cut], true]);
  }
});
