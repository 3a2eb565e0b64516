import { SpecloopError } from "../../foundation/errors.ts";
import type { ModelInfo } from "./port.ts";

type Use = "chat" | "embedding";

const OPTION: Record<Use, string> = { chat: "llm.model", embedding: "llm.embeddingModel" };

/**
 * The model for a use: the configured one, else the first that is loaded for it. A configured model that the server
 * does not list is taken at its word where lists are incomplete (`trusting`). Errors: `llm_no_model`.
 */
export function chooseModel(
  models: ModelInfo[],
  use: Use,
  { wanted, trusting }: { wanted: string | undefined; trusting: boolean },
): ModelInfo {
  if (wanted !== undefined) {
    const known = models.filter(({ id }) => id === wanted || id.startsWith(`${wanted}:`));
    const chosen = known.find(({ loaded }) => loaded) ?? known[0];
    if (chosen) return chosen;
    if (trusting) return { id: wanted, kind: use, loaded: true, contextLength: null };
    throw none(`The model server does not list "${wanted}"`, use, models);
  }
  const loaded = models.filter((model) => model.loaded);
  const chosen =
    loaded.find(({ kind }) => kind === use) ??
    (use === "chat" ? loaded.find(({ kind }) => kind === "unknown") : undefined);
  if (!chosen) throw none(`The model server has no ${use} model loaded`, use, models);
  return chosen;
}

function none(what: string, use: Use, models: ModelInfo[]): SpecloopError {
  const names = models.filter(({ kind }) => kind !== (use === "chat" ? "embedding" : "chat")).map(({ id }) => id);
  const listed = names.slice(0, 10).join(", ") || "none";
  return new SpecloopError("llm_no_model", `${what}; it lists: ${listed}.`, {
    target: OPTION[use],
    fix: `Load a model in LM Studio, or set ${OPTION[use]} to one that it lists.`,
    details: { models: names },
  });
}
