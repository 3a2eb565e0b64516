import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readYaml, setYamlKey, writeYaml } from "../../../src/adapters/yaml/index.ts";

const key = ["questions", "documents", "minScore"];

describe("setYamlKey", () => {
  test("replaces one value and leaves comments, quotes and order as they are", () => {
    const text =
      "# top\nlog: { level: 'info' } # quiet\nquestions:\n  # why\n  documents:\n    minScore: 0.6 # tried\n    globs: [a, b]\n\n# end\n";
    expect(setYamlKey(text, key, 0.45)).toBe(text.replace("0.6", "0.45"));
  });

  test("adds what is missing at the end of its map", () => {
    expect(setYamlKey("", key, 0.5)).toBe("questions:\n  documents:\n    minScore: 0.5\n");
    expect(setYamlKey("# only a comment", key, 0.5)).toBe(
      "# only a comment\nquestions:\n  documents:\n    minScore: 0.5\n",
    );
    expect(setYamlKey("log:\n  level: info", key, 0.5)).toBe(
      "log:\n  level: info\nquestions:\n  documents:\n    minScore: 0.5\n",
    );
    const nested = "questions:\n    documents:\n        globs: [a] # ours\n    cache:\n        maxEntries: 5\n";
    expect(setYamlKey(nested, key, 0.5)).toBe(nested.replace("# ours\n", "# ours\n        minScore: 0.5\n"));
  });

  test("keeps Windows line ends", () => {
    expect(setYamlKey("log:\r\n  level: info\r\n", ["log", "file"], "x")).toBe(
      'log:\r\n  level: info\r\n  file: "x"\r\n',
    );
  });

  test("writes flow maps and empty sections where nothing else fits", () => {
    expect(readYaml(setYamlKey("questions: { documents: { minScore: 0.6 } }\n", key, 0.5), "x")).toEqual({
      questions: { documents: { minScore: 0.5 } },
    });
    expect(readYaml(setYamlKey("questions: {}\n", key, 0.5), "x")).toEqual({
      questions: { documents: { minScore: 0.5 } },
    });
    expect(readYaml(setYamlKey("questions:\nlog:\n  level: info\n", key, 0.5), "x")).toEqual({
      questions: { documents: { minScore: 0.5 } },
      log: { level: "info" },
    });
  });

  test("refuses what is not a mapping or cannot be read", () => {
    expect(() => setYamlKey("- a\n- b\n", key, 1)).toThrow("not a mapping");
    expect(() => setYamlKey("a: [", key, 1)).toThrow();
    expect(() => setYamlKey("a: &x 1\nb: *x\n", key, 1)).toThrow();
  });

  test("whatever the file says otherwise, it still says the same", () => {
    const name = fc.stringMatching(/^[a-z]{1,6}$/);
    const value = fc.oneof(fc.integer(), fc.boolean(), fc.stringMatching(/^[ -~]{0,12}$/), fc.constant(null));
    const map = fc.dictionary(
      name,
      fc.oneof(value, fc.array(value, { maxLength: 3 }), fc.dictionary(name, value, { maxKeys: 4 })),
      { maxKeys: 5 },
    );
    fc.assert(
      fc.property(map, name, name, fc.integer(), (before, section, inner, number) => {
        const after = readYaml(setYamlKey(writeYaml(before), [section, inner], number), "x") as Record<string, unknown>;
        const kept =
          typeof before[section] === "object" && before[section] !== null && !Array.isArray(before[section])
            ? before[section]
            : {};
        expect(after).toEqual({ ...before, [section]: { ...kept, [inner]: number } });
      }),
      { numRuns: 300 },
    );
  });
});
