import { SpecloopError } from "../../foundation/errors.ts";
import type { Stage } from "./stage.ts";

/** One scene: what it shows, and what came out; it throws when the product did not do what it should. */
export interface Step {
  title: string;
  run(stage: Stage): Promise<string[]>;
}

/** Fails the step with a sentence when the product did not do what the story says. */
export function expect(holds: boolean, sentence: string): asserts holds {
  if (!holds)
    throw new SpecloopError("internal", `The demo expected that ${sentence}.`, { fix: "Please report this." });
}

/** Text on one line, cut to a length. */
export function oneLine(text: string, length = 140): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
