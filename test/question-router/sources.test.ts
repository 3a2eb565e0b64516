import fc from "fast-check";
import { expect, test } from "vitest";
import { isPrivate, isReadable, passagesOfFile } from "../../src/question-router/sources/index.ts";
import { standingOf } from "../../src/question-router/standing.ts";
import { scenario } from "../helpers/scenario.ts";
import { agent, type Harness, never, startRouter } from "./harness.ts";

async function answerOf(shop: Harness, text: string) {
  const asked = await shop.router.ask({ text, waitMs: 0 }, agent, never);
  return asked.status === "answered" ? asked.answer : null;
}

/** Where each passage lies and what its first line says. */
function cut(path: string, text: string): string[] {
  return passagesOfFile(path, text).map(
    ({ startLine, endLine, headingPath, text: quoted }) =>
      `${startLine}-${endLine} ${headingPath.join(" > ")}: ${quoted.split("\n")[0]}`,
  );
}

const RST = `=====
Guide
=====

About bells.

Ringing
-------

Ring twice before the gate opens.

Oiling
~~~~~~

Oil the bell every March.

Mounting
--------

Use two screws.
`;
const ADOC = `= Manual

== Tyres

Pump tyres to four bar.

----
== not a title
----

=== Winter

Studs are allowed from November.
`;

scenario("questions", "A guide in reStructuredText", async () => {
  await using shop = await startRouter({ files: { "docs/guide.rst": RST, "docs/manual.adoc": ADOC } });
  const ring = await answerOf(shop, "How often do I ring before the gate opens?");
  expect(ring).toMatchObject({
    text: "Ring twice before the gate opens.",
    citations: [{ path: "docs/guide.rst", heading: "Guide > Ringing", startLine: 7, endLine: 10 }],
  });
  const studs = await answerOf(shop, "From which month are studs allowed in winter?");
  expect(studs).toMatchObject({ citations: [{ path: "docs/manual.adoc", heading: "Manual > Tyres > Winter" }] });
});

test("reStructuredText and AsciiDoc are cut at their titles, with the lines as they are", () => {
  expect(cut("a.rst", RST)).toEqual([
    "1-5 Guide: About bells.",
    "7-10 Guide > Ringing: Ring twice before the gate opens.",
    "12-15 Guide > Ringing > Oiling: Oil the bell every March.",
    "17-20 Guide > Mounting: Use two screws.",
  ]);
  expect(cut("a.adoc", ADOC)).toEqual([
    "3-9 Manual > Tyres: Pump tyres to four bar.",
    "11-13 Manual > Tyres > Winter: Studs are allowed from November.",
  ]);
  expect(cut("a.txt", "\n\nPlain words.\n")).toEqual(["3-3 : Plain words."]);
  expect(cut("a.rst", "Text\r\n====\r\n\r\nWith carriage returns.\r\n")).toEqual(["1-4 Text: With carriage returns."]);
});

test("a title in the front matter stands above the sections when no heading says it", () => {
  expect(cut("a.mdx", '---\ntitle: "Setting up"\n---\n\nFirst words.\n\n## Later\n\nMore words.\n')).toEqual([
    "5-5 Setting up: First words.",
    "7-9 Setting up > Later: More words.",
  ]);
  expect(cut("a.md", "---\ntitle: Other\n---\n\n# Bells\n\nWords.\n")).toEqual(["5-7 Bells: Words."]);
  expect(cut("a.md", "---\ntitle: [broken\n---\n\nWords.\n")).toEqual(["5-5 : Words."]);
});

const TYPESCRIPT = `/* eslint-disable no-console */
import { a } from "b";

/**
 * Rings the bell until somebody opens, at most three times.
 * Throws when there is no bell.
 */
export async function ringBell(times: number): Promise<void> {
  // This inner remark is about nothing that has a name of its own at all.
  if (times > 3) throw new Error("/** not a comment */");
}

/** Seconds. */
const SHORT = 3;

// How long the gate stays open after the bell was rung, in seconds.
const OPEN_SECONDS = 20;

export class Gate {
  /** Opens the gate for everybody who stands before it. */
  @logged()
  open(): void {}
}
`;

scenario("questions", "A comment above a function", async () => {
  const files = { "src/bell.ts": TYPESCRIPT, "README.md": "# Gate\n\nA gate.\n" };
  await using shop = await startRouter({ files, overrides: { code: { globs: ["src/**/*.ts"] } } });
  const given = await answerOf(shop, "How many times does it ring the bell until somebody opens?");
  expect(given).toMatchObject({ citations: [{ path: "src/bell.ts", heading: "bell.ts > ringBell", startLine: 5 }] });
  expect(given!.text).toContain("Rings the bell until somebody opens, at most three times.");
  await using without = await startRouter({ files });
  expect(await answerOf(without, "How many times does it ring the bell until somebody opens?")).toBeNull();
});

test("comments of each family are found where they stand on a declaration", () => {
  expect(cut("src/bell.ts", TYPESCRIPT)).toEqual([
    "5-8 bell.ts > ringBell: Rings the bell until somebody opens, at most three times.",
    "16-17 bell.ts > OPEN_SECONDS: How long the gate stays open after the bell was rung, in seconds.",
    "20-22 bell.ts > open: Opens the gate for everybody who stands before it.",
  ]);
  const go =
    "// Package gate opens and closes gates for people.\npackage gate\n\n// Open lets everybody in who stands there.\nfunc (g *Gate) Open(n int) error {\n";
  expect(cut("gate.go", go)).toEqual([
    "1-2 gate.go > gate: Package gate opens and closes gates for people.",
    "4-5 gate.go > Open: Open lets everybody in who stands there.",
  ]);
  const rust =
    "/// Keeps the gate closed while it rains outside.\n#[derive(Debug)]\npub struct Latch {\n    /// How many drops are needed before it counts as rain.\n    pub drops: u32,\n}\n";
  expect(cut("latch.rs", rust)).toEqual([
    "1-3 latch.rs > Latch: Keeps the gate closed while it rains outside.",
    "4-5 latch.rs > drops: How many drops are needed before it counts as rain.",
  ]);
  const java =
    "/**\n * Counts everybody who went through the gate today.\n */\n@Deprecated\npublic final class Counter<T> {\n";
  expect(cut("Counter.java", java)).toEqual([
    "2-5 Counter.java > Counter: Counts everybody who went through the gate today.",
  ]);
  const c = "/* Returns the number of bells that are mounted now. */\nstatic int bell_count(const struct gate *g)\n{\n";
  expect(cut("bell.c", c)).toEqual(["1-2 bell.c > bell_count: Returns the number of bells that are mounted now."]);
  const shell = "#!/bin/sh\n# Rings all bells of the house one after the other.\nring_all() {\n";
  expect(cut("ring.sh", shell)).toEqual(["2-3 ring.sh > ring_all: Rings all bells of the house one after the other."]);
  const python =
    '"""Bells and gates of the whole house."""\n\nclass Gate:\n    """A gate that opens for everybody."""\n\n    async def open(\n        self, n: int\n    ) -> None:\n        r\'\'\'Opens the gate.\n\n        It stays open for n seconds.\n        \'\'\'\n';
  expect(cut("gate.py", python)).toEqual([
    "1-1 gate.py: Bells and gates of the whole house.",
    "3-4 gate.py > Gate: class Gate:",
    "6-11 gate.py > Gate > open: async def open(",
  ]);
});

test("nothing is taken from generated and minified code, licences and comments about nothing", () => {
  expect(cut("a.ts", `// @generated by a tool\n${TYPESCRIPT}`)).toEqual([]);
  expect(cut("a.js", `/** A comment that is long enough to count. */\nfunction f() {}\n${"x".repeat(3000)}\n`)).toEqual(
    [],
  );
  expect(cut("a.ts", "/* Copyright 2026 the authors of this file, all rights kept */\nexport const a = 1;\n")).toEqual(
    [],
  );
  expect(cut("a.ts", "/** A comment that is never closed and goes on\nexport const a = 1;\n")).toEqual([]);
  expect(
    cut(
      "a.ts",
      "/** A comment that stands above nothing at all. */\n\nfoo();\n/** And this one neither, as it seems. */\n",
    ),
  ).toHaveLength(1);
});

test("any text is cut without an error, in order and with lines that hold the words", () => {
  const line = fc.constantFrom(
    "/**",
    " * words of a comment",
    " */",
    "// more words in a line",
    "function f() {}",
    "====",
    "Title",
    "== Sub",
    '"""',
    "def f():",
    "# hash words",
    "",
    "x = 1;",
  );
  const extensions = fc.constantFrom("ts", "py", "sh", "rst", "adoc", "txt", "md");
  fc.assert(
    fc.property(fc.array(line, { maxLength: 40 }), extensions, fc.boolean(), (lines, extension, crlf) => {
      const text = lines.join(crlf ? "\r\n" : "\n");
      for (const passage of passagesOfFile(`f.${extension}`, text)) {
        expect(passage.startLine).toBeGreaterThanOrEqual(1);
        expect(passage.endLine).toBeGreaterThanOrEqual(passage.startLine);
        expect(passage.endLine).toBeLessThanOrEqual(lines.length);
        const span = lines.slice(passage.startLine - 1, passage.endLine).join("\n");
        const words = passage.text.match(/\w+/g) ?? [];
        for (const word of words) expect(span).toContain(word);
      }
    }),
    { numRuns: 400 },
  );
});

test("hostile files are cut in a time that grows with their length alone", () => {
  const hostile = ["/**\n".repeat(50_000), "//a\n".repeat(100_000), "def f(\n".repeat(50_000), '"""\n'.repeat(50_000)];
  hostile.push("a ".repeat(50_000), `${"=".repeat(100_000)}\n`.repeat(2), "=\n".repeat(100_000), "#[\n".repeat(50_000));
  for (const text of hostile) for (const end of ["ts", "py", "sh", "rst", "adoc"]) passagesOfFile(`a.${end}`, text);
}, 20_000);

scenario("questions", "A file of secrets lies among the documents", async () => {
  const secret = "The password of the vault is correct-horse-battery.\n";
  const names = [
    ".env",
    ".env.local",
    "deploy/prod.env",
    "keys/server.pem",
    "id_rsa",
    ".npmrc",
    "config/secrets.txt",
    ".ssh/notes.md",
    "credentials.py",
  ];
  const files = {
    ...Object.fromEntries(names.map((name) => [name, secret])),
    "docs/a.md": "# A\n\n## Vault\n\nThe vault is open.\n",
  };
  const everything = ["**/*", "**/*.*", "**/.*", "**"];
  await using shop = await startRouter({
    files,
    overrides: { documents: { globs: everything }, code: { globs: everything } },
  });
  expect([...shop.index.documents().keys()]).toEqual(["docs/a.md"]);
  expect(await answerOf(shop, "What is the password of the vault?")).toBeNull();
  expect(names.filter((name) => !isPrivate(name))).toEqual([]);
  expect(["docs/secrets.md", "docs/keys.md", "src/environment.ts"].filter(isPrivate)).toEqual([]);
});

test("vendored files are left out by default, and the options can take them in", async () => {
  const files = {
    "docs/a.md": "# A\n\nOne.\n",
    "docs/vendor/b.md": "# B\n\nTwo.\n",
    "docs/c.min.md": "# C\n\nThree.\n",
  };
  await using shop = await startRouter({ files });
  expect([...shop.index.documents().keys()]).toEqual(["docs/a.md"]);
  await using all = await startRouter({ files, overrides: { documents: { exclude: [] } } });
  expect([...all.index.documents().keys()].toSorted()).toEqual(Object.keys(files).toSorted());
});

const DELTA = (operation: string, name: string, sentence: string) =>
  `## ${operation} Requirements\n\n### Requirement: ${name}\n${sentence}\n\n#### Scenario: s\n- **WHEN** a\n- **THEN** b\n`;

scenario("questions", "Only a change says it", async () => {
  await using shop = await startRouter({
    files: {
      "openspec/changes/add-lights/specs/lights/spec.md": DELTA(
        "ADDED",
        "Dynamo",
        "The dynamo SHALL feed the rear lamp of every tandem.",
      ),
      "openspec/changes/drop-bells/specs/bells/spec.md": DELTA(
        "REMOVED",
        "Brass bell",
        "Every unicycle SHALL carry a brass bell on its saddle.",
      ),
      "openspec/changes/archive/2026-01-01-old/specs/paint/spec.md": DELTA(
        "ADDED",
        "Paint",
        "The fence SHALL be painted green before each winter.",
      ),
    },
    overrides: { documents: { archived: true, minScore: 0.1 } },
  });
  const added = await answerOf(shop, "Does the dynamo feed the rear lamp of every tandem?");
  expect(added!.text).toMatch(/^Proposed in the change "add-lights", not in force:\n\nThe dynamo SHALL/);
  const removed = await answerOf(shop, "Must every unicycle carry a brass bell on its saddle?");
  expect(removed!.text).toMatch(/^The change "drop-bells" proposes to remove this; until then it holds:\n\n/);
  const archived = await answerOf(shop, "Is the fence painted green before each winter?");
  expect(archived!.text).toMatch(/^From the archived change "2026-01-01-old"; the specs say what holds now:\n\n/);
  expect(added!.citations[0]!.path).toBe("openspec/changes/add-lights/specs/lights/spec.md");
});

scenario("questions", "Spec and change differ", async () => {
  const requirement = (days: number) =>
    `### Requirement: Refund window\nThe shop SHALL refund a returned bicycle within ${days} days of delivery.\n\n#### Scenario: s\n- **WHEN** a\n- **THEN** b\n`;
  await using shop = await startRouter({
    files: {
      "openspec/specs/checkout/spec.md": `# Checkout\n\n## Purpose\nOrders.\n\n## Requirements\n\n${requirement(14)}`,
      "openspec/changes/longer-refund/specs/checkout/spec.md": `## MODIFIED Requirements\n\n${requirement(30)}`,
    },
  });
  const given = await answerOf(shop, "Within how many days does the shop refund a returned bicycle?");
  expect(given!.text).toContain("within 14 days");
  expect(given!.text).not.toContain("30 days");
});

test("the standing of a document is where it lies", () => {
  expect(standingOf("openspec/specs/a/spec.md")).toEqual({ standing: "in_force" });
  expect(standingOf("docs/changes/x/a.md")).toEqual({ standing: "in_force" });
  expect(standingOf("openspec/changes/x/tasks.md")).toEqual({ standing: "proposed", change: "x" });
  expect(standingOf("a/openspec/changes/archive/y/z.md")).toEqual({ standing: "archived", change: "y" });
  expect(["a.md", "b.MDX", "c.rst", "d.adoc", "e.txt", "f.ts", "g.png", "Makefile", "docs"].map(isReadable)).toEqual([
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
