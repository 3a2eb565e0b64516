import { expect, oneLine, type Step } from "../step.ts";
import { SpecloopError } from "../../../foundation/errors.ts";
import { knownRequirements } from "../requirements.ts";
import type { Stage } from "../stage.ts";

interface Asked {
  status: string;
  questionId: string;
  cached: boolean;
  answer: Answer | null;
}

interface Answer {
  text: string;
  route: string;
  by: string;
  citations: { path: string; heading: string; startLine: number; endLine: number; revision: string }[];
}

export const questionIsAnswered: Step = {
  title: "An agent asks: answered from the documents with citations, then from the cache",
  run: async (stage) => {
    const { question, answer } = await findAnswered(stage);
    const again = (await stage.agent.callTool("question_ask", {
      text: ` ${question.toUpperCase()} `,
    })) as unknown as Asked;
    expect(again.cached, "the same question is answered from the cache");
    const [citation] = answer.citations;
    expect(citation !== undefined, "the answer has a citation");
    return [
      `asked: ${question}`,
      `answer: ${oneLine(answer.text)}`,
      `cites ${citation.path}:${citation.startLine}-${citation.endLine} "${citation.heading}" at revision ${citation.revision.slice(0, 10)}`,
      "asked again in capitals: the same answer from the cache, still bound to that revision",
    ];
  },
};

/** The first requirement about which the documents answer even at the strict setting. */
async function findAnswered(stage: Stage): Promise<{ question: string; answer: Answer }> {
  for (const { name } of knownRequirements(stage.repository)) {
    const question = `${name}?`;
    const asked = (await stage.agent.callTool("question_ask", { text: question, waitMs: 0 })) as unknown as Asked;
    if (asked.answer?.route === "documents") return { question, answer: asked.answer };
  }
  throw new SpecloopError("internal", "The documents answer no question about any of their requirements.");
}

export const questionWaits: Step = {
  title: "A second question stays pending, another client answers it, the first one gets it",
  run: async (stage) => {
    const text = "Which colour shall the bicycle shed of the northern car park have?";
    const asked = (await stage.agent.callTool("question_ask", { text, waitMs: 0 })) as unknown as Asked;
    expect(asked.status === "pending", `nobody knows the answer, but it is ${asked.status}`);
    const { questionId } = asked;
    const waiting = stage.agent.callTool("question_get", { questionId, waitMs: 20_000 }) as Promise<unknown>;
    const listed = (await stage.colleague.callTool("question_list", { status: "pending" })) as unknown as {
      questions: { questionId: string }[];
    };
    expect(
      listed.questions.some((question) => question.questionId === questionId),
      "the other client sees the question",
    );
    await stage.colleague.callTool("answer_submit", { questionId, text: "Green, like the gate." });
    const answered = (await waiting) as Asked;
    expect(answered.answer?.text === "Green, like the gate.", "the asker gets the answer");
    return [
      `asked: ${text}`,
      `pending as ${questionId}, listed to the other client over HTTP`,
      `answered by ${answered.answer.by}; the first client, which was waiting, got: ${answered.answer.text}`,
    ];
  },
};
