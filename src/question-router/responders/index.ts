import type { Llm } from "../../adapters/llm/index.ts";
import type { SearchIndex } from "../../adapters/search/index.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Live } from "../../foundation/options.ts";
import type { Corpus } from "../corpus.ts";
import type { QuestionOptions } from "../options.ts";
import type { InForce } from "../people/index.ts";
import { DocumentsResponder } from "./documents.ts";
import { ModelResponder } from "./model.ts";
import type { Responder } from "./responder.ts";

interface Dependencies {
  index: SearchIndex;
  corpus: Corpus;
  inForce: InForce;
  llm: Llm | null;
  options: Live<QuestionOptions>;
  clock: Clock;
}

/** Who can answer, one line each; `policy.ts` says who may, and in which order they are asked. */
const RESPONDERS: Record<Responder["name"], (dependencies: Dependencies) => Responder | null> = {
  documents: (dependencies) => new DocumentsResponder(dependencies),
  similar: () => null,
  tool: () => null,
  agent: () => null,
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
