import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { begin, openHouse, until } from "../engine/house.ts";
import { planOf } from "./house.ts";

async function outputOf(text: string, input: Record<string, unknown>): Promise<unknown> {
  const plan = planOf(text);
  await using house = await openHouse();
  const id = await begin(house, plan, { input });
  await until(
    async () => ["succeeded", "failed", "paused"].includes((await house.engine.get(id)).state),
    "the run has ended",
  );
  const { state, output, error } = await house.engine.get(id);
  expect({ state, error }).toEqual({ state: "succeeded", error: null });
  return output;
}

test("the definition that the guide shows gives what it says", async () => {
  const guide = readFileSync(join(import.meta.dirname, "../../../docs/guide.md"), "utf8");
  const [, text = ""] = /```yaml\n(# workflows\/[^]*?)```/.exec(guide) ?? [];
  expect(await outputOf(text, { changes: ["one", " two "] })).toEqual({ value: { text: "- one\n- two" } });
});

test("conditions, fallbacks and bodies of a checked definition see what the check let them read", async () => {
  const text = `
name: sees
inputs: { words: "list<string>", note: "string?" }
nodes:
  few: { type: condition, if: "size(inputs.words) < 2 && inputs.note == null" }
  skipped: { type: transform, needs: few, when: "!nodes.few.output.met", value: "'never'" }
  each:
    type: map
    needs: few
    over: inputs.words
    as: word
    do:
      loud: { type: transform, value: "word.upperAscii() + string(index)" }
      twice: { type: transform, needs: loud, set: { text: "nodes.loud.output + (nodes.few.output.met ? '!' : '')" } }
  end:
    type: transform
    needs: [skipped, each]
    value: "nodes.skipped.output.missing"
    fallback: { node: { type: transform, value: "nodes.each.output.results.map(r, r.text).join(' ')" } }
output: { text: nodes.end.output, skipped: nodes.skipped.output == null, run: run.workflow }
`;
  expect(await outputOf(text, { words: ["a"] })).toEqual({ value: { text: "A0!", skipped: true, run: "sees" } });
});
