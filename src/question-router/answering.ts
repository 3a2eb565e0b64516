import { scanSections, type Section } from "../adapters/markdown/index.ts";
import type { Clock } from "../foundation/clock.ts";
import { SpecloopError } from "../foundation/errors.ts";
import type { Emitter } from "../foundation/events.ts";
import { newId } from "../foundation/ids.ts";
import type { Live } from "../foundation/options.ts";
import { type Principal, principalLabel } from "../foundation/principal.ts";
import type { AnswerCache } from "./cache.ts";
import type { Corpus } from "./corpus.ts";
import type { NewAnswer } from "./insert.ts";
import type { Ledger, Recording } from "./ledger.ts";
import type { Entries } from "./similar/entries.ts";
import type { QuestionOptions } from "./options.ts";
import { POLICIES } from "./policy.ts";
import { policyOf } from "./routing-options.ts";
import {
  type Answer,
  type AnswerRequest,
  type Citation,
  type JudgeRequest,
  MAX_ANSWER,
  type QuestionView,
} from "./types.ts";
import type { ReadScope } from "./session/conversations.ts";
import type { Waiters } from "./waiters.ts";

interface Dependencies {
  ledger: Ledger;
  corpus: Corpus;
  cache: AnswerCache;
  entries: Entries;
  waiters: Waiters;
  events: Emitter;
  clock: Clock;
  options: Live<QuestionOptions>;
  /** What a principal may read of the documents; null for everything. */
  scopeOf(principal: Principal): ReadScope | null;
}

/** How sure an answer is that its author vouches for. */
const CONFIDENCE: Record<Principal["kind"], number> = { person: 1, agent: 0.7, system: 0.7 };
const SOMEBODY: Record<Principal["kind"], string> = { person: "a person", agent: "an agent", system: "the system" };
const MAX_CITATIONS = 20;

/** Takes answers and verdicts from people and agents. */
export class Answering {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** The built-in policy is checked where the answer is taken; this is what specloop.yaml narrows it to. */
  async checkPolicy({ questionId, principal }: Pick<AnswerRequest, "questionId" | "principal">): Promise<void> {
    const { ledger, clock, options } = this.#deps;
    const { kind } = await ledger.view(questionId, clock.now());
    const { answerers } = policyOf(options.current, kind);
    if (answerers.includes(principal.kind)) return;
    const by = `A question of kind "${kind}" is answered by ${answerers.map((kind) => SOMEBODY[kind]).join(" or ")}, not by ${principalLabel(principal)}.`;
    throw new SpecloopError("forbidden", by, { target: questionId });
  }

  async answer(request: AnswerRequest, record: Recording): Promise<Answer> {
    const { ledger, clock, events } = this.#deps;
    const question = await ledger.view(request.questionId, clock.now());
    this.#mayAnswer(question, request.principal);
    const answer = await this.#compose(request.text, request.principal, request.citations ?? []);
    const stored = await ledger.settle(question.questionId, { answer, at: clock.now() }, record);
    const { questionId, askedAt } = question;
    this.#announce(questionId, await ledger.keyOf(questionId));
    const ms = Math.max(0, stored.at - askedAt);
    events.emit("question.answered", {
      questionId,
      route: stored.route,
      cached: false,
      ms,
      principal: request.principal,
    });
    return stored;
  }

  async judge(request: JudgeRequest): Promise<{ answerId: string; corrected: Answer | null }> {
    const { ledger, clock, events } = this.#deps;
    const { questionId, verdict, principal } = request;
    const question = await ledger.view(questionId, clock.now());
    this.#mayJudge(question, request);
    const by = principalLabel(principal);
    const correction = request.correction === undefined ? null : await this.#compose(request.correction, principal, []);
    const judged = await ledger.judge(questionId, { verdict, by, at: clock.now() }, correction);
    this.#announce(questionId, await ledger.keyOf(questionId));
    const from = question.answer && { route: question.answer.route };
    events.emit("answer.judged", { questionId, answerId: judged.answerId, verdict, principal, ...from });
    if (verdict === "outdated") await this.#outdateSource(judged.answerId, principal);
    for (const key of await this.#deps.entries.derivedKeys(judged.answerId)) this.#deps.cache.forget(key);
    return judged;
  }

  /**
   * An answer that was taken from a similar question's and is outdated is so wherever it stands. One that is `wrong` may be
   * right for the question it was given to: that only raises the threshold. A person's answer is taken back by people only.
   */
  async #outdateSource(answerId: string, principal: Principal): Promise<void> {
    const { ledger, clock, entries, events } = this.#deps;
    const source = await entries.sourceOf(answerId);
    if (!source?.standing || source.verdict === "wrong" || source.verdict === "outdated") return;
    const { questionId } = source;
    const question = await ledger.view(questionId, clock.now());
    if (question.answer?.route === "person" && principal.kind !== "person") return;
    const judged = { verdict: "outdated" as const, by: principalLabel(principal), at: clock.now() };
    await ledger.judge(questionId, judged, null);
    this.#announce(questionId, await ledger.keyOf(questionId));
    events.emit("answer.judged", { questionId, answerId: source.answerId, verdict: "outdated", principal });
  }

  #mayAnswer(question: QuestionView, principal: Principal): void {
    if (POLICIES[question.kind].answerers.includes(principal.kind)) return;
    throw new SpecloopError(
      "forbidden",
      `A question of kind "${question.kind}" is answered by a person, not by ${principalLabel(principal)}.`,
      {
        target: question.questionId,
      },
    );
  }

  /** What a person said is taken back by people only, and a correction is an answer. */
  #mayJudge(question: QuestionView, { verdict, correction, principal }: JudgeRequest): void {
    const scope = this.#deps.scopeOf(principal);
    if (scope && question.answer?.citations.some(({ path }) => !scope.reads(path))) {
      throw new SpecloopError("forbidden", "The answer rests on documents that this agent may not read.", {
        target: question.questionId,
        fix: "Leave the verdict to somebody who can read them.",
      });
    }
    if (correction !== undefined) {
      this.#mayAnswer(question, principal);
      if (verdict === "useful")
        throw new SpecloopError("bad_input", "An answer that is useful needs no correction.", { target: "correction" });
    }
    if (question.answer?.route === "person" && verdict !== "useful" && principal.kind !== "person") {
      throw new SpecloopError("forbidden", `The answer of ${question.answer.by} can be rejected by a person only.`, {
        target: question.questionId,
      });
    }
  }

  async #compose(
    text: string,
    principal: Principal,
    cited: { path: string; heading?: string | undefined }[],
  ): Promise<NewAnswer> {
    if (text.trim() === "" || text.length > MAX_ANSWER) {
      throw new SpecloopError("bad_input", `An answer has 1 to ${MAX_ANSWER} characters.`, { target: "text" });
    }
    if (cited.length > MAX_CITATIONS) {
      throw new SpecloopError("bad_input", `An answer cites at most ${MAX_CITATIONS} places.`, { target: "citations" });
    }
    const citations = await Promise.all(cited.map((place) => this.#cite(place)));
    const route = principal.kind === "person" ? "person" : "agent";
    return {
      id: newId("a"),
      text: text.trim(),
      citations,
      route,
      confidence: CONFIDENCE[principal.kind],
      by: principalLabel(principal),
    };
  }

  /** Throws `unknown_document` or `unknown_section` for a place that is not there: a citation has to be found again. */
  async #cite({ path, heading }: { path: string; heading?: string | undefined }): Promise<Citation> {
    const document = await this.#deps.corpus.content(path);
    if (!document)
      throw new SpecloopError("unknown_document", `There is no text file ${path} to cite.`, { target: path });
    const { text, revision } = document;
    if (heading === undefined || heading === "") {
      return {
        path,
        heading: "",
        startLine: 1,
        endLine: Math.max(1, text.split("\n").length - (text.endsWith("\n") ? 1 : 0)),
        revision,
      };
    }
    const section = scanSections(text).find((section) => isNamed(section, heading));
    if (!section) throw new SpecloopError("unknown_section", `${path} has no section "${heading}".`, { target: path });
    return {
      path,
      heading: section.path.join(" > "),
      startLine: section.startLine,
      endLine: section.endLine,
      revision,
    };
  }

  #announce(questionId: string, key: string): void {
    this.#deps.cache.forget(key);
    this.#deps.waiters.wake(questionId);
  }
}

/** By its heading or by the end of its heading path, as citations write it. */
function isNamed({ path, heading }: Section, wanted: string): boolean {
  const whole = path.join(" > ");
  return heading === wanted || whole === wanted || whole.endsWith(` > ${wanted}`);
}
