import { expect, test } from "vitest";
import { asId, newId } from "../../src/foundation/ids.ts";

test("an id shows its kind and holds 16 characters that nobody confuses", () => {
  for (const kind of ["q", "a", "cy", "p", "x", "e"] as const) {
    expect(newId(kind)).toMatch(new RegExp(`^${kind}-[0-9a-hjkmnp-tv-z]{16}$`));
  }
});

test("ids do not repeat, and every character is used about equally often", () => {
  const ids = Array.from({ length: 20_000 }, () => newId("q"));
  expect(new Set(ids).size).toBe(ids.length);
  const counts = new Map<string, number>();
  for (const character of ids.flatMap((id) => id.slice(2).split("")))
    counts.set(character, (counts.get(character) ?? 0) + 1);
  expect(counts.size).toBe(32);
  // 10,000 of each are expected, with a standard deviation of about 98.
  for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(800);
});

test("a string from a door is taken as it is", () => {
  expect(asId("q", "q-whatever")).toBe("q-whatever");
});
