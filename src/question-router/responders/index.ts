import type { Llm } from "../../adapters/llm/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Live } from "../../foundation/options.ts";
import type { AgentDesk } from "../agents/index.ts";
import type { AnswerCache } from "../cache.ts";
import type { Corpus } from "../corpus.ts";
import type { Embedder } from "../embedder.ts";
import type { QuestionOptions } from "../options.ts";
import type { InForce } from "../people/index.ts";
import { FollowingUp } from "../session/follow-up.ts";
import type { Entries } from "../similar/entries.ts";
import { AgentResponder } from "./agent.ts";
import { DocumentsResponder, type Meanings } from "./documents.ts";
import { ModelResponder } from "./model.ts";
import type { DocumentSearch } from "../search/port.ts";
import type { Responder } from "./responder.ts";
import { SimilarResponder } from "./similar.ts";
import { ToolResponder } from "./tool.ts";
import type { ToolAnswers } from "../tool-answers.ts";

interface Dependencies {
  index: DocumentSearch;
  corpus: Corpus;
  cache: AnswerCache;
  entries: Entries;
  /** Null, or without a model: everything goes by words alone. */
  embedder?: Embedder | null;
  meanings?: Meanings | null;
  inForce: InForce;
  /** Null where no downstream server can be configured. */
  tools?: ToolAnswers | null;
  desk: AgentDesk;
  llm: Llm | null;
  options: Live<QuestionOptions>;
  clock: Clock;
}

/** Who can answer, one line each; `policy.ts` says who may, and in which order they are asked. */
const RESPONDERS: Record<Responder["name"], (dependencies: Dependencies) => Responder | null> = {
  documents: (dependencies) => new FollowingUp(new DocumentsResponder(dependencies)),
  similar: (dependencies) => new SimilarResponder(dependencies),
  tool: ({ tools, ...dependencies }) => (tools ? new ToolResponder({ tools, ...dependencies }) : null),
  agent: ({ desk }) => new AgentResponder(desk),
  model: ({ llm, ...dependencies }) => llm && new ModelResponder({ llm, ...dependencies }),
};

export type Responders = Record<Responder["name"], Responder | null>;

export function createResponders(dependencies: Dependencies): Responders {
  return {
    documents: RESPONDERS.documents(dependencies),
    similar: RESPONDERS.similar(dependencies),
    tool: RESPONDERS.tool(dependencies),
    agent: RESPONDERS.agent(dependencies),
    model: RESPONDERS.model(dependencies),
  };
}
