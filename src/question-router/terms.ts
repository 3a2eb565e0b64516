import { SpecloopError } from "../foundation/errors.ts";
import { sha256 } from "../foundation/hash.ts";
import type { Draft } from "./flights.ts";
import { normalise } from "./key.ts";
import type { AskRequest } from "./types.ts";

const YEAR = 31_536_000_000;
const MAX_CHOICE = 200;

/**
 * A draft with how it is to be answered: deadline, budget, quorum, choices. Who wants several agents or one of some
 * choices asks another question than who wants any answer, so these have a key of their own. Throws `bad_input`.
 */
export function withTerms(draft: Draft, request: AskRequest): Draft {
  checkTerms(draft, request);
  const { deadlineMs, budget, quorum, choices } = request;
  return {
    ...draft,
    key: keyWith(draft.key, request),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(budget && { budget }),
    ...(quorum !== undefined && { quorum }),
    ...(choices && { choices }),
  };
}

function checkTerms({ kind }: Draft, { deadlineMs, budget, quorum, choices }: AskRequest): void {
  checkRange("deadlineMs", deadlineMs, 1000, YEAR);
  checkRange("budget.usd", budget?.usd, 0, 1_000_000);
  checkRange("budget.tokens", budget?.tokens, 0, 1_000_000_000);
  checkRange("quorum", quorum, 2, 5);
  if (quorum !== undefined && !Number.isInteger(quorum)) throw bad("quorum", "is a whole number");
  checkChoices(choices);
  if ((quorum !== undefined || choices) && kind === "authority")
    throw bad("quorum", "and choices are put to agents, and what somebody may do is said by documents and people only");
}

function keyWith(key: string, { quorum, choices }: AskRequest): string {
  if (quorum === undefined && choices === undefined) return key;
  return sha256(`${key}\0${quorum ?? 1}\0${JSON.stringify(choices?.map(normalise) ?? null)}`);
}

function checkChoices(choices: string[] | undefined): void {
  if (choices === undefined) return;
  const different = new Set(choices.map(normalise));
  if (choices.length < 2 || choices.length > 20) throw bad("choices", "are 2 to 20");
  if (different.size !== choices.length || different.has("")) throw bad("choices", "differ, and none is empty");
  if (choices.some((choice) => choice.length > MAX_CHOICE))
    throw bad("choices", `have at most ${MAX_CHOICE} characters`);
}

function checkRange(target: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (value >= least && value <= most)) return;
  throw bad(target, `is ${least} to ${most}, not ${value}`);
}

function bad(target: string, what: string): SpecloopError {
  return new SpecloopError("bad_input", `${target} ${what}.`, { target });
}
