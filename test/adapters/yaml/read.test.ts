import { expect, test } from "vitest";
import { readYaml } from "../../../src/adapters/yaml/index.ts";

test("YAML that would keep the parser busy is refused with the code that was asked for", () => {
  const hostile = ["]", "[", "{{", "* ", "- a: ", "- [ ] ", '"', "a: \n", "? "].map((text) => text.repeat(50_000));
  for (const text of hostile) {
    expect(() => readYaml(text, "x.yaml", "invalid_change")).toThrow(
      expect.objectContaining({ code: "invalid_change", target: expect.stringContaining("x.yaml") }),
    );
  }
  const deep = `a: ${"[".repeat(5000)}${"]".repeat(4000)}`;
  expect(() => readYaml(deep, "x.yaml")).toThrow(expect.objectContaining({ code: "bad_config" }));
});

test("a long text and a thousand keys are no obstacle", () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `k${index}: ${index}`).join("\n");
  const long = `text: |\n${"  a line of text, with [brackets] and: colons\n".repeat(3000)}`;
  const read = readYaml(`${keys}\n${long}`, "x.yaml") as Record<string, unknown>;
  expect(Object.keys(read)).toHaveLength(1001);
});
